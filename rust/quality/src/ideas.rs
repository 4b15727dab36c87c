//! Choices between equally near sets of nodes that were tried.

use planner::NodeSet;

use crate::arrivals::Vm;
use crate::cluster::{Cluster, PerNode};
use crate::hosts::GIB_PAGES;

/// What an idea may look at: a snapshot and a request.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// How many nodes the host has.
    pub nodes: NodeSet,
    /// Free pages of each.
    pub free: PerNode,
    /// Pages that each has.
    pub node_pages: u64,
    /// Cores that each has.
    pub node_cores: u32,
    /// What is asked.
    pub vm: Vm,
}

impl View {
    /// What there is to see when `vm` arrives.
    pub fn new(cluster: &Cluster, vm: &Vm) -> Self {
        View {
            nodes: cluster.nodes(),
            free: cluster.free,
            node_pages: cluster.host.node_pages,
            node_cores: cluster.host.cores(),
            vm: *vm,
        }
    }

    /// Free pages of `set`.
    pub fn room(&self, set: NodeSet) -> u64 {
        set.iter().map(|node| self.free[node]).sum()
    }

    /// Whether `set` has the memory and the cores.
    pub fn fits(&self, set: NodeSet) -> bool {
        self.room(set) >= self.vm.pages && set.len() as u32 * self.node_cores >= self.vm.vcpus
    }
}

/// A choice between equally near sets: the least cost is taken, then the lowest numbers.
#[derive(Debug)]
pub struct Idea {
    /// A word or two.
    pub name: &'static str,
    /// What it does: for one node; for several.
    pub what: &'static str,
    /// What taking a set costs.
    pub cost: fn(&View, NodeSet) -> Cost,
}

/// Compared from the left. One node comes before several.
pub type Cost = [i64; 3];

impl View {
    fn emptiness(&self, set: NodeSet) -> i64 {
        -(self.room(set) as i64)
    }

    fn fullness(&self, set: NodeSet) -> i64 {
        self.room(set) as i64
    }

    fn hole(&self) -> usize {
        let nodes = self.nodes.iter();
        nodes.max_by_key(|node| self.free[*node]).unwrap_or(0)
    }

    fn unevenness(&self) -> u64 {
        let least = self.nodes.iter().map(|node| self.free[node]).min();
        self.free[self.hole()] - least.unwrap_or(0)
    }

    /// How much `worth` falls on the only node of `set`.
    fn loss(&self, set: NodeSet, worth: impl Fn(u64) -> i64) -> i64 {
        let free = self.room(set);
        worth(free) - worth(free.saturating_sub(self.vm.pages))
    }

    /// The holes that end: `weights[i]` for one of the i-th halving of a node, less `slack` 64ths.
    fn holes(&self, set: NodeSet, slack: u64, weights: &[i64]) -> i64 {
        let whole = self.node_pages / 64 * (64 - slack);
        self.loss(set, |free| {
            let ended = weights.iter().enumerate();
            ended
                .map(|(i, weight)| if free >= whole >> i { *weight } else { 0 })
                .sum()
        })
    }

    /// `one` for one node; for several the set with the emptiest node, then the fullest one.
    fn lent(&self, set: NodeSet, one: [i64; 2]) -> Cost {
        let most = set.iter().map(|node| self.free[node]).max().unwrap_or(0);
        self.or(set, one, [-(most as i64), self.fullness(set)])
    }

    fn or(&self, set: NodeSet, one: [i64; 2], several: [i64; 2]) -> Cost {
        match set.len() {
            1 => [0, one[0], one[1]],
            _ => [1, several[0], several[1]],
        }
    }
}

/// What the planner does by `pack`, `spread` and `balance`, told again: the simulator's sets and
/// the planner's must agree.
pub const AGAIN: [Idea; 3] = [
    Idea {
        name: "pack",
        what: "fullest",
        cost: |view, set| [view.fullness(set), 0, 0],
    },
    Idea {
        name: "spread",
        what: "emptiest",
        cost: |view, set| [view.emptiness(set), 0, 0],
    },
    Idea {
        name: "balance",
        what: "as the planner",
        cost: |v, s| v.lent(s, [v.holes(s, 2, &[2, 1, 1, 1]), v.fullness(s)]),
    },
];

macro_rules! idea {
    ($name:expr, $what:expr, $cost:expr) => {
        Idea {
            name: $name,
            what: $what,
            cost: $cost,
        }
    };
}

