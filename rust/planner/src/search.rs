//! Finds the nearest irreducible set of nodes that fits.
//!
//! First single nodes; then the smallest distance within which some set fits, by bisection over
//! the distinct distances of the host; then, among the sets within it, the smallest average, by
//! branch and bound. Both walk over cliques: sets of nodes that are mutually within the distance.
//! Nodes that could change places and offer the same are tried in one order only. Exact without a
//! budget; with one, the best found is returned with a bound on what was missed.

use std::cmp::Ordering;

use crate::bounds::{Bounds, Partial};
use crate::incumbent::Cliques;
use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::Distance;
use crate::request::Strategy;
use crate::strategy;
use crate::topology::LOCAL_DISTANCE;
use crate::tree::tell;

/// Hosts with at most this many nodes are searched to the end, whatever the budget.
pub(crate) const EXACT_NODES: usize = 16;

/// Steps that are spent on equally near sets, on larger hosts, once none can be nearer.
const STEPS_AMONG_EQUALS: u64 = 200;

/// The best set of nodes that was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub nodes: NodeSet,
    pub distance: Distance,
    /// How many sets as near as this one were seen.
    pub equals: u64,
    pub optimal: bool,
    /// See [`crate::Plan::gap`].
    pub gap: Option<f64>,
}

/// The nearest irreducible set of at most `largest` nodes of `universe`, or `None` if no such
/// set fits.
pub(crate) fn search(
    offer: &Offer,
    universe: NodeSet,
    largest: usize,
    strategy: Strategy,
    budget_steps: u64,
) -> Option<Found> {
    // A node that offers nothing is in no irreducible set.
    let universe: NodeSet = universe
        .iter()
        .filter(|node| offer.nodes[*node] != Amount::default())
        .collect();
    // One node is nearer than any two, unless some are as near to each other as to themselves.
    if largest == 1 || offer.topology.matrix().is_apart() {
        let single = one_node(offer, universe, strategy);
        if single.is_some() || largest == 1 {
            return single;
        }
    }
    let budget_steps = match universe.len() {
        0..=EXACT_NODES => u64::MAX,
        _ => budget_steps,
    };
    let least = least_maximum(offer, universe, budget_steps)?;
    Some(least_average(
        offer,
        universe,
        largest,
        strategy,
        budget_steps,
        least,
    ))
}

/// Of the nodes that suffice alone the one that the strategy prefers.
fn one_node(offer: &Offer, universe: NodeSet, strategy: Strategy) -> Option<Found> {
    let fitting: NodeSet = (universe.iter())
        .filter(|node| offer.nodes[*node].covers(offer.need))
        .collect();
    let nodes =
        fitting.iter().map(NodeSet::one).reduce(|chosen, node| {
            match strategy::prefers(offer, strategy, node, chosen) {
                true => node,
                false => chosen,
            }
        })?;
    Some(Found {
        nodes,
        distance: Distance {
            maximum: LOCAL_DISTANCE,
            sum: u64::from(LOCAL_DISTANCE),
            pairs: 1,
        },
        equals: fitting.len() as u64,
        optimal: true,
        gap: Some(0.0),
    })
}

/// The smallest distance within which some set fits.
struct Least {
    maximum: u32,
    /// Whether smaller ones were ruled out.
    proven: bool,
    /// A set that fits within it, not necessarily an irreducible one.
    witness: NodeSet,
}

/// `None` if nothing fits at any distance.
fn least_maximum(offer: &Offer, universe: NodeSet, budget_steps: u64) -> Option<Least> {
    let classes = offer.topology.matrix().classes();
    let within = |class: usize, steps_left: &mut u64| {
        let cliques = Cliques::new(offer, universe, classes[class]);
        cliques.exists(NodeSet::EMPTY, Amount::default(), universe, steps_left)
    };
    // Whether anything fits at all is always decided.
    let (mut fits_from, mut low, mut proven) = (classes.len().checked_sub(1)?, 0, true);
    let mut unlimited = u64::MAX;
    let mut witness = within(fits_from, &mut unlimited)?;
    while low < fits_from {
        let middle = (low + fits_from) / 2;
        let mut steps_left = (budget_steps / 16).max(1);
        match within(middle, &mut steps_left) {
            Some(set) => (fits_from, witness) = (middle, set),
            None => {
                proven &= steps_left > 0;
                low = middle + 1;
            }
        }
    }
    Some(Least {
        maximum: classes[fits_from],
        proven,
        witness,
    })
}

/// Of the sets within the least maximum the one with the smallest average.
fn least_average(
    offer: &Offer,
    universe: NodeSet,
    largest: usize,
    strategy: Strategy,
    budget_steps: u64,
    least: Least,
) -> Found {
    let cliques = Cliques::new(offer, universe, least.maximum);
    let bounds = Bounds::new(offer, universe, largest);
    if bounds.needs_all() {
        return Found {
            nodes: universe,
            distance: cliques.distance(universe),
            equals: 1,
            optimal: true,
            gap: Some(0.0),
        };
    }
    let mut lower = bounds.lower();
    let mut known = cliques.nearest_known(universe, least.witness, lower);
    // Small hosts are searched to the end in less time than this takes.
    if universe.len() > EXACT_NODES && !at_bound(known.1, lower) {
        let told = (bounds.sizes()).and_then(|sizes| tell(offer, universe, &cliques.near, sizes));
        if let Some(told) = told {
            if !at_bound(told.lower, lower) {
                lower = Some(told.lower);
            }
            let told = told.nodes.map(|nodes| (nodes, cliques.distance(nodes)));
            known = match told {
                Some(told) if told.1.compare_averages(&known.1).is_lt() => told,
                Some(_) | None => known,
            };
        }
    }
    let mut search = Search {
        offer,
        strategy,
        near: cliques.near,
        lower_of_kind: lower_of_kind(offer, universe),
        universe,
        bounds,
        lower,
        steps_left: budget_steps,
        best: known.1,
        chosen: None,
        equals: 0,
    };
    search.limit_among_equals();
    search.extend(&Partial::empty(), universe);
    let nodes = search.chosen.unwrap_or(known.0);
    let distance = cliques.distance(nodes);
    let average_proven = search.steps_left > 0 || at_bound(distance, lower);
    Found {
        nodes,
        distance,
        equals: search.equals.max(1),
        optimal: least.proven && average_proven,
        gap: match (least.proven, average_proven, lower) {
            (false, _, _) => None,
            (true, true, _) => Some(0.0),
            (true, false, None) => None,
            (true, false, Some(bound)) => Some(distance.average() / bound.average() - 1.0),
        },
    }
}

