//! Which of equally near sets of nodes is taken.

use std::cmp::Reverse;

use crate::nodes::NodeSet;
use crate::offer::Offer;
use crate::request::Strategy;

/// How a strategy ranks a set: of equally near ones the least is taken. Ranks compare only if they
/// are of the same offer and strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    cost: Cost,
    /// The nodes, the lowest one in the highest bit: ascending lists of numbers compare like that,
    /// as no irreducible set is the beginning of another.
    numbers: Reverse<u64>,
}

/// What a strategy keeps small. One node comes before several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    /// Little headroom in the set is good.
    LeastHeadroom(u64),
    /// The used share of the set with the VM on it; see [`used_share`].
    Used(u64),
    /// The holes that end on the only node, then its headroom.
    Holes(u32, u64),
    /// The headroom of the emptiest of several nodes: where that is large, most of the VM fits
    /// there, and the others may be full ones that only lend their CPUs. Then the headroom of the
    /// set.
    Emptiest(Reverse<u64>, u64),
}

/// The rank of `set`, which fits. O(nodes).
pub(crate) fn rank(offer: &Offer, strategy: Strategy, set: NodeSet) -> Rank {
    let headroom = offer.sum(set).pages;
    Rank {
        cost: match strategy {
            Strategy::Pack => Cost::LeastHeadroom(headroom),
            Strategy::Spread => Cost::Used(used_share(offer, set, headroom)),
            Strategy::Balance => balance(offer, set, headroom),
        },
        numbers: Reverse(set.bits().reverse_bits()),
    }
}

impl Rank {
    /// Whether only the numbers of the nodes distinguish the two.
    pub fn same_cost(&self, other: &Rank) -> bool {
        self.cost == other.cost
    }
}

/// What strategies look at in a set of nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed {
    /// What it has room for: its claimable pages.
    pub headroom_pages: u64,
    /// The headroom of its emptiest node.
    pub emptiest_pages: u64,
    /// The used share of its memory with the VM on it.
    pub used_share: f64,
    /// How many holes of the host's largest node end, each where the VM's pages go: see
    /// [`Strategy::Balance`]. `None` for several nodes.
    pub ended_holes: Option<u32>,
}

/// What strategies look at in `set`. O(nodes).
pub(crate) fn weigh(offer: &Offer, set: NodeSet) -> Weighed {
    let headroom_pages = offer.sum(set).pages;
    let headroom = set.iter().map(|node| offer.nodes[node].pages);
    Weighed {
        headroom_pages,
        emptiest_pages: headroom.max().unwrap_or(0),
        used_share: used_share(offer, set, headroom_pages) as f64 / (1u64 << SHARE_BITS) as f64,
        ended_holes: (set.len() == 1).then(|| ended_holes(offer, headroom_pages)),
    }
}

/// How finely shares are distinguished.
const SHARE_BITS: u32 = 40;

/// The used share of `set` once the VM is there, in units of 2^-`SHARE_BITS`. A share, because
/// where nodes differ in size the emptiest is a large one until it has no more room than the small
/// ones have. What is held back, or has no memory, is used.
fn used_share(offer: &Offer, set: NodeSet, headroom: u64) -> u64 {
    let size = set.iter().map(|node| offer.size_pages[node]).sum::<u64>();
    let used = size.saturating_sub(headroom.saturating_sub(offer.need.pages));
    // Below 2^58 each, as are all sums of pages of 64 nodes.
    let share = (u128::from(used) << SHARE_BITS).checked_div(u128::from(size));
    share.map_or(0, |share| share as u64)
}

/// The least headroom that a set of at least `size_pages` has if [`Strategy::Spread`] does not
/// prefer `set`, which has `headroom`, to it.
pub(crate) fn least_headroom(offer: &Offer, set: NodeSet, headroom: u64, size_pages: u64) -> u64 {
    let used = used_share(offer, set, headroom);
    // Shares are rounded down, so as much or less is used where this much at least is not.
    let free_share = (1u64 << SHARE_BITS).saturating_sub(used + 1);
    let free = (u128::from(free_share) * u128::from(size_pages)) >> SHARE_BITS;
    offer.need.pages + free as u64
}

fn balance(offer: &Offer, set: NodeSet, headroom: u64) -> Cost {
    match set.len() {
        1 => Cost::Holes(ended_holes(offer, headroom), headroom),
        _ => {
            let each = set.iter().map(|node| offer.nodes[node].pages);
            Cost::Emptiest(Reverse(each.max().unwrap_or(0)), headroom)
        }
    }
}

/// How many holes end on a node that has `headroom`.
fn ended_holes(offer: &Offer, headroom: u64) -> u32 {
    let holes = |pages| holes(offer.largest_pages, pages);
    holes(headroom) - holes(headroom.saturating_sub(offer.need.pages))
}

