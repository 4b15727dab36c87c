//! What each errno of the hypervisor leads to, and a panic.

use claims::{Errno, Error, Hypervisor, Reservation};
use planner::Policy;

use super::bench::{placement, planned, request, Backend, Bench, Fault};

pub fn without_node_claims_there_is_affinity_and_a_claim_all_the_same<S: Backend>(
    open: &dyn Fn() -> S,
) {
    for errno in [
        Errno::ENOSYS,
        Errno::EOPNOTSUPP,
        Errno::EPERM,
        Errno::EINVAL,
    ] {
        let bench = Bench::new(open());
        for probe in ["probe set", "probe"] {
            bench.xen.set(probe, Fault::Errno(errno));
        }
        // A call that does not exist is not asked of a second domain.
        let has = bench.xen.capabilities();
        for second in [false, true] {
            let known = |has: bool| (second || !has).then_some(false);
            let placed = bench.place(bench.small(), Policy::BestEffort);
            assert_eq!(
                placed.outcome().reservation,
                Reservation::HostClaim,
                "{errno}"
            );
            assert_eq!(bench.affinity(placed.domid()), planned(&placed), "{errno}");
            assert_eq!(bench.outstanding(placed.domid()), bench.small(), "{errno}");
            assert!(bench.build(placed), "{errno}");
            let status = bench.protocol.status();
            assert_eq!(status.node_claims, known(has.node_claims), "{errno}");
            assert_eq!(status.claim_sets, known(has.claim_sets), "{errno}");
        }
    }
}

pub fn a_hypervisor_without_claims_is_mode_never<S: Backend>(open: &dyn Fn() -> S) {
    for errno in [Errno::ENOSYS, Errno::EOPNOTSUPP, Errno::EPERM] {
        let bench = Bench::new(open());
        for probe in ["probe set", "probe"] {
            bench.xen.set(probe, Fault::Errno(Errno::ENOSYS));
        }
        bench.xen.set("claim_host", Fault::Errno(errno));
        // What one domain was answered is not yet taken for what all are.
        for known in [None, Some(false)] {
            let placed = bench.place(bench.small(), Policy::BestEffort);
            assert_eq!(placed.outcome().reservation, Reservation::Unclaimed);
            assert_eq!(placed.outcome().claimed_pages, 0);
            assert_eq!(bench.affinity(placed.domid()), planned(&placed));
            assert_eq!(bench.protocol.status().host_claims, known);
        }
    }
}

pub fn a_claim_of_which_nothing_is_seen_is_lost<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    bench.xen.set("claim_host", Fault::Nothing);
    let domid = bench.create(bench.small());
    let asked = placement(domid, request(bench.small(), Policy::Any));
    let error = bench.protocol.place(asked).unwrap_err();
    assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
    assert_eq!(bench.protocol.status().host_claims, None);
}

pub fn other_errnos_are_typed_errors_and_leave_nothing<S: Backend>(open: &dyn Fn() -> S) {
    for call in ["claim", "set_node_affinity"] {
        let bench = Bench::new(open());
        let calls = match call {
            "claim" => vec![
                "claim_host",
                "claim_node 0",
                "claim_node 1",
                "claim_node",
                "claim_set of one",
            ],
            other => vec![other],
        };
        for call in calls {
            bench.xen.set(call, Fault::Errno(Errno::EINVAL));
        }
        let domid = bench.create(bench.small());
        let error = bench
            .protocol
            .place(placement(domid, request(bench.small(), Policy::BestEffort)))
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
        assert_eq!(bench.affinity(domid), bench.online(), "{call}");
        assert_eq!(bench.outstanding(domid), 0);
        assert_eq!(bench.protocol.status().builds, []);
    }
}

pub fn a_panic_does_not_close_the_host<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let pages = bench.small();
    let first = bench.place(pages, Policy::BestEffort);
    bench.xen.set("set_node_affinity", Fault::Panic);
    let domid = bench.create(pages);
    let place = || {
        let asked = placement(domid, request(pages, Policy::BestEffort));
        bench.protocol.place(asked)
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(place)).is_err());
    bench.xen.clear();
    let status = bench.protocol.status();
    assert_eq!(status.builds, [first.domid()]);
    // What a build in flight shows is not forgotten.
    let on_node = matches!(first.outcome().reservation, Reservation::NodeClaim(_));
    let known = (on_node && !bench.xen.backend.claim_sets()).then_some(true);
    let has = bench.xen.capabilities();
    let unknown = |has: bool| (!has).then_some(false);
    let node_claims = known.or(unknown(has.node_claims));
    assert_eq!(status.node_claims, node_claims);
    assert_eq!(status.claim_sets, unknown(has.claim_sets));
    let placed = place().unwrap();
    assert!(bench.build(placed) && bench.build(first));
}

