//! Sets that fit, found without a search for the nearest: where the search starts from, and what
//! is left when its budget ends.

use std::cmp::Reverse;

use crate::bounds::Partial;
use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::Distance;

/// Sets of nodes that are mutually near.
pub(crate) struct Cliques<'a> {
    pub offer: &'a Offer<'a>,
    /// The nodes near each node, itself excepted.
    pub near: [NodeSet; MAX_NODES],
}

impl<'a> Cliques<'a> {
    /// Of nodes of `universe` within the distance `within` of each other.
    pub fn new(offer: &'a Offer<'a>, universe: NodeSet, within: u32) -> Self {
        let matrix = offer.topology.matrix();
        let mut near = [NodeSet::EMPTY; MAX_NODES];
        for node in universe.iter() {
            let mutual = matrix.mutual(node).intersection(universe).without(node);
            near[node] = match matrix.classes().last() {
                Some(farthest) if *farthest <= within => mutual,
                Some(_) | None => (mutual.iter())
                    .filter(|other| matrix.both_ways(node, *other) <= within)
                    .collect(),
            };
        }
        Cliques { offer, near }
    }

    /// A set that fits, made of `set`, which has `sum`, and nodes of `candidates`, which are all
    /// near it; `None` if there is none, or `steps_left` ran out.
    pub fn exists(
        &self,
        set: NodeSet,
        sum: Amount,
        candidates: NodeSet,
        steps_left: &mut u64,
    ) -> Option<NodeSet> {
        if sum.covers(self.offer.need) {
            return Some(set);
        }
        *steps_left = steps_left.saturating_sub(1);
        let all = sum.plus(self.offer.sum(candidates));
        if !all.covers(self.offer.need) || *steps_left == 0 {
            return None;
        }
        // The candidate that gives most; whatever works either has it or does without it.
        let node = (candidates.iter())
            .max_by_key(|node| (self.offer.nodes[*node].pages, Reverse(*node)))?;
        let with = candidates.intersection(self.near[node]);
        let sum_with = sum.plus(self.offer.nodes[node]);
        self.exists(set.with(node), sum_with, with, steps_left)
            .or_else(|| self.exists(set, sum, candidates.without(node), steps_left))
    }

    /// The nearest of what grows from each node of `universe` with its nearest neighbours, and of
    /// `witness`, a set that fits; the first that is at `lower`, which none can be below.
    /// O(nodes³).
    pub fn nearest_known(
        &self,
        universe: NodeSet,
        witness: NodeSet,
        lower: Option<Distance>,
    ) -> (NodeSet, Distance) {
        let at_bound = |known: &(NodeSet, Distance)| {
            lower.is_some_and(|lower| known.1.compare_averages(&lower).is_le())
        };
        let known = |set| (set, self.distance(set));
        let mut best = known(self.reduced(witness));
        for seed in universe.iter() {
            if at_bound(&best) {
                return best;
            }
            if let Some(grown) = self.grow(seed).map(known) {
                if grown.1.compare_averages(&best.1).is_lt() {
                    best = grown;
                }
            }
        }
        best
    }

    /// The distance of a set of nodes that reach each other.
    pub fn distance(&self, set: NodeSet) -> Distance {
        let matrix = self.offer.topology.matrix();
        let mut distance = Distance {
            maximum: 0,
            sum: 0,
            pairs: (set.len() * set.len()) as u64,
        };
        for a in set.iter() {
            for b in set.iter() {
                let between = matrix.raw(a, b);
                distance.maximum = distance.maximum.max(between);
                distance.sum += u64::from(between);
            }
        }
        distance
    }

    fn grow(&self, seed: usize) -> Option<NodeSet> {
        let mut grown = Partial::empty().grown(self.offer, seed, self.near[seed]);
        let mut candidates = self.near[seed];
        while !grown.sum.covers(self.offer.need) {
            let nearest = candidates.iter().min_by_key(|node| {
                let pages = self.offer.nodes[*node].pages;
                (grown.cross[*node], Reverse(pages), *node)
            })?;
            candidates = candidates.intersection(self.near[nearest]);
            grown = grown.grown(self.offer, nearest, candidates);
        }
        Some(self.reduced(grown.set))
    }

    /// An irreducible subset of a set that fits.
    fn reduced(&self, mut set: NodeSet) -> NodeSet {
        for node in set.iter() {
            if self.offer.fits(set.without(node)) {
                set = set.without(node);
            }
        }
        set
    }
}
