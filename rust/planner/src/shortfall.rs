//! The set of nodes that comes nearest to fitting, and what it is short of.

use std::cmp::Reverse;

use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::Shortfall;
use crate::search::EXACT_NODES;

/// Steps after which the nearest set found so far is reported, on hosts of more than 16 nodes;
/// shared by all kinds of sets that are asked for.
const MAX_STEPS: u32 = 1 << 12;

/// Walks for what comes nearest among the usable nodes of an offer.
pub(crate) struct Nearest<'a> {
    offer: &'a Offer<'a>,
    /// The usable nodes by falling pages, those that can give none by how far they are from it.
    order: [u8; MAX_NODES],
    /// Whether all nodes give as many CPUs and cores.
    even: bool,
    steps_left: u32,
}

/// A set of nodes and what it is short of.
pub(crate) type Near = (NodeSet, Shortfall);

impl<'a> Nearest<'a> {
    /// For `kinds` calls of [`Nearest::of`].
    pub fn new(offer: &'a Offer<'a>, kinds: usize) -> Self {
        let mut order = [0; MAX_NODES];
        let count = offer.usable.len();
        for (place, usable) in order.iter_mut().zip(offer.usable.iter()) {
            *place = usable as u8;
        }
        order[..count].sort_unstable_by_key(|node| {
            let at = usize::from(*node);
            let Amount { pages, cpus, cores } = offer.nodes[at];
            let deficit = offer.deficit_pages(at);
            (Reverse(pages), deficit, Reverse((cpus, cores)), *node)
        });
        let processors = |node: usize| (offer.nodes[node].cpus, offer.nodes[node].cores);
        let first = offer.usable.lowest().map(processors);
        Nearest {
            offer,
            order,
            even: (offer.usable.iter()).all(|node| Some(processors(node)) == first),
            steps_left: match count {
                0..=EXACT_NODES => u32::MAX,
                _ => MAX_STEPS / kinds.max(1) as u32,
            },
        }
    }

    /// Of the sets of at most `largest` usable nodes that are mutually within the distance
    /// `classes()[class]`, the one that is short of fewest pages, then fewest CPUs, then fewest
    /// cores; `known` unless one comes closer. Exact up to 16 usable nodes; beyond, a bounded walk,
    /// exact if all are that near each other.
    pub fn of(&self, class: usize, largest: usize, known: Near) -> Near {
        let mut walk = self.walk(class, known);
        let nothing = (NodeSet::EMPTY, Amount::default());
        walk.visit(nothing, self.offer.usable, largest);
        walk.best
    }

    /// As [`Nearest::of`] sets of any size, if `known` is what comes nearest at the distance
    /// before: only sets with two nodes that are just so far apart can come closer.
    pub fn of_next(&self, class: usize, known: Near) -> Near {
        let matrix = self.offer.topology.matrix();
        let mut walk = self.walk(class, known);
        for node in self.offer.usable.iter() {
            let near = walk.near[node].intersection(self.offer.usable);
            let before = match class.checked_sub(1) {
                Some(before) => matrix.near(before)[node],
                None => NodeSet::EMPTY,
            };
            for other in near.minus(before).minus(NodeSet::first(node)).iter() {
                let pair = NodeSet::one(node).with(other);
                let candidates = near.intersection(walk.near[other]);
                walk.visit((pair, self.offer.sum(pair)), candidates, MAX_NODES);
            }
        }
        walk.best
    }

    fn walk(&self, class: usize, known: Near) -> Walk<'_, 'a> {
        Walk {
            nearest: self,
            near: self.offer.topology.matrix().near(class),
            steps_left: self.steps_left,
            best: known,
        }
    }

    /// What comes nearest of the nodes alone; the empty set if no node is usable.
    pub fn one_node(&self) -> Near {
        let near = |node: usize| (NodeSet::one(node), self.offer.short(NodeSet::one(node)));
        let nothing = (NodeSet::EMPTY, self.offer.short(NodeSet::EMPTY));
        let nodes = self.first(self.offer.usable, MAX_NODES);
        nodes.map(near).min_by_key(|near| near.1).unwrap_or(nothing)
    }

    /// The first `count` of `nodes`, by falling pages.
    fn first(&self, nodes: NodeSet, count: usize) -> impl Iterator<Item = usize> + '_ {
        let usable = self.order[..self.offer.usable.len()].iter();
        let nodes = usable
            .map(|node| usize::from(*node))
            .filter(move |node| nodes.contains(*node));
        nodes.take(count)
    }

    /// No less than what `count` of the nodes `candidates` offer.
    fn most(&self, candidates: NodeSet, count: usize) -> Amount {
        if candidates.len() <= count {
            return self.offer.sum(candidates);
        }
        let first = (self.first(candidates, count)).fold(Amount::default(), |sum, node| {
            sum.plus(self.offer.nodes[node])
        });
        match self.even {
            true => first,
            false => Amount {
                pages: first.pages,
                ..self.offer.sum(candidates)
            },
        }
    }
}

/// What comes nearest of all sets of at most `largest` usable nodes that reach each other; the
/// empty set if no node is usable.
pub(crate) fn nearest(offer: &Offer, largest: usize) -> Near {
    let matrix = offer.topology.matrix();
    // Nodes that all reach each other come nearest together.
    if offer.usable.len() <= largest && matrix.is_whole(offer.usable) {
        return (offer.usable, offer.short(offer.usable));
    }
    let nearest = Nearest::new(offer, 1);
    let known = nearest.one_node();
    match (matrix.classes().len(), largest) {
        (0, _) | (_, 1) => known,
        (classes, _) => nearest.of(classes - 1, largest, known),
    }
}

struct Walk<'n, 'a> {
    nearest: &'n Nearest<'a>,
    near: &'n [NodeSet],
    steps_left: u32,
    best: Near,
}

impl Walk<'_, '_> {
    /// Goes over the sets that have `set`, with `sum`, and up to `room` of `candidates`, which are
    /// near it.
    fn visit(&mut self, (set, sum): (NodeSet, Amount), candidates: NodeSet, room: usize) {
        let offer = self.nearest.offer;
        let short = offer.short_with(set, sum);
        if !set.is_empty() && short < self.best.1 {
            self.best = (set, short);
        }
        let most = sum.plus(self.nearest.most(candidates, room));
        let least = offer.short_with(set.union(candidates), most);
        let no_more = room == 0 || candidates.is_empty();
        if self.steps_left == 0 || no_more || least >= self.best.1 {
            return;
        }
        self.steps_left -= 1;
        // Of nodes that are all near each other the first ones are the best.
        let all_near =
            (candidates.iter()).all(|node| candidates.without(node).is_subset(self.near[node]));
        if all_near && (candidates.len() <= room || self.nearest.even) {
            let first = self.nearest.first(candidates, room);
            self.best = (first.fold(set, NodeSet::with), least);
            return;
        }
        // The first one gives most, so that a near set is found early.
        let first = self.nearest.first(candidates, 1).next();
        if let Some(node) = first {
            let with = (set.with(node), sum.plus(offer.nodes[node]));
            self.visit(with, candidates.intersection(self.near[node]), room - 1);
            self.visit((set, sum), candidates.without(node), room);
        }
    }
}
