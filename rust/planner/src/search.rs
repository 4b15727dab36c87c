//! Finds the nearest irreducible set of nodes that fits.
//!
//! First single nodes; then the smallest distance within which some set fits, by bisection over
//! the distinct distances of the host; then, among the sets within it, the smallest average. For
//! each size there is a sum of distances that no set is below, and the sizes are searched from the
//! one that promises most until none promises more than what is known: how many nodes a set has of
//! each class of interchangeable ones (`counts`), and which ones these are (`selection`). Exact
//! without a budget; with one, the best found is returned with a bound on what was missed.

use crate::board::Board;
use crate::bounds::Bounds;
use crate::counts::{limit, Counts};
use crate::incumbent::{distance, exists};
use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::Distance;
use crate::request::Strategy;
use crate::strategy;
use crate::topology::LOCAL_DISTANCE;
use crate::tree::bound_sizes;

/// Hosts with at most this many nodes are searched to the end, whatever the budget.
pub(crate) const EXACT_NODES: usize = 16;

/// The best set of nodes that was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub nodes: NodeSet,
    pub distance: Distance,
    /// How many sets as near as this one were compared.
    pub equals: u64,
    /// How many steps the search for the nearest took.
    pub steps: u64,
    pub optimal: bool,
    /// See [`crate::Plan::gap`].
    pub gap: Option<f64>,
}

/// What is searched for: the nearest irreducible set that fits.
#[derive(Clone, Copy)]
pub(crate) struct Sought<'a> {
    pub offer: &'a Offer<'a>,
    /// The nodes that it may have; see [`Sought::of`].
    pub universe: NodeSet,
    /// The most nodes that it may have.
    pub largest: usize,
    pub strategy: Strategy,
    pub budget_steps: u64,
    /// An irreducible set that it must not be; empty if it may be any. Sets that differ from this
    /// one by nodes that offer the same, see [`Offer::alike`], may be passed over.
    pub except: NodeSet,
}

impl Sought<'_> {
    /// The same among the nodes of `universe` alone.
    pub fn of(self, universe: NodeSet) -> Self {
        // A node that offers nothing is in no irreducible set.
        let offers = |node: &usize| self.offer.nodes[*node] != Amount::default();
        Sought {
            universe: universe.iter().filter(offers).collect(),
            ..self
        }
    }
}

/// The nearest of the sets sought, or `None` if no such set fits.
pub(crate) fn search(sought: &Sought) -> Option<Found> {
    let Sought { offer, largest, .. } = *sought;
    // One node is closer than any two, unless some are as near to each other as to themselves.
    if largest == 1 || offer.topology.matrix().is_apart() {
        let single = one_node(sought);
        if single.is_some() || largest == 1 {
            return single;
        }
    }
    let sought = &Sought {
        budget_steps: match sought.universe.len() {
            0..=EXACT_NODES => u64::MAX,
            _ => sought.budget_steps,
        },
        ..*sought
    };
    let least = least_maximum(sought)?;
    match offer.topology.node_count() {
        0..=EXACT_NODES => least_average::<EXACT_NODES>(sought, &least),
        _ => least_average::<MAX_NODES>(sought, &least),
    }
}

/// Of the nodes that suffice alone the one that the strategy prefers.
fn one_node(sought: &Sought) -> Option<Found> {
    let offer = sought.offer;
    let fitting: NodeSet = (sought.universe.iter())
        .filter(|node| offer.nodes[*node].covers(offer.need))
        .filter(|node| NodeSet::one(*node) != sought.except)
        .collect();
    let rank = |node: &NodeSet| strategy::rank(offer, sought.strategy, *node);
    let nodes = fitting.iter().map(NodeSet::one).min_by_key(rank)?;
    Some(Found {
        nodes,
        distance: Distance {
            maximum: LOCAL_DISTANCE,
            sum: u64::from(LOCAL_DISTANCE),
            pairs: 1,
        },
        equals: fitting.len() as u64,
        steps: 0,
        optimal: true,
        gap: Some(0.0),
    })
}

/// The smallest distance within which some set fits.
struct Least {
    /// Its place among the distances of the host.
    class: usize,
    /// Whether smaller ones were ruled out.
    proven: bool,
    /// A set that fits within it, not necessarily an irreducible one.
    witness: NodeSet,
}

/// `None` if nothing fits at any distance.
fn least_maximum(sought: &Sought) -> Option<Least> {
    let offer = sought.offer;
    let matrix = offer.topology.matrix();
    let within = |class: usize, steps_left: &mut u64| {
        let nothing = (NodeSet::EMPTY, Amount::default());
        let of = |universe| exists(offer, matrix.near(class), nothing, universe, steps_left);
        // Another irreducible set does without some node of that one.
        match sought.except.is_empty() {
            true => Some(sought.universe).and_then(of),
            false => (sought.except.iter())
                .map(|node| sought.universe.without(node))
                .find_map(of),
        }
    };
    // Whether anything fits at all is always decided.
    let (mut fits_from, mut low) = (matrix.classes().len().checked_sub(1)?, 0);
    let mut proven = true;
    let mut unlimited = u64::MAX;
    let mut witness = within(fits_from, &mut unlimited)?;
    while low < fits_from {
        let middle = (low + fits_from) / 2;
        let mut steps_left = (sought.budget_steps / 16).max(1);
        match within(middle, &mut steps_left) {
            Some(set) => (fits_from, witness) = (middle, set),
            None => {
                proven &= steps_left > 0;
                low = middle + 1;
            }
        }
    }
    Some(Least {
        class: fits_from,
        proven,
        witness,
    })
}

