//! Draws operations at random, around the figures that decide what becomes of them.

use planner::NodeSet;
use xen::From;

use crate::operations::{Counters, Figures, Operation, SLOTS};

/// The order of extents of a GiB.
pub const GIB_ORDER: u32 = 18;

/// What operations are drawn from.
#[derive(Debug)]
pub struct Draw<'a> {
    pub source: &'a mut fastrand::Rng,
    /// Nodes with memory.
    pub nodes: &'a [usize],
    pub node_count: usize,
    pub now: &'a Counters,
}

impl Draw<'_> {
    fn choice<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.source.usize(0..from.len())]
    }

    /// An operation on any slot.
    pub fn operation(&mut self) -> Operation {
        let slot = self.source.usize(0..SLOTS);
        let domain = self.now.domains[slot];
        let pages = self.source.u64(0..=1 << 15);
        if domain.is_none() && self.source.u32(0..4) > 0 {
            return Operation::Create(slot);
        }
        // Else little becomes of most operations.
        if domain.is_some_and(|domain| domain.max_pages == 0) && self.source.bool() {
            return Operation::SetMax(slot, 2 * pages);
        }
        let figures = domain.unwrap_or(Figures {
            tot_pages: 0,
            outstanding_pages: 0,
            max_pages: pages,
            affinity: NodeSet::EMPTY,
        });
        match self.source.u32(0..20) {
            0..=2 => Operation::SetMax(slot, self.maximum(figures, pages)),
            3..=7 => Operation::ClaimHost(slot, self.claim(figures, pages)),
            8 => Operation::ClaimHost(slot, 0),
            9..=13 => self.populate(slot),
            14 | 15 => {
                let order = self.choice(&[0, 0, 0, 9, 9, 9, GIB_ORDER]);
                Operation::Free(slot, order, self.source.u64(1..300) >> (order / 3))
            }
            16..=18 => Operation::SetNodeAffinity(slot, self.affinity()),
            _ => Operation::Destroy(slot),
        }
    }

    fn unclaimed(&self) -> u64 {
        (self.now.free_pages).saturating_sub(self.now.outstanding_pages)
    }

    fn maximum(&mut self, domain: Figures, pages: u64) -> u64 {
        let (has, free) = (domain.tot_pages, self.now.free_pages);
        let claimed = has + domain.outstanding_pages;
        let near = self.choice(&[0, has, has + 1, has.saturating_sub(1), claimed]);
        let some = self.choice(&[near, has + pages, 2 * pages]);
        self.choice(&[some, some, 2 * free, has + free])
    }

    /// Around what decides.
    fn claim(&mut self, domain: Figures, pages: u64) -> u64 {
        let (has, most, unclaimed) = (domain.tot_pages, domain.max_pages, self.unclaimed());
        let edges = [has, most, has + unclaimed, has + domain.outstanding_pages];
        let edge = self.choice(&edges);
        let edge = edge.saturating_add_signed(self.choice(&[-1, 0, 1]));
        let rest = has + unclaimed - self.source.u64(0..=unclaimed.min(1 << 13));
        self.choice(&[edge, edge, has + pages, pages, rest])
    }

    fn populate(&mut self, slot: usize) -> Operation {
        let (order, count) = match self.source.u32(0..40) {
            0 => (GIB_ORDER, 1),
            1..=20 => (9, self.source.u64(1..32)),
            _ => (0, self.source.u64(1..600)),
        };
        let node = self.choice(self.nodes);
        let from = match self.source.u32(0..12) {
            0..=3 => From::Anywhere,
            4 | 5 => From::Preferably(node),
            6..=10 => From::Exactly(node),
            _ => From::Exactly(self.node_count),
        };
        Operation::Populate(slot, order, count, from)
    }

    fn affinity(&mut self) -> Option<NodeSet> {
        let (one, other) = (self.choice(self.nodes), self.choice(self.nodes));
        match self.source.u32(0..8) {
            0 => None,
            1 => Some(NodeSet::EMPTY),
            2 => Some(NodeSet::one(planner::MAX_NODES - 1)),
            3 => Some(NodeSet::one(one).union(NodeSet::one(other))),
            _ => Some(NodeSet::one(one)),
        }
    }
}