/// How many of these holes `pages` free pages of a node are: the whole of a node of `size_pages`,
/// the host's largest, which counts twice, half, a quarter and an eighth of it.
fn holes(size_pages: u64, pages: u64) -> u32 {
    // What Xen keeps for itself, and what its span has no memory for, must not make an empty node
    // look like a used one.
    let whole = size_pages - size_pages / 32;
    let holes = (0..4).filter(|halvings| pages >= whole >> halvings).count() as u32;
    holes + u32::from(pages >= whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    use crate::answer::{plan, Limits};
    use crate::host::{Host, HostDescription, NodeDescription};
    use crate::incumbent::distance;
    use crate::request::RequestDescription;
    use crate::topology::TopologyDescription;
    use crate::units::PAGE_BYTES;
    use crate::Request;
    use fastrand::Rng;

    fn host(rng: &mut Rng) -> Host {
        let nodes = rng.usize(1..=7);
        // Few values, so that many sets are equally near; 10 apart is as near as together.
        let values = [[10, 10, 20], [12, 12, 20], [20, 20, 20]][rng.usize(0..3)];
        let distance = |rng: &mut Rng, same: bool| match same {
            true => 10,
            false => values[rng.usize(0..3)],
        };
        let drawn: Vec<Vec<u32>> = (0..nodes)
            .map(|a| (0..nodes).map(|b| distance(rng, a == b)).collect())
            .collect();
        let symmetric = rng.bool();
        let between = |a: usize, b: usize| match symmetric {
            true => Some(drawn[a.max(b)][a.min(b)]),
            false => Some(drawn[a][b]),
        };
        let row = |a| (0..nodes).map(|b| between(a, b)).collect();
        let distances = (0..nodes).map(row).collect();
        let cpus = 0..nodes as u32;
        let nodes: Vec<_> = (0..nodes)
            .map(|_| NodeDescription {
                size_bytes: Some((32 + 32 * rng.u64(0..2)) * PAGE_BYTES),
                free_bytes: Some(8 * rng.u64(0..5) * PAGE_BYTES),
                claimed_bytes: 0,
            })
            .collect();
        Host::new(&HostDescription {
            topology: TopologyDescription {
                distances,
                cpu_to_node: cpus.clone().map(Some).collect(),
                cpu_to_core: cpus.clone().map(|_| Some(0)).collect(),
                cpu_to_socket: cpus.map(|_| Some(0)).collect(),
            },
            host_free_bytes: nodes.iter().filter_map(|node| node.free_bytes).sum(),
            nodes,
            host_outstanding_bytes: 0,
        })
        .unwrap()
    }

    /// The set that is preferred among all that are nearest, by looking at every set.
    fn by_looking_at_all(offer: &Offer, strategy: Strategy) -> Option<NodeSet> {
        let rank_of = |set| rank(offer, strategy, set);
        let sets = (1..1u64 << offer.topology.node_count()).map(NodeSet::from_bits);
        let fitting = sets.filter(|set| offer.irreducible(*set));
        let known = fitting.map(|set| (set, distance(offer, set)));
        let chosen = known.reduce(|best, other| match other.1.compare(&best.1) {
            Ordering::Less => other,
            Ordering::Equal if rank_of(other.0) < rank_of(best.0) => other,
            Ordering::Equal | Ordering::Greater => best,
        });
        chosen.map(|(set, _)| set)
    }

    /// A set that fits and is part of another one makes that one reducible.
    #[test]
    fn numbers_compare_as_ascending_lists() {
        let reversed = |set: NodeSet| Reverse(set.bits().reverse_bits());
        let sets = || (1..64).map(NodeSet::from_bits);
        for (a, b) in sets().flat_map(|a| sets().map(move |b| (a, b))) {
            if a == b || !a.is_subset(b) && !b.is_subset(a) {
                let lists = a.iter().cmp(b.iter());
                assert_eq!(reversed(a).cmp(&reversed(b)), lists, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_search_meets_the_preferred_set() {
        let mut rng = Rng::with_seed(1);
        for _ in 0..20_000 {
            let host = host(&mut rng);
            let strategy = [Strategy::Pack, Strategy::Spread, Strategy::Balance][rng.usize(0..3)];
            let description = RequestDescription::new(rng.u64(1..100) * PAGE_BYTES, 1)
                .with_cores(0)
                .with_strategy(strategy);
            let request = Request::new(&description, host.topology()).unwrap();
            let limits = Limits::default();
            let offer = Offer::new(&host, &request, &limits.reserve, true);
            let planned = plan(&host, &request, &limits).ok().map(|plan| plan.nodes);
            assert_eq!(
                planned,
                by_looking_at_all(&offer, strategy),
                "{host:?} {request:?}"
            );
        }
    }
}
