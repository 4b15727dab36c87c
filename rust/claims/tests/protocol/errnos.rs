//! What each errno of the hypervisor leads to, and a panic.

use std::time::Duration;

use crate::bench::{placement, request, Bench, Fault, Faulty, GIB};
use model::{Flavour, Model};
use planner::{NodeSet, Policy};
use xenopsd_numa_claims::{Config, Errno, Error, Hypervisor, Rung};

#[test]
fn a_full_node_leads_to_another_plan() {
    for (fault, node) in [("claim_node 0", 1), ("claim_node 1", 0)] {
        let bench = Bench::new(Flavour::XS9);
        bench.xen.set(fault, Fault::Errno(Errno::ENOMEM));
        let placed = bench.place(32 * GIB, Policy::BestEffort);
        assert_eq!(placed.outcome().rung, Rung::NodeClaim(node));
        assert_eq!(bench.affinity(placed.domid()), NodeSet::one(node));
    }
    let bench = Bench::new(Flavour::XS9);
    bench.xen.set("claim_node 0", Fault::Errno(Errno::ENOMEM));
    bench.xen.set("claim_node 1", Fault::Errno(Errno::ENOMEM));
    let placed = bench.place(32 * GIB, Policy::BestEffort);
    assert!(matches!(placed.outcome().rung, Rung::Unplaced(_)));
    assert_eq!(placed.outcome().replans, 2);
    assert_eq!(bench.affinity(placed.domid()), NodeSet::first(2));
    assert_eq!(bench.outstanding(placed.domid()), 32 * GIB);
}

#[test]
fn nodes_are_tried_a_bounded_number_of_times() {
    let xen = Faulty::new(Flavour::XS9, 8);
    for call in ["claim_node 0", "claim_node 1", "claim_node"] {
        xen.set(call, Fault::Errno(Errno::ENOMEM));
    }
    let bench = Bench::of(xen, Config::default());
    let placed = bench.place(32 * GIB, Policy::BestEffort);
    assert!(matches!(placed.outcome().rung, Rung::Unplaced(_)));
    assert_eq!(placed.outcome().replans, 4);
    assert_eq!(bench.outstanding(placed.domid()), 32 * GIB);
}

#[test]
fn an_offline_first_node_does_not_hide_node_claims() {
    let bench = Bench::new(Flavour::XS9);
    bench.xen.set("probe", Fault::Errno(Errno::ENOENT));
    let placed = bench.place(32 * GIB, Policy::BestEffort);
    assert!(matches!(placed.outcome().rung, Rung::NodeClaim(_)));
}

#[test]
fn without_node_claims_there_is_affinity_and_a_claim_all_the_same() {
    for errno in [
        Errno::ENOSYS,
        Errno::EOPNOTSUPP,
        Errno::EPERM,
        Errno::EINVAL,
    ] {
        let bench = Bench::new(Flavour::XS9);
        bench.xen.set("probe", Fault::Errno(errno));
        let placed = bench.place(32 * GIB, Policy::BestEffort);
        assert_eq!(placed.outcome().rung, Rung::HostClaim, "{errno}");
        assert_eq!(bench.affinity(placed.domid()).len(), 1, "{errno}");
        assert_eq!(bench.outstanding(placed.domid()), 32 * GIB, "{errno}");
        assert_eq!(bench.protocol.status().node_claims, Some(false), "{errno}");
    }
}

#[test]
fn an_errno_that_is_no_answer_is_not_remembered() {
    let bench = Bench::new(Flavour::XS9);
    bench.xen.set("probe", Fault::Errno(Errno::EBUSY));
    let placed = bench.place(8 * GIB, Policy::BestEffort);
    assert_eq!(placed.outcome().rung, Rung::HostClaim);
    assert_eq!(bench.protocol.status().node_claims, None);
    bench.xen.clear();
    let placed = bench.place(8 * GIB, Policy::BestEffort);
    assert!(matches!(placed.outcome().rung, Rung::NodeClaim(_)));
    assert_eq!(bench.protocol.status().node_claims, Some(true));
}

