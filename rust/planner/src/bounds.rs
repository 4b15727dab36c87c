//! How many nodes a set that fits can have, and how near so many can be at best.

use std::ops::RangeInclusive;

use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};

/// What is known of the sets of a universe before any is looked at.
pub(crate) struct Bounds<'a> {
    offer: &'a Offer<'a>,
    universe: NodeSet,
    /// The fewest nodes that can fit; `None` if all are too few.
    least: Option<usize>,
    /// The most nodes that a set can have of which none can be spared.
    most: usize,
}

impl<'a> Bounds<'a> {
    pub fn new(offer: &'a Offer<'a>, universe: NodeSet, largest: usize) -> Self {
        let need = offer.need;
        let bounds = [
            of_resource(offer, universe, need.pages, |amount| amount.pages),
            of_resource(offer, universe, need.cpus.into(), |amount| {
                amount.cpus.into()
            }),
            of_resource(offer, universe, need.cores.into(), |amount| {
                amount.cores.into()
            }),
        ];
        let least = |least: Option<usize>, (fewest, _): &(Option<usize>, usize)| {
            Some(least?.max((*fewest)?))
        };
        let most = bounds.iter().map(|(_, most)| *most).max();
        Bounds {
            offer,
            universe,
            least: bounds.iter().fold(Some(0), least),
            most: most.unwrap_or(0).min(largest),
        }
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

/// The fewest nodes that have `need` of a resource, and the most that a set can have of which none
/// can be spared for it: without its node that gives least it must fall short.
fn of_resource(
    offer: &Offer,
    universe: NodeSet,
    need: u64,
    give: fn(Amount) -> u64,
) -> (Option<usize>, usize) {
    let mut gives = [0; MAX_NODES];
    for (slot, node) in gives.iter_mut().zip(universe.iter()) {
        *slot = give(offer.nodes[node]);
    }
    let gives = &mut gives[..universe.len()];
    gives.sort_unstable();
    // How many nodes it takes from either end.
    let falls_short = |gives: &mut dyn Iterator<Item = &u64>| {
        let mut sum = 0;
        let short = gives.take_while(|give| {
            sum += **give;
            sum < need
        });
        short.count()
    };
    let fewest = match need {
        0 => 0,
        _ => falls_short(&mut gives.iter().rev()) + 1,
    };
    let most = falls_short(&mut gives.iter()) + 1;
    ((fewest <= gives.len()).then_some(fewest), most)
}
