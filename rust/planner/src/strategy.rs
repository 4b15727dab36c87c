//! Which of two equally near sets of nodes is taken.

use std::cmp::{Ordering, Reverse};

use crate::nodes::NodeSet;
use crate::offer::Offer;
use crate::request::Strategy;

/// Whether `a` is to be taken rather than `b`, an equally near set. O(nodes).
pub(crate) fn prefers(offer: &Offer, strategy: Strategy, a: NodeSet, b: NodeSet) -> bool {
    let room = |set: NodeSet| offer.sum(set).pages;
    let order = match strategy {
        Strategy::Pack => room(a).cmp(&room(b)),
        Strategy::Spread => room(b).cmp(&room(a)),
        Strategy::Balance => {
            let harm = |set: NodeSet| (harm(offer, set), room(set));
            harm(a).cmp(&harm(b))
        }
    };
    order.then_with(|| compare_numbers(a, b)) == Ordering::Less
}

/// What `Balance` keeps small. One node comes before several.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    /// The holes that end on the only node.
    Holes(u32),
    /// The room of the emptiest of several nodes: where that is large, most of the VM fits there,
    /// and the others may be full ones that only lend their CPUs.
    Emptiest(Reverse<u64>),
}

fn harm(offer: &Offer, set: NodeSet) -> Harm {
    let pages = |node: usize| offer.nodes[node].pages;
    match set.lowest() {
        Some(node) if set.len() == 1 => {
            let holes = |pages| holes(offer.size_pages[node], pages);
            let left = pages(node).saturating_sub(offer.need.pages);
            Harm::Holes(holes(pages(node)) - holes(left))
        }
        Some(_) | None => Harm::Emptiest(Reverse(set.iter().map(pages).max().unwrap_or(0))),
    }
}

/// How many of these holes `pages` free pages of a node of `size_pages` are: the whole node, which
/// counts twice, half, a quarter and an eighth of it.
fn holes(size_pages: u64, pages: u64) -> u32 {
    // What Xen keeps for itself, and what its span has no memory for, must not make an empty node
    // look like a used one.
    let whole = size_pages - size_pages / 32;
    let holes = (0..4).filter(|halvings| pages >= whole >> halvings).count() as u32;
    holes + u32::from(pages >= whole)
}

/// The order of the sets as ascending lists of numbers.
fn compare_numbers(a: NodeSet, b: NodeSet) -> Ordering {
    a.iter().cmp(b.iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{plan, Limits};
    use crate::host::{Host, HostDescription, NodeDescription};
    use crate::incumbent::distance;
    use crate::request::{Policy, RequestDescription};
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
        let sets = (1..1u64 << offer.topology.node_count()).map(NodeSet::from_bits);
        let fitting = sets.filter(|set| offer.irreducible(*set));
        let known = fitting.map(|set| (set, distance(offer, set)));
        let chosen = known.reduce(|best, other| match other.1.compare(&best.1) {
            Ordering::Less => other,
            Ordering::Equal if prefers(offer, strategy, other.0, best.0) => other,
            Ordering::Equal | Ordering::Greater => best,
        });
        chosen.map(|(set, _)| set)
    }

    #[test]
    fn the_search_meets_the_preferred_set() {
        let mut rng = Rng::with_seed(1);
        for _ in 0..20_000 {
            let host = host(&mut rng);
            let strategy = [Strategy::Pack, Strategy::Spread, Strategy::Balance][rng.usize(0..3)];
            let description = RequestDescription {
                memory_bytes: rng.u64(1..100) * PAGE_BYTES,
                overhead_bytes: 0,
                vcpus: 1,
                cores: Some(0),
                policy: Policy::BestEffort,
                strategy,
                allowed_cpus: None,
                allowed_nodes: None,
            };
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
