//! `spread` beside its rivals, and what was tried for it.

use planner::Strategy;

use crate::arrivals::Sizes;
use crate::bars::{least, Excess};
use crate::fault::Fault;
use crate::ideas::level::FOR_SPREAD;
use crate::placers::Rule;
use crate::table::{rows, Hosts, Law, Row};

/// All that honour plans of several nodes, worst fit first.
const RIVALS: [Rule; 6] = [
    Rule::WorstFit,
    Rule::XenopsdMulti,
    Rule::BestFit,
    Rule::LeastVcpu,
    Rule::Ours(Strategy::Pack),
    Rule::Ours(Strategy::Balance),
];

/// Rows with rivals first, then `spread`, then the ideas.
pub struct Levels {
    /// The ten rows.
    alike: Vec<Row>,
    /// The same where every second node has half the memory.
    different: Vec<Row>,
}

/// A row of the page: imbalances.
pub struct Beside {
    /// The host.
    pub host: &'static str,
    /// Its load.
    pub load: f64,
    /// Of `spread`, and the least of its rivals.
    pub alike: [f64; 2],
    /// The same where every second node has half the memory.
    pub different: [f64; 2],
}

/// A rule and its excess on the ten rows, and where every second node has half the memory.
pub struct Tried {
    /// What the page calls it.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// On the ten rows, and where nodes differ in size.
    pub excess: [Excess; 2],
}

impl Levels {
    /// Runs all of it, on seeds 1 to 200.
    pub fn measured() -> Result<Self, Fault> {
        let mut rules = RIVALS.to_vec();
        rules.push(Rule::Ours(Strategy::Spread));
        rules.extend(FOR_SPREAD.iter().map(Rule::Tried));
        let law = |hosts| Law {
            sizes: Sizes::Plain,
            hosts,
        };
        Ok(Levels {
            alike: rows(law(Hosts::Plain), &rules, 1..=200)?,
            different: rows(law(Hosts::HalfNodes), &rules, 1..=200)?,
        })
    }

    /// The excess of `spread`.
    pub fn spread(&self) -> [Excess; 2] {
        self.excess(RIVALS.len())
    }

    fn excess(&self, rule: usize) -> [Excess; 2] {
        [&self.alike, &self.different].map(|rows| Excess::new(rows, rule, 0..RIVALS.len()))
    }

    /// `spread` row by row.
    pub fn beside(&self) -> impl Iterator<Item = Beside> + '_ {
        let both = |row: &Row| {
            let spread = row.figures[RIVALS.len()].imbalance;
            [spread, least(row, 0..RIVALS.len())]
        };
        let rows = self.alike.iter().zip(&self.different);
        rows.map(move |(alike, different)| Beside {
            host: alike.host,
            load: alike.load,
            alike: both(alike),
            different: both(different),
        })
    }

    /// `spread`, then the ideas.
    pub fn tried(&self) -> impl Iterator<Item = Tried> + '_ {
        let ideas = FOR_SPREAD.iter().map(|idea| (idea.name, idea.what));
        let what = "least used share of the set once the VM is there";
        let rules = std::iter::once(("spread", what)).chain(ideas);
        rules.enumerate().map(|(i, (name, what))| Tried {
            name,
            what,
            excess: self.excess(RIVALS.len() + i),
        })
    }
}
