//! Finds the nearest irreducible set of nodes that fits.
//!
//! First the smallest distance within which some set fits, by bisection over the distinct
//! distances of the host; then, among the sets within it, the smallest average, by branch and
//! bound. Both walk over cliques: sets of nodes that are mutually within the distance. Exact
//! without a budget; with one, the best found is returned with a bound on what was missed.

use std::cmp::Ordering;

use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::Distance;
use crate::request::Strategy;
use crate::strategy;

/// Hosts with at most this many nodes are searched to the end, whatever the budget.
pub(crate) const EXACT_NODES: usize = 16;

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

/// The distance of a set of nodes that reach each other.
pub(crate) fn distance_of(offer: &Offer, set: NodeSet) -> Distance {
    let mut distance = Distance {
        maximum: 0,
        sum: 0,
        pairs: (set.len() * set.len()) as u64,
    };
    for a in set.iter() {
        for b in set.iter() {
            let between = offer.topology.raw_distance(a, b);
            distance.maximum = distance.maximum.max(between);
            distance.sum += u64::from(between);
        }
    }
    distance
}

fn compare_averages(a: Distance, b: Distance) -> Ordering {
    (a.sum * b.pairs).cmp(&(b.sum * a.pairs))
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
    let budget_steps = match universe.len() {
        0..=EXACT_NODES => u64::MAX,
        _ => budget_steps,
    };
    let mut search = Search {
        offer,
        largest,
        strategy,
        within: u32::MAX,
        near: [NodeSet::EMPTY; MAX_NODES],
        steps_left: u64::MAX,
        least_pair: 0,
        best: None,
        chosen: None,
        equals: 0,
    };
    let Least {
        maximum,
        proven: maximum_proven,
        witness,
    } = search.least_maximum(universe, budget_steps)?;
    search.look_within(universe, maximum);
    search.steps_left = budget_steps;
    search.best = Some(search.nearest_known(universe, witness));
    let lower_bound = search.lower_bound(universe);
    search.extend(&Partial::empty(), universe);
    let exhausted = search.steps_left == 0;
    let nodes = search.chosen.or(search.best.map(|(nodes, _)| nodes))?;
    let distance = distance_of(offer, nodes);
    let at_bound = lower_bound.is_some_and(|bound| compare_averages(distance, bound).is_le());
    let average_proven = !exhausted || at_bound;
    Some(Found {
        nodes,
        distance,
        equals: search.equals.max(1),
        optimal: maximum_proven && average_proven,
        gap: match (maximum_proven, average_proven, lower_bound) {
            (false, _, _) => None,
            (true, true, _) => Some(0.0),
            (true, false, None) => None,
            (true, false, Some(bound)) => Some(distance.average() / bound.average() - 1.0),
        },
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

struct Search<'a> {
    offer: &'a Offer<'a>,
    largest: usize,
    strategy: Strategy,
    /// Only pairs of nodes within this distance are considered …
    within: u32,
    /// … which are, for each node, these.
    near: [NodeSet; MAX_NODES],
    steps_left: u64,
    /// The least sum of the two distances between two nodes.
    least_pair: u64,
    /// The nearest set known, which bounds the search.
    best: Option<(NodeSet, Distance)>,
    /// The set that the strategy prefers among the nearest ones that the search met.
    chosen: Option<NodeSet>,
    equals: u64,
}

/// A set of nodes on the way to one that fits.
struct Partial {
    set: NodeSet,
    count: usize,
    sum: Amount,
    /// The sum of distances over its ordered pairs.
    distance: u64,
    /// What each node outside would add to `distance`, its own excepted.
    cross: [u32; MAX_NODES],
}

impl Partial {
    fn empty() -> Self {
        Partial {
            set: NodeSet::EMPTY,
            count: 0,
            sum: Amount::default(),
            distance: 0,
            cross: [0; MAX_NODES],
        }
    }
}

impl Search<'_> {
    fn look_within(&mut self, universe: NodeSet, within: u32) {
        self.within = within;
        let topology = self.offer.topology;
        let mut least_pair = u32::MAX;
        for node in universe.iter() {
            self.near[node] = topology
                .mutual(node)
                .intersection(universe)
                .without(node)
                .iter()
                .filter(|other| topology.both_ways(node, *other) <= within)
                .collect();
            for other in self.near[node].iter() {
                let pair = topology.raw_distance(node, other) + topology.raw_distance(other, node);
                least_pair = least_pair.min(pair);
            }
        }
        // Without any pair no set has one, so its distance does not matter.
        self.least_pair = match least_pair {
            u32::MAX => 0,
            pair => u64::from(pair),
        };
    }

    /// `None` if nothing fits at any distance.
    fn least_maximum(&mut self, universe: NodeSet, budget_steps: u64) -> Option<Least> {
        let classes = self.offer.topology.classes();
        let farthest = *classes.last()?;
        // Whether anything fits at all is always decided.
        self.look_within(universe, farthest);
        self.steps_left = u64::MAX;
        let mut witness = self.exists(NodeSet::EMPTY, Amount::default(), universe)?;
        let (mut fits_from, mut low, mut proven) = (classes.len() - 1, 0, true);
        while low < fits_from {
            let middle = (low + fits_from) / 2;
            self.look_within(universe, classes[middle]);
            self.steps_left = (budget_steps / 16).max(1);
            match self.exists(NodeSet::EMPTY, Amount::default(), universe) {
                Some(set) => (fits_from, witness) = (middle, set),
                None => {
                    proven &= self.steps_left > 0;
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

    fn step(&mut self) -> bool {
        self.steps_left = self.steps_left.saturating_sub(1);
        self.steps_left > 0
    }

    /// A set that fits, made of `set`, which has `sum`, and nodes of `candidates`, which are all
    /// near it; `None` if there is none.
    fn exists(&mut self, set: NodeSet, sum: Amount, candidates: NodeSet) -> Option<NodeSet> {
        if sum.covers(self.offer.need) {
            return Some(set);
        }
        let all = sum.plus(self.offer.sum(candidates));
        if set.len() == self.largest || !all.covers(self.offer.need) || !self.step() {
            return None;
        }
        // The candidate that gives most; whatever works either has it or does without it.
        let node = (candidates.iter())
            .max_by_key(|node| (self.offer.nodes[*node].pages, std::cmp::Reverse(*node)))?;
        let with = candidates.intersection(self.near[node]);
        self.exists(set.with(node), sum.plus(self.offer.nodes[node]), with)
            .or_else(|| self.exists(set, sum, candidates.without(node)))
    }

    /// The nearest of what can be found without a search: `witness`, and what grows greedily.
    fn nearest_known(&self, universe: NodeSet, witness: NodeSet) -> (NodeSet, Distance) {
        let witness = self.reduced(witness);
        let known = (witness, distance_of(self.offer, witness));
        match self.greedy(universe) {
            Some(grown) if compare_averages(grown.1, known.1).is_lt() => grown,
            Some(_) | None => known,
        }
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

    /// A near set, found by growing each node with its nearest neighbours; `None` if none of
    /// these fits.
    fn greedy(&self, universe: NodeSet) -> Option<(NodeSet, Distance)> {
        universe
            .iter()
            .filter_map(|seed| self.grow(seed))
            .map(|set| (set, distance_of(self.offer, set)))
            .min_by(|(_, a), (_, b)| compare_averages(*a, *b))
    }

    fn grow(&self, seed: usize) -> Option<NodeSet> {
        let topology = self.offer.topology;
        let mut set = NodeSet::one(seed);
        let mut candidates = self.near[seed];
        while !self.offer.fits(set) {
            let cross = |node: usize| -> u32 {
                let pair = |member| {
                    topology.raw_distance(node, member) + topology.raw_distance(member, node)
                };
                set.iter().map(pair).sum()
            };
            let nearest = candidates.iter().min_by_key(|node| {
                let pages = self.offer.nodes[*node].pages;
                (cross(*node), std::cmp::Reverse(pages), *node)
            })?;
            set = set.with(nearest);
            candidates = candidates.intersection(self.near[nearest]);
        }
        let set = self.reduced(set);
        (set.len() <= self.largest).then_some(set)
    }

    /// A distance that no set within the current bounds can be below.
    fn lower_bound(&self, universe: NodeSet) -> Option<Distance> {
        let least = self.least_more(Amount::default(), universe)?;
        (least.max(1)..=universe.len())
            .map(|count| self.completed(&Partial::empty(), 0, count))
            .min_by(|a, b| compare_averages(*a, *b))
    }

    /// How many more nodes of `candidates` are needed at the least; `None` if all are too few.
    fn least_more(&self, sum: Amount, candidates: NodeSet) -> Option<usize> {
        let need = self.offer.need;
        let nodes = &self.offer.nodes;
        let short = sum.short_of(need);
        let pages = fewest(short.pages, candidates, |node| nodes[node].pages)?;
        let cpus = fewest(u64::from(short.cpus), candidates, |node| {
            u64::from(nodes[node].cpus)
        })?;
        let cores = fewest(u64::from(short.cores), candidates, |node| {
            u64::from(nodes[node].cores)
        })?;
        Some(pages.max(cpus).max(cores))
    }

    /// The least that `partial` can come to with `more` nodes, whose distances to and from it
    /// sum up to `crossed`.
    fn completed(&self, partial: &Partial, crossed: u64, more: usize) -> Distance {
        let more = more as u64;
        let count = partial.count as u64 + more;
        let among = match more {
            0 | 1 => 0,
            more => more * (more - 1) / 2 * self.least_pair,
        };
        Distance {
            maximum: self.within,
            sum: partial.distance + crossed + 10 * more + among,
            pairs: count * count,
        }
    }

    /// Whether some completion of `partial` from `candidates` may be as near as the best known.
    fn hopeful(&self, partial: &Partial, candidates: NodeSet) -> bool {
        let Some(least) = self.least_more(partial.sum, candidates) else {
            return false;
        };
        if partial.count + least > self.largest {
            return false;
        }
        let Some((_, best)) = self.best else {
            return true;
        };
        let mut crosses = [0; MAX_NODES];
        let mut count = 0;
        for node in candidates.iter() {
            crosses[count] = partial.cross[node];
            count += 1;
        }
        crosses[..count].sort_unstable();
        let mut crossed = 0;
        for more in 0..=count {
            if more > 0 {
                crossed += u64::from(crosses[more - 1]);
            }
            if more >= least {
                let distance = self.completed(partial, crossed, more);
                if compare_averages(distance, best).is_le() {
                    return true;
                }
            }
        }
        false
    }

    /// Meets every irreducible set that contains `partial`, else only nodes of `candidates`, and
    /// is as near as the best known.
    fn extend(&mut self, partial: &Partial, candidates: NodeSet) {
        let mut later = candidates;
        for node in candidates.iter() {
            later = later.without(node);
            if !self.step() {
                return;
            }
            let grown = self.grown(partial, node);
            if grown.sum.covers(self.offer.need) {
                self.meet(&grown);
                continue;
            }
            let candidates = later.intersection(self.near[node]);
            if grown.count < self.largest && self.hopeful(&grown, candidates) {
                self.extend(&grown, candidates);
            }
        }
    }

    fn grown(&self, partial: &Partial, node: usize) -> Partial {
        let topology = self.offer.topology;
        let mut cross = partial.cross;
        for other in self.near[node].iter() {
            cross[other] += topology.raw_distance(node, other) + topology.raw_distance(other, node);
        }
        Partial {
            set: partial.set.with(node),
            count: partial.count + 1,
            sum: partial.sum.plus(self.offer.nodes[node]),
            distance: partial.distance + u64::from(partial.cross[node]) + 10,
            cross,
        }
    }

    /// Takes note of a set that fits.
    fn meet(&mut self, fitting: &Partial) {
        if !self.offer.irreducible(fitting.set) {
            return;
        }
        let distance = Distance {
            maximum: self.within,
            sum: fitting.distance,
            pairs: (fitting.count * fitting.count) as u64,
        };
        let order = match self.best {
            Some((_, best)) => compare_averages(distance, best),
            None => Ordering::Less,
        };
        match (order, self.chosen) {
            (Ordering::Greater, _) => (),
            (Ordering::Equal, Some(chosen)) => {
                self.equals += 1;
                if strategy::prefers(self.offer, self.strategy, fitting.set, chosen) {
                    self.chosen = Some(fitting.set);
                }
            }
            (Ordering::Less, _) | (Ordering::Equal, None) => {
                self.best = Some((fitting.set, distance));
                self.chosen = Some(fitting.set);
                self.equals = 1;
            }
        }
    }
}

/// The fewest nodes of `candidates` that give `wanted` together.
fn fewest(wanted: u64, candidates: NodeSet, give: impl Fn(usize) -> u64) -> Option<usize> {
    if wanted == 0 {
        return Some(0);
    }
    let mut gifts = [0; MAX_NODES];
    let mut count = 0;
    for node in candidates.iter() {
        gifts[count] = give(node);
        count += 1;
    }
    gifts[..count].sort_unstable_by(|a, b| b.cmp(a));
    let mut given = 0;
    for (i, gift) in gifts[..count].iter().enumerate() {
        given += gift;
        if given >= wanted {
            return Some(i + 1);
        }
    }
    None
}