#[test]
fn a_hypervisor_without_claims_is_mode_never() {
    for fault in [Fault::Errno(Errno::ENOSYS), Fault::Nothing] {
        let bench = Bench::new(Flavour::XEN_4_17);
        bench.xen.set("claim_host", fault);
        let placed = bench.place(8 * GIB, Policy::BestEffort);
        assert_eq!(placed.outcome().rung, Rung::Unclaimed);
        assert_eq!(placed.outcome().claimed_pages, 0);
        assert_eq!(bench.protocol.status().host_claims, Some(false));
    }
}

#[test]
fn other_errnos_are_typed_errors_and_leave_nothing() {
    for (call, flavour) in [
        ("claim_host", Flavour::UPSTREAM),
        ("claim_node 0", Flavour::XS9),
        ("set_node_affinity", Flavour::UPSTREAM),
    ] {
        let bench = Bench::new(flavour);
        bench.xen.set("claim_node 1", Fault::Errno(Errno::EINVAL));
        bench.xen.set(call, Fault::Errno(Errno::EINVAL));
        let domid = bench.create(8 * GIB);
        let error = bench
            .protocol
            .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
            .unwrap_err();
        let Error::Call {
            source,
            domid: about,
            doing,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!((source.errno, *about), (Errno::EINVAL, Some(domid)));
        assert!(!doing.is_empty());
        assert_eq!(bench.affinity(domid), NodeSet::first(2), "{call}");
        assert_eq!(bench.outstanding(domid), 0);
        assert_eq!(bench.protocol.status().builds, []);
    }
}

#[test]
fn a_panic_does_not_close_the_host() {
    let bench = Bench::new(Flavour::XS9);
    let first = bench.place(8 * GIB, Policy::BestEffort);
    bench.xen.set("set_node_affinity", Fault::Panic);
    let domid = bench.create(8 * GIB);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        bench
            .protocol
            .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
    }));
    assert!(caught.is_err());
    bench.xen.clear();
    let status = bench.protocol.status();
    assert_eq!(status.builds, [first.domid()]);
    assert_eq!(status.node_claims, None);
    let placed = bench
        .protocol
        .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
        .unwrap();
    assert!(bench.build(placed) && bench.build(first));
}

/// A second claim after one on a node brings down the Xen that has the first node claims.
#[test]
fn a_domain_with_a_claim_on_a_node_is_never_placed_again() {
    let bench = Bench::new(Flavour::XS9);
    let placed = bench.place(32 * GIB, Policy::BestEffort);
    let domid = placed.domid();
    assert!(matches!(placed.outcome().rung, Rung::NodeClaim(_)));
    bench.protocol.abandoned(domid).unwrap();
    let error = bench
        .protocol
        .place(placement(domid, request(32 * GIB, Policy::Any)))
        .unwrap_err();
    assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
    assert_eq!(bench.outstanding(domid), 0);
    // A domain that had none on a node may be placed again.
    let placed = bench.place(8 * GIB, Policy::Any);
    let domid = placed.domid();
    bench.protocol.abandoned(domid).unwrap();
    let again = placement(domid, request(8 * GIB, Policy::BestEffort));
    assert!(bench.protocol.place(again).is_ok());
}

#[test]
fn a_reading_that_fails_after_the_claim_leaves_none_or_says_so() {
    for (flavour, reading) in [
        (Flavour::UPSTREAM, "domains"),
        (Flavour::XEN_4_17, "domains"),
        (Flavour::XEN_4_17, "memory"),
        (Flavour::XS9, "domains"),
    ] {
        let bench = Bench::new(flavour);
        bench.xen.set(reading, Fault::Errno(Errno::EAGAIN));
        let domid = bench.create(8 * GIB);
        let error = bench
            .protocol
            .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
            .unwrap_err();
        bench.xen.clear();
        match flavour.has_node_claims() {
            true => {
                assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
                bench.protocol.abandoned(domid).unwrap();
            }
            false => assert!(matches!(error, Error::Call { .. }), "{error}"),
        }
        assert_eq!(bench.outstanding(domid), 0, "{} {reading}", flavour.name);
        assert_eq!(bench.affinity(domid), NodeSet::first(2));
        assert_eq!(bench.protocol.status().builds, []);
    }
}

