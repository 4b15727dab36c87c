//! The simulator agrees with xenopsd's own code, and the planner reaches its bars.

use planner::Strategy;
use xenopsd_numa_quality::bars::Against;
use xenopsd_numa_quality::placers::Rule;
use xenopsd_numa_quality::run::Figures;
use xenopsd_numa_quality::table::{rows, Law, Row, RULES};

/// More seeds than were recorded, so that what is left is mostly the record's own chance.
const SEEDS: u64 = 800;
const BATCHES: u64 = 20;
const RECORDED_SEEDS: u64 = 200;

/// The columns of the table in the units of the recorded one, and half a unit of its last digit.
fn columns(figures: &Figures) -> [(&'static str, f64, f64); 7] {
    [
        ("started", figures.started_on_one * 100.0, 0.05),
        ("possible", figures.possible * 100.0, 0.05),
        ("running", figures.running_on_one * 100.0, 0.05),
        ("repack", figures.repacked * 100.0, 0.05),
        ("distance", figures.distance, 0.005),
        ("imbalance", figures.imbalance * 100.0, 0.5),
        ("vCPU max/mean", figures.hottest, 0.005),
    ]
}

/// The mean of each column, and its standard error, from batches of seeds.
fn measured(batches: &[Vec<Row>], row: usize, rule: usize) -> [(&'static str, f64, f64, f64); 7] {
    let of = |column: usize| {
        let values = batches
            .iter()
            .map(|rows| columns(&rows[row].figures[rule])[column]);
        let count = batches.len() as f64;
        let mean = values.clone().map(|(_, value, _)| value).sum::<f64>() / count;
        let squares = values.clone().map(|(_, value, _)| (value - mean).powi(2));
        let error = (squares.sum::<f64>() / (count - 1.0) / count).sqrt();
        let (name, _, rounding) = columns(&batches[0][row].figures[rule])[column];
        (name, mean, error, rounding)
    };
    [0, 1, 2, 3, 4, 5, 6].map(of)
}

/// Both sides are the same law with other random numbers, so their difference has a standard error
/// that the seeds' own scatter explains. Four of them are allowed: of 350 figures none should be
/// farther off by chance.
#[test]
fn peers_agree_with_xenopsds_own_code() {
    let size = SEEDS / BATCHES;
    let batch = |i| rows(Law::PLAIN, &RULES[..5], i * size + 1..=(i + 1) * size).unwrap();
    let batches: Vec<Vec<Row>> = (0..BATCHES).map(batch).collect();
    let mut compared = 0;
    let mut off = Vec::new();
    for line in include_str!("xenopsd.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [host, load, rule, figures @ ..] = words.as_slice() else {
            panic!("{line}");
        };
        if *host == "#" {
            continue;
        }
        let load: f64 = load.parse().unwrap();
        let mut places = batches[0].iter();
        let row = places
            .position(|row| row.host == *host && row.load * 100.0 == load)
            .unwrap();
        let rule_at = RULES
            .iter()
            .position(|known| known.name() == *rule)
            .unwrap();
        for (figure, measured) in figures.iter().zip(measured(&batches, row, rule_at)) {
            let (name, mean, error, rounding) = measured;
            let recorded: f64 = figure.parse().unwrap();
            let both_errors = error * (1.0 + SEEDS as f64 / RECORDED_SEEDS as f64).sqrt();
            let allowed = 4.0 * both_errors + rounding;
            compared += 1;
            if (mean - recorded).abs() > allowed {
                off.push(format!(
                    "{host} {load} {rule} {name}: {mean:.2}, \
                     recorded {recorded}, allowed {allowed:.2}"
                ));
            }
        }
    }
    assert_eq!(compared, 350);
    assert!(off.is_empty(), "{}", off.join("\n"));
}

#[test]
fn balance_reaches_its_bars_on_few_seeds() {
    let rules = [Rule::XenopsdMulti, Rule::Ours(Strategy::Balance)];
    let against = Against::new(&rows(Law::PLAIN, &rules, 1..=50).unwrap(), 1, 0);
    assert!(against.holds(), "{against:?}");
}
