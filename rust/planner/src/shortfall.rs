//! The set of nodes that comes nearest to fitting, and what it is short of.

use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::Shortfall;

/// Steps after which the nearest set found so far is told; never reached up to 16 nodes.
const MAX_STEPS: u32 = 1 << 18;

/// Of the sets of at most `largest` usable nodes that are mutually within `within`, the one that
/// is short of fewest pages, then fewest CPUs, then fewest cores. The empty set if no node is
/// usable.
pub(crate) fn nearest(offer: &Offer, within: u32, largest: usize) -> (NodeSet, Shortfall) {
    let mut near = [NodeSet::EMPTY; MAX_NODES];
    for node in offer.usable.iter() {
        near[node] = offer
            .topology
            .mutual(node)
            .intersection(offer.usable)
            .without(node)
            .iter()
            .filter(|other| offer.topology.both_ways(node, *other) <= within)
            .collect();
    }
    let mut walk = Walk {
        offer,
        near,
        largest,
        steps_left: MAX_STEPS,
        best: (NodeSet::EMPTY, offer.short(NodeSet::EMPTY)),
    };
    walk.visit(NodeSet::EMPTY, Amount::default(), offer.usable);
    walk.best
}

struct Walk<'a> {
    offer: &'a Offer<'a>,
    near: [NodeSet; MAX_NODES],
    largest: usize,
    steps_left: u32,
    best: (NodeSet, Shortfall),
}

impl Walk<'_> {
    fn shortfall(&self, mut sum: Amount) -> Shortfall {
        sum.pages = sum.pages.min(self.offer.host_pages);
        sum.short_of(self.offer.need)
    }

    fn visit(&mut self, set: NodeSet, sum: Amount, candidates: NodeSet) {
        let short = self.shortfall(sum);
        if short < self.best.1 {
            self.best = (set, short);
        }
        let room = self.largest - set.len();
        let all = sum.plus(self.offer.sum(candidates));
        if self.steps_left == 0 || room == 0 || self.shortfall(all) >= self.best.1 {
            return;
        }
        self.steps_left -= 1;
        // A set in which all reach each other and may all be taken is the best of its kind.
        let clique = candidates
            .iter()
            .all(|node| candidates.without(node).is_subset(self.near[node]));
        if clique && candidates.len() <= room {
            self.best = (set.union(candidates), self.shortfall(all));
            return;
        }
        let mut later = candidates;
        for node in candidates.iter() {
            later = later.without(node);
            self.visit(
                set.with(node),
                sum.plus(self.offer.nodes[node]),
                later.intersection(self.near[node]),
            );
        }
    }
}