pub fn a_domain_without_a_claim_on_a_node_may_be_placed_again<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let placed = bench.place(bench.small(), Policy::Any);
    let domid = placed.domid();
    bench.protocol.abandon(domid).unwrap();
    let again = placement(domid, request(bench.small(), Policy::BestEffort));
    assert!(bench.protocol.place(again).is_ok());
}

pub fn a_reading_that_fails_after_the_claim_leaves_none_or_says_so<S: Backend>(
    open: &dyn Fn() -> S,
) {
    for reading in ["domains", "memory"] {
        let bench = Bench::new(open());
        let late = bench.protocol.status().accounting == claims::Accounting::Late;
        let node_claims = bench.xen.backend.node_claims();
        let for_good = node_claims && !bench.xen.backend.claim_sets();
        if reading == "memory" && (node_claims || !late) {
            // It is not read after the claim.
            continue;
        }
        bench.xen.set(reading, Fault::Errno(Errno::EAGAIN));
        let domid = bench.create(bench.small());
        let error = bench
            .protocol
            .place(placement(domid, request(bench.small(), Policy::BestEffort)))
            .unwrap_err();
        bench.xen.clear();
        match for_good {
            true => {
                assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
                bench.protocol.abandon(domid).unwrap();
            }
            false => assert!(matches!(error, Error::Call { .. }), "{error}"),
        }
        assert_eq!(bench.outstanding(domid), 0, "{reading}");
        assert_eq!(bench.affinity(domid), bench.online());
        assert_eq!(bench.protocol.status().builds, []);
    }
}

pub fn a_claim_that_cannot_be_taken_back_is_said<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    bench.xen.set("domains", Fault::Errno(Errno::EAGAIN));
    bench.xen.set("cancel", Fault::Errno(Errno::EPERM));
    let domid = bench.create(bench.small());
    let error = bench
        .protocol
        .place(placement(domid, request(bench.small(), Policy::BestEffort)))
        .unwrap_err();
    assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
    bench.xen.clear();
    bench.protocol.abandon(domid).unwrap();
    assert_eq!(bench.outstanding(domid), 0);
}

pub fn a_claim_that_is_not_what_was_asked_is_an_error<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let (asked_pages, taken) = (bench.small(), bench.small() / 8);
    let domid = bench.create(asked_pages);
    let pool = claims::pool_pages(1, asked_pages);
    bench.xen.backend.set_pool(domid, pool).unwrap();
    assert_eq!(bench.xen.backend.populate(domid, taken, None), taken);
    let error = bench
        .protocol
        .place(placement(domid, request(asked_pages, Policy::BestEffort)))
        .unwrap_err();
    match (
        bench.xen.backend.node_claims(),
        bench.xen.backend.claim_sets(),
    ) {
        // Claimed beside what it has already, it would be more than it may have.
        (_, true) => assert!(matches!(error, Error::Call { .. }), "{error}"),
        (true, false) => assert!(matches!(error, Error::MustDestroy { .. }), "{error}"),
        (false, false) => assert_eq!(
            error,
            Error::TooLate {
                domid,
                asked_pages,
                outstanding_pages: asked_pages - taken
            }
        ),
    }
}

pub fn a_call_that_failed_is_made_again_by_the_next<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let pages = bench.small();
    let placed = bench.place(pages, Policy::BestEffort);
    let domid = placed.domid();
    let pool = claims::pool_pages(1, pages);
    bench.xen.backend.set_pool(domid, pool).unwrap();
    let pinned = bench.protocol.pin(placed).unwrap();
    bench.xen.set("cancel", Fault::Errno(Errno::EAGAIN));
    assert!(bench.protocol.finish(pinned.clone()).is_err());
    assert_eq!(bench.protocol.status().builds, [domid]);
    bench.xen.clear();
    assert_eq!(bench.protocol.finish(pinned).unwrap().unused_pages, pages);
    let calls = bench.xen.calls.lock().unwrap().clone();
    assert!(calls.last().unwrap().starts_with("set_node_affinity"));
}

pub fn two_placements_of_one_domain_do_not_harm_each_other<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let pages = bench.small();
    let domid = bench.create(pages);
    let twice = || placement(domid, request(pages, Policy::BestEffort));
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| bench.protocol.place(twice()));
        (bench.protocol.place(twice()), other.join().unwrap())
    });
    assert_eq!([&first, &second].iter().filter(|r| r.is_ok()).count(), 1);
    assert_eq!(bench.affinity(domid).len(), 1);
    assert_eq!(bench.outstanding(domid), pages);
}
