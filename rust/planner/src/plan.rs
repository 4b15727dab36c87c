//! The planner's answer: where a VM goes, or by how much it does not fit.

use std::cmp::Ordering;
use std::fmt;

use crate::nodes::{NodeSet, MAX_NODES};
use crate::topology::LOCAL_DISTANCE;
use crate::words::{Bytes, Count};

/// How far the nodes of a set are from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    /// The largest distance between two nodes of the set, a node and itself included.
    pub maximum: u32,
    /// The sum over all ordered pairs, each node with itself included.
    pub sum: u64,
    /// How many pairs that is: the square of the number of nodes.
    pub pairs: u64,
}

impl Distance {
    /// That of a node by itself.
    pub(crate) const LOCAL: Distance = Distance {
        maximum: LOCAL_DISTANCE,
        sum: LOCAL_DISTANCE as u64,
        pairs: 1,
    };

    /// The average over all ordered pairs.
    pub fn average(&self) -> f64 {
        self.sum as f64 / self.pairs as f64
    }

    /// The order of the averages, without rounding.
    pub fn compare_averages(&self, other: &Distance) -> Ordering {
        (self.sum * other.pairs).cmp(&(other.sum * self.pairs))
    }

    /// The order in which plans are preferred: by maximum, then by average.
    pub fn compare(&self, other: &Distance) -> Ordering {
        (self.maximum.cmp(&other.maximum)).then_with(|| self.compare_averages(other))
    }
}

/// Where a VM goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The nodes that it uses.
    pub nodes: NodeSet,
    /// The nodes whose CPUs it may use: the same, or for policy `Any` every node that it may use,
    /// those without memory included.
    pub cpu_nodes: NodeSet,
    /// Pages that each node is expected to give, 0 for nodes that are not used; their sum is the
    /// requested memory.
    pub pages: [u64; MAX_NODES],
    /// How far the nodes are from each other; `None` for policy `Any`.
    pub distance: Option<Distance>,
    /// Whether no other set of nodes is closer.
    pub optimal: bool,
    /// How much larger the average distance is than what is proven to be needed, as a fraction;
    /// `None` if a smaller maximum distance was not ruled out.
    pub gap: Option<f64>,
    /// How many sets of nodes as near as this one were compared, this one included. The search
    /// passes over sets that the strategy would not take.
    pub equals: u64,
}

crate::named! {
    /// Why a VM was refused: what binds.
    Reason {
        Memory = "memory": "no nodes that reach each other have all that is needed: memory",
        Cpus = "cpus": "no nodes that reach each other have all that is needed: CPUs",
        Cores = "cores": "no nodes that reach each other have all that is needed: cores",
        Reachability = "reachability": "the nodes that would do together cannot reach each other",
        Mask = "mask": "the allowed CPUs and nodes do not suffice, though the host would",
        SingleNode = "single_node": "no single node suffices, though several would",
        HostMemory = "host_memory": "the host has not got the memory",
    }
}

/// What is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shortfall {
    /// Pages.
    pub pages: u64,
    /// CPUs.
    pub cpus: u32,
    /// Cores.
    pub cores: u32,
}

impl Shortfall {
    /// Whether nothing is missing.
    pub fn is_none(&self) -> bool {
        *self == Shortfall::default()
    }
}

/// Why a VM was refused, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What binds.
    pub reason: Reason,
    /// What the set of nodes that comes nearest is short of: fewest pages, then fewest CPUs, then
    /// fewest cores.
    pub short: Shortfall,
    /// That set: nodes that reach each other (one node for policy `Strict`).
    pub nearest: NodeSet,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        if self.pages > 0 {
            write!(f, "{}", Bytes::of_pages(self.pages))?;
            before = ", ";
        }
        for (count, what) in [(self.cpus, "CPU"), (self.cores, "core")] {
            if count > 0 {
                write!(f, "{before}{}", Count(count, what))?;
                before = ", ";
            }
        }
        Ok(())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (about, short, nearest) = (self.reason.about(), self.short, self.nearest);
        match (short.is_none(), nearest.is_empty()) {
            (true, _) => write!(f, "{about} (nothing is short)"),
            (false, true) => write!(f, "{about} (short by {short})"),
            (false, false) => {
                write!(
                    f,
                    "{about} (nodes {nearest} come nearest, short by {short})"
                )
            }
        }
    }
}
