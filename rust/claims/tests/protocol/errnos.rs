//! What each errno of a claim on a node leads to.

use claims::{Errno, Error, Reservation};
use model::Flavour;
use planner::{NodeSet, Policy};

use crate::bench::{bench, host, GIB};
use conformance::bench::{placement, request, Bench, Fault};

#[test]
fn a_full_node_leads_to_another_plan() {
    for (fault, node) in [("claim_node 0", 1), ("claim_node 1", 0)] {
        let bench = bench(Flavour::XS9);
        bench.xen.set(fault, Fault::Errno(Errno::ENOMEM));
        let placed = bench.place(32 * GIB, Policy::BestEffort);
        assert_eq!(placed.outcome().reservation, Reservation::NodeClaim(node));
        assert_eq!(bench.affinity(placed.domid()), NodeSet::one(node));
    }
    let bench = bench(Flavour::XS9);
    bench.xen.set("claim_node 0", Fault::Errno(Errno::ENOMEM));
    bench.xen.set("claim_node 1", Fault::Errno(Errno::ENOMEM));
    let placed = bench.place(32 * GIB, Policy::BestEffort);
    assert!(matches!(
        placed.outcome().reservation,
        Reservation::Unplaced(_)
    ));
    assert_eq!(placed.outcome().replans, 2);
    assert_eq!(bench.affinity(placed.domid()), NodeSet::first(2));
    assert_eq!(bench.outstanding(placed.domid()), 32 * GIB);
}

#[test]
fn nodes_are_tried_a_bounded_number_of_times() {
    let bench = Bench::new(host(Flavour::XS9, 8));
    for call in ["claim_node 0", "claim_node 1", "claim_node"] {
        bench.xen.set(call, Fault::Errno(Errno::ENOMEM));
    }
    let placed = bench.place(32 * GIB, Policy::BestEffort);
    assert!(matches!(
        placed.outcome().reservation,
        Reservation::Unplaced(_)
    ));
    assert_eq!(placed.outcome().replans, 4);
    assert_eq!(bench.outstanding(placed.domid()), 32 * GIB);
}

#[test]
fn an_offline_first_node_does_not_hide_node_claims() {
    let bench = bench(Flavour::XS9);
    bench.xen.set("probe", Fault::Errno(Errno::ENOENT));
    let placed = bench.place(32 * GIB, Policy::BestEffort);
    assert!(matches!(
        placed.outcome().reservation,
        Reservation::NodeClaim(_)
    ));
}

#[test]
fn an_errno_that_is_no_answer_is_not_remembered() {
    let bench = bench(Flavour::XS9);
    bench.xen.set("probe", Fault::Errno(Errno::EBUSY));
    let placed = bench.place(8 * GIB, Policy::BestEffort);
    assert_eq!(placed.outcome().reservation, Reservation::HostClaim);
    assert_eq!(bench.protocol.status().node_claims, None);
    bench.xen.clear();
    let placed = bench.place(8 * GIB, Policy::BestEffort);
    assert!(matches!(
        placed.outcome().reservation,
        Reservation::NodeClaim(_)
    ));
    assert_eq!(bench.protocol.status().node_claims, Some(true));
}

/// A second claim after one on a node brings down the Xen that has the first node claims.
#[test]
fn a_domain_with_a_claim_on_a_node_is_never_placed_again() {
    let bench = bench(Flavour::XS9);
    let placed = bench.place(32 * GIB, Policy::BestEffort);
    let domid = placed.domid();
    assert!(matches!(
        placed.outcome().reservation,
        Reservation::NodeClaim(_)
    ));
    bench.protocol.abandon(domid).unwrap();
    let error = bench
        .protocol
        .place(placement(domid, request(32 * GIB, Policy::Any)))
        .unwrap_err();
    assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
    assert_eq!(bench.outstanding(domid), 0);
}
