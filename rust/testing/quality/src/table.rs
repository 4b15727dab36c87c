//! Runs many rules on many rows at once.

use std::ops::RangeInclusive;

use planner::Strategy;

use crate::arrivals::Sizes;
use crate::fault::Fault;
use crate::hosts::{hosts, Hardware};
use crate::placers::Rule;
use crate::run::{run, Figures};

/// How full hosts are kept.
pub const LOADS: [f64; 2] = [0.75, 0.9];

/// The rules of the main table; `XenopsdMulti` is what `balance` is measured by.
pub const RULES: [Rule; 8] = [
    Rule::Xenopsd,
    Rule::XenopsdMulti,
    Rule::WorstFit,
    Rule::BestFit,
    Rule::LeastVcpu,
    Rule::Ours(Strategy::Pack),
    Rule::Ours(Strategy::Spread),
    Rule::Ours(Strategy::Balance),
];

/// What arrives, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Law {
    /// How sizes are drawn.
    pub sizes: Sizes,
    /// What is different about the hosts.
    pub hosts: Hosts,
}

/// What hosts are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// All memory of all nodes, which are alike, is free for VMs.
    Plain,
    /// A part of each node is not free for VMs.
    HeldBack,
    /// Every second node has half the memory.
    HalfNodes,
}

impl Law {
    /// The law of the main table.
    pub const PLAIN: Law = Law {
        sizes: Sizes::Plain,
        hosts: Hosts::Plain,
    };
}

/// A host at a load, and what each rule made of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// The host.
    pub host: &'static str,
    /// Its load.
    pub load: f64,
    /// One entry a rule, in the order of the rules.
    pub figures: Vec<Figures>,
}

/// The ten rows of `rules`. Rows are independent of each other and each is one thread's.
pub fn rows(law: Law, rules: &[Rule], seeds: RangeInclusive<u64>) -> Result<Vec<Row>, Fault> {
    let hosts = hosts()?.into_iter().map(|host| match law.hosts {
        Hosts::Plain => host,
        Hosts::HeldBack => host.with_held_back(),
        Hosts::HalfNodes => host.with_half_nodes(),
    });
    let hosts: Vec<Hardware> = hosts.collect();
    let row = |host: &Hardware, load: f64| {
        let figures = |rule: &Rule| run(host, law.sizes, load, *rule, seeds.clone());
        Ok(Row {
            host: host.name,
            load,
            figures: rules.iter().map(figures).collect::<Result<_, Fault>>()?,
        })
    };
    std::thread::scope(|scope| {
        let row = &row;
        let places = hosts.iter().flat_map(|host| LOADS.map(|load| (host, load)));
        let start = |(host, load)| scope.spawn(move || row(host, load));
        let threads: Vec<_> = places.map(start).collect();
        let done = threads.into_iter().map(|thread| thread.join());
        done.map(|row| row.unwrap_or(Err(Fault::Panicked)))
            .collect()
    })
}
