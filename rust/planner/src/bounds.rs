//! What a set of nodes on its way to one that fits can come to at best.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::Distance;

/// A set of nodes on its way to one that fits.
#[derive(Clone, Copy)]
pub(crate) struct Partial {
    pub set: NodeSet,
    pub count: usize,
    pub sum: Amount,
    /// The sum of distances over its ordered pairs.
    pub distance: u64,
    /// What each node outside would add to `distance`, its own excepted.
    pub cross: [u32; MAX_NODES],
}

impl Partial {
    pub fn empty() -> Self {
        Partial {
            set: NodeSet::EMPTY,
            count: 0,
            sum: Amount::default(),
            distance: 0,
            cross: [0; MAX_NODES],
        }
    }

    /// With `node`, which is near it; `near` are the nodes near that one.
    pub fn grown(&self, offer: &Offer, node: usize, near: NodeSet) -> Self {
        let matrix = offer.topology.matrix();
        let mut grown = Partial {
            set: self.set.with(node),
            count: self.count + 1,
            sum: self.sum.plus(offer.nodes[node]),
            distance: self.distance + u64::from(self.cross[node]) + 10,
            cross: self.cross,
        };
        for other in near.iter() {
            grown.cross[other] += matrix.pair(node, other);
        }
        grown
    }
}

/// The nodes of a universe by what they give of each resource, most first.
pub(crate) struct Bounds<'a> {
    offer: &'a Offer<'a>,
    universe: NodeSet,
    by_pages: [u8; MAX_NODES],
    by_cpus: [u8; MAX_NODES],
    by_cores: [u8; MAX_NODES],
    /// The fewest nodes that can fit; `None` if all are too few.
    least: Option<usize>,
    /// The most nodes that a set can have of which none can be spared.
    most: usize,
}

impl<'a> Bounds<'a> {
    pub fn new(offer: &'a Offer<'a>, universe: NodeSet, largest: usize) -> Self {
        let by = |give: &dyn Fn(usize) -> u64| {
            let mut nodes = [0; MAX_NODES];
            for (slot, node) in nodes.iter_mut().zip(universe.iter()) {
                *slot = node as u8;
            }
            nodes[..universe.len()].sort_unstable_by_key(|node| Reverse(give(*node as usize)));
            nodes
        };
        let mut bounds = Bounds {
            offer,
            universe,
            by_pages: by(&|node| offer.nodes[node].pages),
            by_cpus: by(&|node| u64::from(offer.nodes[node].cpus)),
            by_cores: by(&|node| u64::from(offer.nodes[node].cores)),
            least: None,
            most: 0,
        };
        bounds.least = bounds.least_more(Amount::default(), universe);
        bounds.most = bounds.most_nodes().min(largest);
        bounds
    }

    /// Without any one of its nodes a set must fall short of something, so all but one of them
    /// are short of it.
    fn most_nodes(&self) -> usize {
        let Amount { pages, cpus, cores } = self.offer.need;
        let nodes = &self.offer.nodes;
        let most = |need: u64, order: &[u8; MAX_NODES], give: &dyn Fn(usize) -> u64| {
            let mut sum = 0;
            let ascending = order[..self.universe.len()].iter().rev();
            ascending
                .take_while(|node| {
                    sum += give(**node as usize);
                    sum < need
                })
                .count()
        };
        let pages = most(pages, &self.by_pages, &|node| nodes[node].pages);
        let cpus = most(cpus.into(), &self.by_cpus, &|node| nodes[node].cpus.into());
        let cores = most(cores.into(), &self.by_cores, &|node| {
            nodes[node].cores.into()
        });
        pages.max(cpus).max(cores) + 1
    }

    /// How many more nodes of `candidates` are needed at the least; `None` if all are too few.
    fn least_more(&self, sum: Amount, candidates: NodeSet) -> Option<usize> {
        let nodes = &self.offer.nodes;
        let short = sum.short_of(self.offer.need);
        let fewest = |wanted: u64, order: &[u8; MAX_NODES], give: &dyn Fn(usize) -> u64| {
            let (mut given, mut count) = (0, 0);
            let mut order = order[..self.universe.len()].iter();
            while given < wanted {
                let node = *order.find(|node| candidates.contains(**node as usize))? as usize;
                given += give(node);
                count += 1;
            }
            Some(count)
        };
        let pages = fewest(short.pages, &self.by_pages, &|node| nodes[node].pages)?;
        let cpus = fewest(short.cpus.into(), &self.by_cpus, &|n| nodes[n].cpus.into())?;
        let cores = fewest(short.cores.into(), &self.by_cores, &|n| {
            nodes[n].cores.into()
        })?;
        Some(pages.max(cpus).max(cores))
    }

    /// Whether no node of the universe can be spared.
    pub fn needs_all(&self) -> bool {
        self.least == Some(self.universe.len())
    }

    /// Whether `partial` with nodes of `candidates` may become an irreducible set that fits and
    /// is as near as `best`.
    pub fn hopeful(&self, partial: &Partial, candidates: NodeSet, best: Distance) -> bool {
        let Some(least) = self.least_more(partial.sum, candidates) else {
            return false;
        };
        let most = candidates
            .len()
            .min(self.most.saturating_sub(partial.count));
        if least > most {
            return false;
        }
        (least..=most).any(|more| {
            let completed = self.completed(partial, candidates, more);
            completed.compare_averages(&best).is_le()
        })
    }

    /// The distance that `partial` with `more` nodes of `candidates` cannot be below. Each of them
    /// is at least as far from the others as from its nearest neighbours.
    fn completed(&self, partial: &Partial, candidates: NodeSet, more: usize) -> Distance {
        let matrix = self.offer.topology.matrix();
        let mut added = [0; MAX_NODES];
        let mut count = 0;
        if more > 0 {
            for node in candidates.iter() {
                // Twice what it adds, as the distances among the added ones are shared by two.
                let near = u64::from(matrix.near_sum(node, more - 1));
                added[count] = 2 * u64::from(partial.cross[node]) + near;
                count += 1;
            }
        }
        if more < count {
            added[..count].select_nth_unstable(more);
        }
        let twice: u64 = added[..more].iter().sum();
        let nodes = (partial.count + more) as u64;
        Distance {
            maximum: 0,
            sum: partial.distance + 10 * more as u64 + twice.div_ceil(2),
            pairs: nodes * nodes,
        }
    }

    /// How many nodes an irreducible set of the universe can have; `None` if nothing fits.
    pub fn sizes(&self) -> Option<RangeInclusive<usize>> {
        Some(self.least?.max(1)..=self.most.min(self.universe.len()))
    }

    /// A distance that no irreducible set of the universe can be below.
    pub fn lower(&self) -> Option<Distance> {
        self.sizes()?
            .map(|count| self.completed(&Partial::empty(), self.universe, count))
            .min_by(Distance::compare_averages)
    }
}
