//! What an idea may look at, and what can be told from it.

use planner::NodeSet;

use crate::arrivals::Vm;
use crate::cluster::{striped, Cluster, PerNode};

/// The pages of the last VMs that arrived; 0 where fewer did.
pub type Seen = [u64; 32];

/// A snapshot, a request, and what a caller would have to tell beside them.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// How many nodes the host has.
    pub nodes: NodeSet,
    /// Free pages of each.
    pub free: PerNode,
    /// The span of each.
    pub span_pages: PerNode,
    /// The span of the largest.
    pub node_pages: u64,
    /// Cores that each has.
    pub node_cores: u32,
    /// What is asked.
    pub vm: Vm,
    /// Thousandths of vCPUs of each node, which the planner does not know.
    pub milli_vcpus: PerNode,
    /// What arrived before, which the planner does not know either.
    pub seen: Seen,
}

impl View {
    /// What there is to see when `vm` arrives after those `seen`.
    pub fn new(cluster: &Cluster, vm: &Vm, seen: &Seen) -> Self {
        View {
            nodes: cluster.nodes(),
            free: cluster.free,
            span_pages: cluster.host.span_pages,
            node_pages: cluster.host.node_pages,
            node_cores: cluster.host.cores(),
            vm: *vm,
            milli_vcpus: cluster.vcpus.map(|vcpus| (vcpus * 1000.0) as u64),
            seen: *seen,
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

    /// Whether `set` fits and no node of it can be spared.
    pub fn irreducible(&self, set: NodeSet) -> bool {
        self.fits(set) && set.iter().all(|node| !self.fits(set.without(node)))
    }

    /// Free pages of each node once the VM is on `set`.
    pub fn after(&self, set: NodeSet) -> PerNode {
        let taken = striped(&self.free, set, self.vm.pages);
        let mut free = self.free;
        set.iter().for_each(|node| free[node] -= taken[node]);
        free
    }

    /// Free pages of the emptiest of `nodes` if each has `free`.
    pub fn most(nodes: NodeSet, free: &PerNode) -> u64 {
        nodes.iter().map(|node| free[node]).max().unwrap_or(0)
    }

    /// Free pages of the emptiest node less those of the fullest, if each has `free`.
    pub fn unevenness(&self, free: &PerNode) -> u64 {
        let least = self.nodes.iter().map(|node| free[node]).min();
        Self::most(self.nodes, free) - least.unwrap_or(0)
    }

    /// The least room first.
    pub fn fullness(&self, set: NodeSet) -> i64 {
        self.room(set) as i64
    }

    /// The most room first.
    pub fn emptiness(&self, set: NodeSet) -> i64 {
        -self.fullness(set)
    }

    /// The used share of `set` once the VM is there, in units of 2^-40.
    pub fn used_share(&self, set: NodeSet) -> i64 {
        let size: u64 = set.iter().map(|node| self.span_pages[node]).sum();
        let used = size - (self.room(set) - self.vm.pages);
        ((u128::from(used) << 40) / u128::from(size)) as i64
    }

    /// How much `worth` falls on the only node of `set`.
    pub fn loss(&self, set: NodeSet, worth: impl Fn(u64) -> i64) -> i64 {
        let free = self.room(set);
        worth(free) - worth(free.saturating_sub(self.vm.pages))
    }

    /// The holes that end: `weights[i]` for one of the i-th halving of a node, less `slack` 64ths.
    pub fn holes(&self, set: NodeSet, slack: u64, weights: &[i64]) -> i64 {
        let whole = self.node_pages / 64 * (64 - slack);
        self.loss(set, |free| {
            let ended = weights.iter().enumerate();
            ended
                .map(|(i, weight)| if free >= whole >> i { *weight } else { 0 })
                .sum()
        })
    }

    /// The holes that `balance` counts.
    pub fn balance_holes(&self, set: NodeSet) -> i64 {
        self.holes(set, 2, &[2, 1, 1, 1])
    }

    /// The sizes that were seen, the last first.
    pub fn sizes(&self) -> impl Iterator<Item = u64> + Clone + '_ {
        self.seen.iter().copied().filter(|pages| *pages > 0)
    }
}