/// What was tried for `balance`, and not taken.
pub const IDEAS: &[Idea] = &[
    idea!(
        "hole",
        "emptiest that leaves the host's largest hole alone; the same",
        |v, s| { [i64::from(s.contains(v.hole())), v.emptiness(s), 0] }
    ),
    idea!("hole, sets packed", "the same; fullest", |v, s| {
        let one = [i64::from(s.contains(v.hole())), v.emptiness(s)];
        v.or(s, one, [v.fullness(s), 0])
    }),
    idea!(
        "big packed",
        "fullest for VMs of a quarter node or more, else emptiest; fullest",
        |v, s| {
            let big = v.vm.pages * 4 >= v.node_pages;
            let one = if big { v.fullness(s) } else { v.emptiness(s) };
            v.or(s, [one, 0], [v.fullness(s), 0])
        }
    ),
    idea!(
        "small packed",
        "fullest for VMs below a quarter node, else emptiest; fullest",
        |v, s| {
            let big = v.vm.pages * 4 >= v.node_pages;
            let one = if big { v.emptiness(s) } else { v.fullness(s) };
            v.or(s, [one, 0], [v.fullness(s), 0])
        }
    ),
    idea!(
        "level when uneven",
        "emptiest if fullest and emptiest node differ by half a node, else fullest; fullest",
        |v, s| {
            let uneven = v.unevenness() * 2 >= v.node_pages;
            let one = if uneven {
                v.emptiness(s)
            } else {
                v.fullness(s)
            };
            v.or(s, [one, 0], [v.fullness(s), 0])
        }
    ),
    idea!(
        "another like it",
        "fewest VMs of this size that would no longer fit, then fullest; lent",
        |v, s| {
            let like_it = |free: u64| (free / v.vm.pages) as i64;
            v.lent(s, [v.loss(s, like_it), v.fullness(s)])
        }
    ),
    idea!(
        "larger than it",
        "fewest VMs of 1, 2, 4 … times this size that would no longer fit, then fullest; lent",
        |v, s| {
            let times =
                |free: u64| i64::from((free / v.vm.pages).checked_ilog2().map_or(0, |log| log + 1));
            v.lent(s, [v.loss(s, times), v.fullness(s)])
        }
    ),
    idea!(
        "power of two",
        "room rounded down to a power of two shrinks least, then emptiest; lent",
        |v, s| {
            let rounded = |free: u64| free.checked_ilog2().map_or(0, |log| 1 << log);
            v.lent(s, [v.loss(s, rounded), v.emptiness(s)])
        }
    ),
    idea!(
        "slots",
        "fewest whole, half and quarter nodes (several a node) end, then emptiest; fullest",
        |v, s| {
            let slots = |free: u64| (0..3).map(|i| (free / (v.node_pages >> i)) as i64).sum();
            v.or(s, [v.loss(s, slots), v.emptiness(s)], [v.fullness(s), 0])
        }
    ),
    idea!(
        "8 GiB up",
        "fewest of 8, 16, 32 … GiB end, then fullest; lent",
        |v, s| {
            let doublings = |free: u64| {
                i64::from(
                    (free / (8 * GIB_PAGES))
                        .checked_ilog2()
                        .map_or(0, |log| log + 1),
                )
            };
            v.lent(s, [v.loss(s, doublings), v.fullness(s)])
        }
    ),
    idea!(
        "halvings to a quarter",
        "fewest of whole, half, quarter end, then fullest; lent",
        |v, s| { v.lent(s, [v.holes(s, 0, &[1, 1, 1]), v.fullness(s)]) }
    ),
    idea!(
        "halvings, then emptiest",
        "fewest of whole to eighth end, then emptiest; fullest",
        |v, s| {
            v.or(
                s,
                [v.holes(s, 0, &[1, 1, 1, 1]), v.emptiness(s)],
                [v.fullness(s), 0],
            )
        }
    ),
    idea!(
        "weighted halvings",
        "the same, an end costs its size, then emptiest; fullest",
        |v, s| {
            v.or(
                s,
                [v.holes(s, 0, &[8, 4, 2, 1]), v.emptiness(s)],
                [v.fullness(s), 0],
            )
        }
    ),
    idea!(
        "balance, whole once",
        "as balance, a whole node counts once; lent",
        |v, s| { v.lent(s, [v.holes(s, 2, &[1, 1, 1, 1]), v.fullness(s)]) }
    ),
    idea!(
        "balance, exact",
        "as balance, without the 1/32; lent",
        |v, s| { v.lent(s, [v.holes(s, 0, &[2, 1, 1, 1]), v.fullness(s)]) }
    ),
    idea!(
        "balance, 1/8",
        "as balance, with 1/8 instead of 1/32; lent",
        |v, s| { v.lent(s, [v.holes(s, 8, &[2, 1, 1, 1]), v.fullness(s)]) }
    ),
    idea!("balance, sets packed", "as balance; fullest", |v, s| {
        v.or(
            s,
            [v.holes(s, 2, &[2, 1, 1, 1]), v.fullness(s)],
            [v.fullness(s), 0],
        )
    }),
    idea!("balance, sets level", "as balance; emptiest", |v, s| {
        v.or(
            s,
            [v.holes(s, 2, &[2, 1, 1, 1]), v.fullness(s)],
            [v.emptiness(s), 0],
        )
    }),
];
