//! What `balance`, `pack` and `spread` must reach.

use planner::Strategy;

use crate::fault::Fault;
use crate::placers::Rule;
use crate::run::Figures;
use crate::table::Row;

/// Share of running VMs on one node that `balance` may be below xenopsd-multi.
const SHARE_BELOW: f64 = 0.003;
/// Distance that it may be above, as a fraction.
const DISTANCE_ABOVE: f64 = 0.01;
/// Imbalance that it may be above.
const IMBALANCE_ABOVE: f64 = 0.05;
/// Rows on which it must be better in both share and distance.
const BETTER_ROWS: usize = 6;

/// Imbalance that `spread` may be above the least of the others: where several nodes are needed,
/// worst fit also takes nodes that it could do without, and cuts VMs into more parts than the
/// planner ever does. Where nodes differ in size nothing is allowed.
const WORTH_OF_SPARE_NODES: f64 = 0.009;

/// How a rule compares with another on all rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// The least lead in share of running VMs on one node.
    pub share: f64,
    /// The largest distance, as a fraction above the other's.
    pub distance: f64,
    /// The largest imbalance above the other's.
    pub imbalance: f64,
    /// Rows on which both share and distance are better.
    pub better_rows: usize,
}

impl Against {
    /// What the rule at `ours` made of `rows`, against the one at `theirs`.
    pub fn new(rows: &[Row], ours: usize, theirs: usize) -> Self {
        let mut against = Against {
            share: f64::INFINITY,
            distance: f64::NEG_INFINITY,
            imbalance: f64::NEG_INFINITY,
            better_rows: 0,
        };
        for row in rows {
            let [share, distance, imbalance] =
                differences(&row.figures[ours], &row.figures[theirs]);
            against.share = against.share.min(share);
            against.distance = against.distance.max(distance);
            against.imbalance = against.imbalance.max(imbalance);
            against.better_rows += usize::from(share > 0.0 && distance < 0.0);
        }
        against
    }

    /// Whether `balance` may be so.
    pub fn holds(&self) -> bool {
        self.share >= -SHARE_BELOW
            && self.distance <= DISTANCE_ABOVE
            && self.imbalance <= IMBALANCE_ABOVE
            && self.better_rows >= BETTER_ROWS
    }
}

fn differences(ours: &Figures, theirs: &Figures) -> [f64; 3] {
    [
        ours.running_on_one - theirs.running_on_one,
        ours.distance / theirs.distance - 1.0,
        ours.imbalance - theirs.imbalance,
    ]
}

/// Where the rule of that name is.
pub fn index_of(rules: &[Rule], name: &'static str) -> Result<usize, Fault> {
    let at = rules.iter().position(|rule| rule.name() == name);
    at.ok_or(Fault::NoRule(name))
}

/// A bar that `balance` or `pack` does not reach in the main table: where, and by what.
pub fn broken(rows: &[Row], rules: &[Rule]) -> Result<Vec<String>, Fault> {
    let at = |name| index_of(rules, name);
    let [multi, best] = [at("xenopsd-multi")?, at("bestfit")?];
    let [pack, balance] = [at("pack")?, at("balance")?];
    let mut broken = Vec::new();
    for row in rows {
        let place = format!("{} at {:.0} %", row.host, row.load * 100.0);
        let figures = &row.figures;
        let [share, distance, imbalance] = differences(&figures[balance], &figures[multi]);
        if share < -SHARE_BELOW {
            broken.push(format!(
                "{place}: balance has {share:+.4} of VMs on one node"
            ));
        }
        if distance > DISTANCE_ABOVE {
            broken.push(format!("{place}: balance has {distance:+.4} of distance"));
        }
        if imbalance > IMBALANCE_ABOVE {
            broken.push(format!("{place}: balance has {imbalance:+.4} of imbalance"));
        }
        if figures[pack].running_on_one < figures[best].running_on_one {
            broken.push(format!(
                "{place}: pack has fewer VMs on one node than bestfit"
            ));
        }
    }
    let better = Against::new(rows, balance, multi).better_rows;
    if better < BETTER_ROWS {
        broken.push(format!("balance is better in both on {better} rows only"));
    }
    Ok(broken)
}

/// How much imbalance `spread` has, on the worst row, beyond the least of the rules that honour
/// plans of several nodes.
pub fn excess_of_spread(rows: &[Row], rules: &[Rule]) -> Result<f64, Fault> {
    let mut most = f64::NEG_INFINITY;
    for row in rows {
        let [spread, least] = spread_and_least(row, rules)?;
        most = most.max(spread - least);
    }
    Ok(most)
}

/// The imbalance of `spread` on a row, and the least of its rivals.
pub fn spread_and_least(row: &Row, rules: &[Rule]) -> Result<[f64; 2], Fault> {
    let (mut spread, mut least) = (None, f64::INFINITY);
    for (rule, figures) in rules.iter().zip(&row.figures) {
        match rule {
            Rule::Ours(Strategy::Spread) => spread = Some(figures.imbalance),
            // Its plans of several nodes are dropped.
            Rule::Xenopsd => (),
            Rule::XenopsdMulti
            | Rule::WorstFit
            | Rule::BestFit
            | Rule::LeastVcpu
            | Rule::Ours(Strategy::Pack | Strategy::Balance) => {
                least = least.min(figures.imbalance);
            }
        }
    }
    let spread = spread.ok_or(Fault::NoRule("spread"))?;
    Ok([spread, least])
}

/// What `spread` does not reach, with these excesses on the ten rows and where nodes differ in
/// size.
pub fn broken_by_spread(alike: f64, different: f64) -> Vec<String> {
    let mut broken = Vec::new();
    if alike > WORTH_OF_SPARE_NODES {
        broken.push(format!("spread has {alike:+.4} of imbalance"));
    }
    if different > 0.0 {
        broken.push(format!(
            "spread has {different:+.4} of imbalance where nodes differ in size"
        ));
    }
    broken
}