#[test]
fn a_claim_that_cannot_be_taken_back_is_said() {
    let bench = Bench::new(Flavour::UPSTREAM);
    bench.xen.set("domains", Fault::Errno(Errno::EAGAIN));
    bench.xen.set("cancel", Fault::Errno(Errno::EPERM));
    let domid = bench.create(8 * GIB);
    let error = bench
        .protocol
        .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
        .unwrap_err();
    assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
    bench.xen.clear();
    bench.protocol.abandoned(domid).unwrap();
    assert_eq!(bench.outstanding(domid), 0);
}

#[test]
fn a_claim_that_is_not_what_was_asked_is_an_error() {
    for flavour in [Flavour::UPSTREAM, Flavour::XS9] {
        let bench = Bench::new(flavour);
        let domid = bench.create(8 * GIB);
        assert_eq!(bench.xen.model.populate(domid, GIB, None), GIB);
        let error = bench
            .protocol
            .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
            .unwrap_err();
        match flavour.has_node_claims() {
            true => assert!(matches!(error, Error::MustDestroy { .. }), "{error}"),
            false => assert_eq!(
                error,
                Error::TooLate {
                    domid,
                    asked_pages: 8 * GIB,
                    outstanding_pages: 7 * GIB
                }
            ),
        }
    }
}

#[test]
fn a_call_that_failed_is_made_again_by_the_next() {
    let bench = Bench::new(Flavour::UPSTREAM);
    let placed = bench.place(8 * GIB, Policy::BestEffort);
    let domid = placed.domid();
    bench.xen.model.set_pool(domid, 100).unwrap();
    let pinned = bench.protocol.pin(placed).unwrap();
    bench.xen.set("cancel", Fault::Errno(Errno::EAGAIN));
    assert!(bench.protocol.built(pinned.clone()).is_err());
    assert_eq!(bench.protocol.status().builds, [domid]);
    bench.xen.clear();
    assert_eq!(bench.protocol.built(pinned).unwrap().unused_pages, 8 * GIB);
    let calls = bench.xen.calls.lock().unwrap();
    assert!(calls.last().unwrap().starts_with("set_node_affinity"));
}

#[test]
fn two_placements_of_one_domain_do_not_harm_each_other() {
    let bench = Bench::new(Flavour::UPSTREAM);
    let domid = bench.create(8 * GIB);
    let twice = || placement(domid, request(8 * GIB, Policy::BestEffort));
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| bench.protocol.place(twice()));
        (bench.protocol.place(twice()), other.join().unwrap())
    });
    assert_eq!([&first, &second].iter().filter(|r| r.is_ok()).count(), 1);
    assert_eq!(bench.affinity(domid).len(), 1);
    assert_eq!(bench.outstanding(domid), 8 * GIB);
}

#[test]
fn the_claim_of_a_dead_domain_does_not_outlive_it() {
    // Where a dead domain may claim at all.
    for flavour in [Flavour::XEN_4_17, Flavour::XS9_2025] {
        let bench = Bench::new(flavour);
        let domid = bench.create(10 * GIB);
        bench.xen.model.destroy(domid).unwrap();
        let dead = |model: &Model| {
            let domains = model.domains().unwrap();
            domains.iter().any(|d| d.domid == domid && d.dying)
        };
        while !dead(&bench.xen.model) {
            bench.xen.model.advance(Duration::from_millis(10));
        }
        let placement = placement(domid, request(10 * GIB, Policy::BestEffort));
        // It need not say that it is dead, but nothing may stay.
        _ = bench.protocol.place(placement);
        bench.protocol.abandoned(domid).unwrap();
        bench.xen.model.advance(Duration::from_secs(60));
        assert_eq!(bench.xen.model.outstanding_pages(), 0, "{}", flavour.name);
    }
}
