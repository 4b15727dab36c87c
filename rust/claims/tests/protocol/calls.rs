//! That what was placed can be built, on every flavour.

use claims::Reservation;
use model::Flavour;
use planner::{NodeSet, Policy};

use crate::bench::{bench, GIB};

#[test]
fn a_build_lands_on_its_node() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let placed = bench.place(32 * GIB, Policy::BestEffort);
        let domid = placed.domid();
        let plan = placed.outcome().plan.clone().unwrap();
        assert_eq!(plan.nodes.len(), 1, "{}", flavour.name);
        assert_eq!(bench.affinity(domid), plan.nodes, "{}", flavour.name);
        assert_eq!(bench.outstanding(domid), 32 * GIB, "{}", flavour.name);
        let node = plan.nodes.lowest().unwrap();
        let reservation = match flavour.has_node_claims() {
            true => Reservation::NodeClaim(node),
            false => Reservation::HostClaim,
        };
        assert_eq!(
            placed.outcome().reservation,
            reservation,
            "{}",
            flavour.name
        );
        assert!(bench.build(placed), "{}", flavour.name);
        assert_eq!(bench.xen.backend.outstanding_pages(), 0);
        let pages = bench.xen.backend.domain_pages(domid);
        let there = pages.iter().find(|(n, _)| *n == node).unwrap().1;
        assert_eq!(there, 32 * GIB, "{}: {pages:?}", flavour.name);
    }
}

#[test]
fn two_domains_that_do_not_meet_are_built() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let first = bench.place(40 * GIB, Policy::BestEffort);
        let second = bench.place(40 * GIB, Policy::BestEffort);
        let nodes =
            |placed: &xenopsd_numa_claims::Placed| placed.outcome().plan.clone().unwrap().nodes;
        assert_ne!(nodes(&first), nodes(&second), "{}", flavour.name);
        assert!(bench.build(first) && bench.build(second));
    }
}

#[test]
fn a_plan_over_several_nodes_is_built() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let placed = bench.place(80 * GIB, Policy::BestEffort);
        let reservation = match flavour.has_claim_sets() {
            true => Reservation::ClaimSet,
            false => Reservation::HostClaim,
        };
        assert_eq!(
            placed.outcome().reservation,
            reservation,
            "{}",
            flavour.name
        );
        let plan = placed.outcome().plan.clone().unwrap();
        assert_eq!(plan.nodes, NodeSet::first(2));
        assert_eq!(bench.outstanding(placed.domid()), 80 * GIB);
        assert!(bench.build(placed));
    }
}
