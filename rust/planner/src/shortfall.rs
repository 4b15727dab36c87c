//! The set of nodes that comes nearest to fitting, and what it is short of.

use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::Shortfall;
use crate::search::EXACT_NODES;
use crate::topology::UNREACHABLE_DISTANCE;

/// Steps after which the nearest set found so far is told, on hosts of more than 16 nodes.
const MAX_STEPS: u32 = 1 << 14;

/// Of the sets of at most `largest` usable nodes that are mutually within `within`, the one that
/// is short of fewest pages, then fewest CPUs, then fewest cores. The empty set if no node is
/// usable. Exact up to 16 usable nodes; beyond, a bounded walk, exact if all reach each other.
pub(crate) fn nearest(offer: &Offer, within: u32, largest: usize) -> (NodeSet, Shortfall) {
    let matrix = offer.topology.matrix();
    // Nodes that all reach each other come nearest together.
    let together = within >= UNREACHABLE_DISTANCE && offer.usable.len() <= largest;
    if together && matrix.is_whole(offer.usable) {
        return (offer.usable, offer.short(offer.usable));
    }
    let mut near = [NodeSet::EMPTY; MAX_NODES];
    for node in offer.usable.iter() {
        near[node] = (matrix
            .mutual(node)
            .intersection(offer.usable)
            .without(node)
            .iter())
        .filter(|other| matrix.both_ways(node, *other) <= within)
        .collect();
    }
    let first = offer.usable.lowest().map_or(NodeSet::EMPTY, NodeSet::one);
    let mut walk = Walk {
        offer,
        near,
        largest,
        steps_left: match offer.usable.len() {
            0..=EXACT_NODES => u32::MAX,
            _ => MAX_STEPS,
        },
        best: (first, offer.short(first)),
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
        // The candidate that gives most first, so that a near set is found early.
        let most = candidates.iter().max_by_key(|node| {
            let Amount { pages, cpus, cores } = self.offer.nodes[*node];
            (pages, cpus, cores, std::cmp::Reverse(*node))
        });
        if let Some(node) = most {
            let with = candidates.intersection(self.near[node]);
            self.visit(set.with(node), sum.plus(self.offer.nodes[node]), with);
            self.visit(set, sum, candidates.without(node));
        }
    }
}
