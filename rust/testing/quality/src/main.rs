//! Prints what strategies are worth, writes it to `docs/quality.md`, and fails if a bar is broken.

use std::process::ExitCode;

use planner::Strategy;
use xenopsd_numa_quality::arrivals::Sizes;
use xenopsd_numa_quality::bars::{broken, broken_by_spread, Against};
use xenopsd_numa_quality::fault::Fault;
use xenopsd_numa_quality::ideas::for_balance;
use xenopsd_numa_quality::level::Levels;
use xenopsd_numa_quality::placers::Rule;
use xenopsd_numa_quality::report::{page, Elsewhere, Tried, AIMED_AT};
use xenopsd_numa_quality::table::{rows, Hosts, Law, RULES};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/quality.md");

fn main() -> ExitCode {
    match measure() {
        Ok(broken) if broken.is_empty() => ExitCode::SUCCESS,
        Ok(broken) => {
            for bar in &broken {
                eprintln!("bar broken: {bar}");
            }
            ExitCode::FAILURE
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
    }
}

/// Measures, prints and writes; the bars that are broken.
fn measure() -> Result<Vec<String>, Fault> {
    let main_rows = rows(Law::PLAIN, &RULES, 1..=200)?;
    let levels = Levels::measured()?;
    let page = page(&RULES, &main_rows, &levels, &tried()?, &elsewhere()?)?;
    print!("{page}");
    std::fs::write(PAGE, &page)?;
    let mut broken = broken(&main_rows, &RULES)?;
    let [alike, different] = levels.spread();
    broken.extend(broken_by_spread(alike, different));
    Ok(broken)
}

fn tried() -> Result<Vec<Tried>, Fault> {
    let mut rules = vec![Rule::XenopsdMulti];
    rules.extend(for_balance().map(Rule::Tried));
    let rows = rows(Law::PLAIN, &rules, 1..=200)?;
    let mut aimed_at = rows.iter().filter(|row| (row.host, row.load) == AIMED_AT);
    let aimed_at = aimed_at.next().ok_or(Fault::NoRow)?;
    let tried = |(i, idea)| Tried {
        idea,
        against: Against::new(&rows, i + 1, 0),
        aimed_at: aimed_at.figures[i + 1],
    };
    Ok(for_balance().enumerate().map(tried).collect())
}

/// Ideas that are told beside `balance` under other laws.
const ELSEWHERE: [&str; 2] = ["next, least used", "two ahead"];

fn elsewhere() -> Result<Vec<Elsewhere>, Fault> {
    let mut rules = vec![Rule::XenopsdMulti, Rule::Ours(Strategy::Balance)];
    let ideas = for_balance().filter(|idea| ELSEWHERE.contains(&idea.name));
    rules.extend(ideas.map(Rule::Tried));
    let laws = [
        ("as above | 1 to 200", Sizes::Plain, Hosts::Plain, 1..=200),
        (
            "as above | 201 to 1200",
            Sizes::Plain,
            Hosts::Plain,
            201..=1200,
        ),
        ("ragged | 1 to 200", Sizes::Ragged, Hosts::Plain, 1..=200),
        (
            "held back | 1 to 200",
            Sizes::Plain,
            Hosts::HeldBack,
            1..=200,
        ),
        (
            "ragged, held back | 1 to 200",
            Sizes::Ragged,
            Hosts::HeldBack,
            1..=200,
        ),
        (
            "half nodes | 1 to 200",
            Sizes::Plain,
            Hosts::HalfNodes,
            1..=200,
        ),
    ];
    let mut elsewhere = Vec::new();
    for (what, sizes, hosts, seeds) in laws {
        let rows = rows(Law { sizes, hosts }, &rules, seeds)?;
        elsewhere.extend((1..rules.len()).map(|ours| Elsewhere {
            what,
            rule: rules[ours].name(),
            against: Against::new(&rows, ours, 0),
        }));
    }
    Ok(elsewhere)
}