/// Of the sets sought within the least maximum the one with the smallest average, on a host of at
/// most `N` nodes; `None` if no node can be spared, and that set is not sought.
fn least_average<const N: usize>(sought: &Sought, least: &Least) -> Option<Found> {
    let Sought {
        offer, universe, ..
    } = *sought;
    let bounds = Bounds::new(offer, universe, sought.largest);
    if bounds.needs_all() {
        return (universe != sought.except).then(|| Found {
            nodes: universe,
            distance: distance(offer, universe),
            equals: 1,
            steps: 0,
            optimal: true,
            gap: Some(0.0),
        });
    }
    let matrix = offer.topology.matrix();
    let board = Board::<N>::new(offer, universe, matrix.near(least.class), sought.strategy);
    let mut open = Sizes::new(&bounds);
    let mut counts = Counts::new(&board, sought, least.witness);
    counts.grow_from(open.lower());
    let tree = match universe.len() {
        // Small hosts are searched to the end in less time than this takes.
        0..=EXACT_NODES => None,
        _ => open
            .largest(&counts.best)
            .and_then(|largest| bound_sizes(&board, matrix.classes()[least.class], largest)),
    };
    if let Some(tree) = &tree {
        open.raise(&tree.lower);
        for (size, set) in tree.nodes.iter().enumerate() {
            if open.may_be_as_near(size, &counts.best) && offer.fits(*set) {
                counts.start_from(*set);
            }
        }
    }
    let mut average_proven = true;
    while let Some((size, lower)) = open.nearest() {
        if lower > limit(&counts.best, size) {
            break;
        }
        if let Some(tree) = tree.as_ref().filter(|tree| offer.fits(tree.nodes[size])) {
            counts.like(tree.nodes[size], lower);
        }
        if !counts.of_size(size, lower) {
            average_proven = at_bound(counts.best, open.lower());
            break;
        }
        open.close(size);
    }
    let nodes = counts.nearest();
    let distance = distance(offer, nodes);
    Some(Found {
        nodes,
        distance,
        equals: counts.equals.max(1),
        steps: sought.budget_steps - counts.steps_left,
        optimal: least.proven && average_proven,
        gap: match (least.proven, average_proven) {
            (false, _) => None,
            (true, true) => Some(0.0),
            (true, false) => Some(distance.average() / open.lower().average() - 1.0),
        },
    })
}

/// Whether nothing can be closer, as `lower` is what no set can be below.
fn at_bound(distance: Distance, lower: Distance) -> bool {
    distance.compare_averages(&lower).is_le()
}

/// The sizes that the nearest set may have, and what no set of each can be below.
struct Sizes {
    /// 0 for the sizes that it cannot have, or that were searched.
    lower: [u32; MAX_NODES + 1],
}

impl Sizes {
    fn new(bounds: &Bounds) -> Self {
        let mut lower = [0; MAX_NODES + 1];
        for size in bounds.sizes().into_iter().flatten() {
            lower[size] = bounds.lower(size);
        }
        Sizes { lower }
    }

    /// Whether a set of this size may be as near as `known`.
    fn may_be_as_near(&self, size: usize, known: &Distance) -> bool {
        size > 0 && (1..=limit(known, size)).contains(&self.lower[size])
    }

    /// The largest size of which a set may be as near as `known`.
    fn largest(&self, known: &Distance) -> Option<usize> {
        let open = |size: &usize| self.may_be_as_near(*size, known);
        (1..=MAX_NODES).rev().find(open)
    }

    /// Takes note of higher lower bounds, of which `u32::MAX` is that there is no such set.
    fn raise(&mut self, higher: &[u32; MAX_NODES + 1]) {
        for (lower, higher) in self.lower.iter_mut().zip(higher) {
            *lower = match (*lower, *higher) {
                (0, _) | (_, u32::MAX) => 0,
                (lower, higher) => lower.max(higher),
            };
        }
    }

    fn close(&mut self, size: usize) {
        self.lower[size] = 0;
    }

    /// The size with the least average that is left, and the sum of distances that no set of this
    /// size can be below.
    fn nearest(&self) -> Option<(usize, u32)> {
        let of = |(size, lower): (usize, &u32)| (*lower > 0).then_some((size, *lower));
        let open = self.lower.iter().enumerate().filter_map(of);
        open.min_by(|a, b| at(*a).compare_averages(&at(*b)))
    }

    /// What nothing that is left can be below.
    fn lower(&self) -> Distance {
        self.nearest().map_or(at((1, 0)), at)
    }
}

fn at((size, sum): (usize, u32)) -> Distance {
    Distance {
        maximum: 0,
        sum: sum.into(),
        pairs: (size * size) as u64,
    }
}
