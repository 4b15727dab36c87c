//! Draws operations at random, around the figures that decide what becomes of them.

use claims::NodePages;
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
    /// What no claim on a node holds.
    pub unclaimed_by_node: &'a [u64],
    /// Whether there are claims on single nodes.
    pub node_claims: bool,
    /// Whether there are sets of claims on nodes.
    pub claim_sets: bool,
    /// Whether the domain in each slot has ever claimed a node.
    pub claimed_a_node: [bool; SLOTS],
}

impl Draw<'_> {
    fn choice<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.source.usize(0..from.len())]
    }

    /// An operation on any slot that no host crashes of.
    pub fn operation(&mut self) -> Operation {
        let drawn = self.any_operation();
        let claims = |slot: usize| {
            let outstanding = self.now.domains[slot].map_or(0, |d| d.outstanding_pages);
            self.claimed_a_node[slot].then_some(outstanding)
        };
        match drawn {
            // XenServer 9 would take this claim off one on the node that there is no more.
            Operation::ClaimHost(slot, pages) if pages > 0 && claims(slot) == Some(0) => {
                Operation::ClaimNode(slot, self.choice(self.nodes), pages)
            }
            // With a claim on a node that is left only the first node is looked at, and which one
            // that is the model does not know.
            Operation::Populate(slot, order, count, From::Anywhere | From::Preferably(_))
                if claims(slot) > Some(0) =>
            {
                let affinity = self.now.domains[slot].map(|domain| domain.affinity);
                let one = affinity.filter(|nodes| nodes.len() == 1);
                let exactly = From::Exactly(self.choice(self.nodes));
                Operation::Populate(slot, order, count, one.map_or(exactly, |_| From::Anywhere))
            }
            Operation::Create(_)
            | Operation::SetMax(..)
            | Operation::ClaimHost(..)
            | Operation::ClaimNode(..)
            | Operation::ClaimSet(..)
            | Operation::Populate(..)
            | Operation::Free(..)
            | Operation::SetNodeAffinity(..)
            | Operation::Destroy(_) => drawn,
        }
    }

    fn any_operation(&mut self) -> Operation {
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
        if self.node_claims && self.source.u32(0..5) == 0 {
            return self.claim_node(slot, figures, pages);
        }
        if self.claim_sets && self.source.u32(0..5) == 0 {
            return self.claim_set(slot, figures, pages);
        }
        match self.source.u32(0..20) {
            0..=2 => Operation::SetMax(slot, self.maximum(figures, pages)),
            3..=7 => Operation::ClaimHost(slot, self.claim(figures, pages, self.unclaimed())),
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
    fn claim(&mut self, domain: Figures, pages: u64, unclaimed: u64) -> u64 {
        let (has, most) = (domain.tot_pages, domain.max_pages);
        let edges = [has, most, has + unclaimed, has + domain.outstanding_pages];
        let edge = self.choice(&edges);
        let edge = edge.saturating_add_signed(self.choice(&[-1, 0, 1]));
        let rest = has + unclaimed - self.source.u64(0..=unclaimed.min(1 << 13));
        self.choice(&[edge, edge, has + pages, pages, rest])
    }

    fn any_node(&mut self) -> usize {
        match self.source.u32(0..12) {
            0 => self.node_count,
            1 => planner::MAX_NODES - 1,
            _ => self.choice(self.nodes),
        }
    }

    fn claim_node(&mut self, slot: usize, domain: Figures, pages: u64) -> Operation {
        let node = self.any_node();
        if self.source.u32(0..6) == 0 {
            return Operation::ClaimNode(slot, node, 0);
        }
        let of_node = self.unclaimed_by_node.get(node).copied().unwrap_or(0);
        let decides = self.choice(&[of_node, of_node, of_node, self.unclaimed()]);
        Operation::ClaimNode(slot, node, self.claim(domain, pages, decides))
    }

    /// Claims beside what the domain has, also twice on a node.
    fn claim_set(&mut self, slot: usize, domain: Figures, pages: u64) -> Operation {
        let shares = self.choice(&[0, 1, 1, 2, 2, 2, 3]);
        let room = domain.max_pages.saturating_sub(domain.tot_pages);
        let mut set = Vec::new();
        for _ in 0..shares {
            let node = self.any_node();
            let of_node = self.unclaimed_by_node.get(node).copied().unwrap_or(0);
            let edges = [of_node, room, room / shares, self.unclaimed(), pages];
            let edge = self.choice(&edges);
            let edge = edge.saturating_add_signed(self.choice(&[-1, 0, 1]));
            let pages = self.choice(&[edge, pages, pages / shares, 0]);
            set.push(NodePages { node, pages });
        }
        Operation::ClaimSet(slot, set)
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
