//! Which of equally near sets of nodes each strategy prefers, by the words of the manual; where
//! these leave something open, a comment says what is taken for granted.

use std::cmp::{Ordering, Reverse};

use xenopsd_numa_planner::Strategy;

use crate::exact::bits;

/// What a strategy looks at.
#[derive(Debug, Clone, Copy)]
pub struct Nodes<'a> {
    /// Claimable pages of each node.
    pub headroom: &'a [u64],
    /// The span of each node.
    pub size: &'a [u64],
    /// The largest span of a node that the VM may use and that has CPUs for it.
    pub largest: u64,
    /// Pages that the VM takes.
    pub need: u64,
}

impl Nodes<'_> {
    fn total(&self, set: u64) -> u64 {
        bits(set).map(|node| self.headroom[node]).sum()
    }

    /// The headroom of the set's emptiest node.
    fn emptiest(&self, set: u64) -> u64 {
        bits(set).map(|node| self.headroom[node]).max().unwrap_or(0)
    }

    /// How many large holes end on `node` when the VM takes it. A hole, in whole pages, is a part
    /// of the largest node less 1/32; it is there as long as that much is claimable. The manual
    /// leaves open how pages are rounded: down, first the 1/32 and then the part.
    fn ended(&self, node: usize) -> u32 {
        let after = self.headroom[node].saturating_sub(self.need);
        let ends = |part| {
            let hole = (self.largest - self.largest / 32) / part;
            self.headroom[node] >= hole && after < hole
        };
        2 * u32::from(ends(1))
            + [2, 4, 8]
                .map(|part| u32::from(ends(part)))
                .iter()
                .sum::<u32>()
    }

    /// `Less` if the strategy prefers `a`; `Equal` only if they are the same.
    pub fn compare(&self, strategy: Strategy, a: u64, b: u64) -> Ordering {
        let by_strategy = match strategy {
            Strategy::Pack => self.total(a).cmp(&self.total(b)),
            Strategy::Spread => self.compare_used(a, b),
            Strategy::Balance => self.compare_balance(a, b),
        };
        by_strategy.then_with(|| bits(a).cmp(bits(b)))
    }

    /// By the share of the set's memory that is used once the VM is there, which is all of a set
    /// without memory, and none of one with more room than memory.
    fn compare_used(&self, a: u64, b: u64) -> Ordering {
        let used = |set: u64| {
            let size: u64 = bits(set).map(|node| self.size[node]).sum();
            let left = self.total(set).saturating_sub(self.need);
            (u128::from(size.saturating_sub(left)), u128::from(size))
        };
        let ((used_a, size_a), (used_b, size_b)) = (used(a), used(b));
        // The manual leaves open how finely shares are distinguished: to 40 bits.
        let share = |used: u128, size: u128| (used << 40).checked_div(size).unwrap_or(0);
        share(used_a, size_a).cmp(&share(used_b, size_b))
    }

    /// A single node comes before several, of which the manual does not say anything: they are as
    /// near only where two different nodes are at the distance of a node to itself.
    fn compare_balance(&self, a: u64, b: u64) -> Ordering {
        match (a.count_ones() == 1, b.count_ones() == 1) {
            (true, true) => {
                let key = |set: u64| (self.ended(set.trailing_zeros() as usize), self.total(set));
                key(a).cmp(&key(b))
            }
            (false, false) => {
                let key = |set| (Reverse(self.emptiest(set)), self.total(set));
                key(a).cmp(&key(b))
            }
            (one_a, one_b) => one_b.cmp(&one_a),
        }
    }

    /// The one that the strategy prefers of `sets`, of which there is at least one.
    pub fn preferred(&self, strategy: Strategy, sets: impl Iterator<Item = u64>) -> u64 {
        sets.min_by(|a, b| self.compare(strategy, *a, *b))
            .expect("at least one set")
    }
}
