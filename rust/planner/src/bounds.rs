//! How many nodes a set that fits can have, and how near so many can be at best.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};

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
        bounds.least = bounds.least_nodes();
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

    /// How many nodes are needed at the least; `None` if all are too few.
    fn least_nodes(&self) -> Option<usize> {
        let nodes = &self.offer.nodes;
        let need = self.offer.need;
        let fewest = |wanted: u64, order: &[u8; MAX_NODES], give: &dyn Fn(usize) -> u64| {
            let (mut given, mut count) = (0, 0);
            let mut order = order[..self.universe.len()].iter();
            while given < wanted {
                given += give(usize::from(*order.next()?));
                count += 1;
            }
            Some(count)
        };
        let pages = fewest(need.pages, &self.by_pages, &|node| nodes[node].pages)?;
        let cpus = fewest(need.cpus.into(), &self.by_cpus, &|n| nodes[n].cpus.into())?;
        let cores = fewest(need.cores.into(), &self.by_cores, &|n| {
            nodes[n].cores.into()
        })?;
        Some(pages.max(cpus).max(cores))
    }

    /// Whether no node of the universe can be spared.
    pub fn needs_all(&self) -> bool {
        self.least == Some(self.universe.len())
    }

    /// How many nodes an irreducible set of the universe can have; `None` if nothing fits.
    pub fn sizes(&self) -> Option<RangeInclusive<usize>> {
        Some(self.least?.max(1)..=self.most.min(self.universe.len()))
    }

    /// A sum of distances that no set of `size` nodes, at least 1, can be below. Each of them is at
    /// least as far from the others as from its nearest neighbours.
    pub fn lower(&self, size: usize) -> u32 {
        let near = self.offer.topology.matrix().near_sums(size - 1);
        let mut sums = [0; MAX_NODES];
        let count = self.universe.len();
        for (sum, node) in sums.iter_mut().zip(self.universe.iter()) {
            *sum = near[node];
        }
        if size < count {
            sums[..count].select_nth_unstable(size);
        }
        // Twice the sum, as the distance of two nodes is counted at both.
        let twice: u64 = sums[..size].iter().map(|sum| u64::from(*sum)).sum();
        let near = (10 * size as u64 + twice.div_ceil(2)).min(u32::MAX.into()) as u32;
        near.max(self.offer.topology.matrix().tightest(size))
    }
}