/// Whether nothing can be nearer, as `lower` is what no set can be below.
fn at_bound(distance: Distance, lower: Option<Distance>) -> bool {
    lower.is_some_and(|lower| distance.compare_averages(&lower).is_le())
}

/// For each node the lower ones that it could change places with and that offer the same.
fn lower_of_kind(offer: &Offer, universe: NodeSet) -> [NodeSet; MAX_NODES] {
    let matrix = offer.topology.matrix();
    let mut lower = [NodeSet::EMPTY; MAX_NODES];
    for node in universe.iter() {
        let same = |other: &usize| {
            matrix.twin(*other) == matrix.twin(node)
                && offer.nodes[*other] == offer.nodes[node]
                && offer.size_pages[*other] == offer.size_pages[node]
        };
        let below = universe.intersection(NodeSet::first(node));
        // The nearest below knows those below it.
        let nearest = below.iter().filter(same).last();
        lower[node] = nearest.map_or(NodeSet::EMPTY, |other| lower[other].with(other));
    }
    lower
}

struct Search<'a> {
    offer: &'a Offer<'a>,
    strategy: Strategy,
    near: [NodeSet; MAX_NODES],
    /// See [`lower_of_kind`].
    lower_of_kind: [NodeSet; MAX_NODES],
    universe: NodeSet,
    bounds: Bounds<'a>,
    /// What no set can be below.
    lower: Option<Distance>,
    steps_left: u64,
    /// The nearest distance known, which bounds the search.
    best: Distance,
    /// The set that the strategy prefers among the nearest ones that the search met.
    chosen: Option<NodeSet>,
    equals: u64,
}

impl Search<'_> {
    /// Once nothing can be nearer, large hosts have too many equally near sets to meet them all.
    fn limit_among_equals(&mut self) {
        if at_bound(self.best, self.lower) && self.universe.len() > EXACT_NODES {
            self.steps_left = self.steps_left.min(STEPS_AMONG_EQUALS);
        }
    }

    /// Meets every irreducible set that contains `partial`, else only nodes of `candidates`, and
    /// is as near as the best known.
    fn extend(&mut self, partial: &Partial, candidates: NodeSet) {
        let mut later = candidates;
        for node in candidates.iter() {
            later = later.without(node);
            // Of a kind the lowest nodes come first.
            if !self.lower_of_kind[node].is_subset(partial.set) {
                continue;
            }
            self.steps_left = self.steps_left.saturating_sub(1);
            if self.steps_left == 0 {
                return;
            }
            let grown = partial.grown(self.offer, node, self.near[node]);
            if grown.sum.covers(self.offer.need) {
                self.meet(&grown);
                continue;
            }
            let candidates = later.intersection(self.near[node]);
            if self.bounds.hopeful(&grown, candidates, self.best) {
                self.extend(&grown, candidates);
            }
        }
    }

    /// Takes note of a set that fits.
    fn meet(&mut self, fitting: &Partial) {
        let distance = Distance {
            maximum: 0,
            sum: fitting.distance,
            pairs: (fitting.count * fitting.count) as u64,
        };
        let order = distance.compare_averages(&self.best);
        if order.is_gt() || !self.offer.irreducible(fitting.set) {
            return;
        }
        match (order, self.chosen) {
            (Ordering::Equal, Some(chosen)) => {
                self.equals = self.equals.saturating_add(self.alike(fitting.set));
                if strategy::prefers(self.offer, self.strategy, fitting.set, chosen) {
                    self.chosen = Some(fitting.set);
                }
            }
            (Ordering::Less | Ordering::Greater, _) | (Ordering::Equal, None) => {
                self.best = distance;
                self.chosen = Some(fitting.set);
                self.equals = self.alike(fitting.set);
                self.limit_among_equals();
            }
        }
    }

    /// How many sets differ from this one by interchangeable nodes only, it included.
    fn alike(&self, set: NodeSet) -> u64 {
        let mut left = self.universe;
        let mut ways = 1u64;
        // From the top: the highest node of a kind knows all others of its kind.
        while let Some(node) = left.highest() {
            let kind = self.lower_of_kind[node].with(node);
            left = left.minus(kind);
            ways = ways.saturating_mul(choose(kind.len(), kind.intersection(set).len()));
        }
        ways
    }
}

/// How many subsets of `chosen` there are of `count` things.
fn choose(count: usize, chosen: usize) -> u64 {
    (0..chosen).fold(1u64, |ways, i| {
        ways.saturating_mul((count - i) as u64) / (i as u64 + 1)
    })
}
