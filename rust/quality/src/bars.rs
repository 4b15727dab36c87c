//! What `balance`, `pack` and `spread` must reach.

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

/// Imbalances that differ by no more are the same: where several nodes are needed, worst fit also
/// takes nodes that it could do without, and the planner never does.
const SAME_IMBALANCE: f64 = 0.01;

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

/// A bar that the main table does not reach: where, and by what.
pub fn broken(rows: &[Row], rules: &[Rule]) -> Result<Vec<String>, Fault> {
    let at = |name| {
        let at = rules.iter().position(|rule| rule.name() == name);
        at.ok_or(Fault::NoRule(name))
    };
    let [multi, best] = [at("xenopsd-multi")?, at("bestfit")?];
    let [pack, spread, balance] = [at("pack")?, at("spread")?, at("balance")?];
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
        let honouring = figures
            .iter()
            .zip(rules)
            .filter(|(_, rule)| !matches!(rule, Rule::Xenopsd));
        let least = honouring
            .map(|(figures, _)| figures.imbalance)
            .fold(1.0, f64::min);
        if figures[spread].imbalance > least + SAME_IMBALANCE {
            broken.push(format!("{place}: spread has not the least imbalance"));
        }
    }
    let better = Against::new(rows, balance, multi).better_rows;
    if better < BETTER_ROWS {
        broken.push(format!("balance is better in both on {better} rows only"));
    }
    Ok(broken)
}
