//! What a placement waits for, how long, and what it says when it waited in vain.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::bench::{placement, request, wait, Bench, Fault, GIB};
use model::{Flavour, Kind, Model, MAX_EXTENT_PAGES};
use planner::Policy;
use xenopsd_numa_claims::{Claims, Config, Error, Rung, Step};

#[test]
fn waits_for_a_domain_that_gives_its_memory_back() {
    for flavour in Flavour::ALL {
        let bench = Bench::new(flavour);
        let first = bench.place(100 * GIB, Policy::BestEffort);
        let old = first.domid();
        assert!(bench.build(first));
        bench.xen.model.destroy(old).unwrap();
        let placed = bench.place(100 * GIB, Policy::BestEffort);
        assert!(placed.outcome().waited > Duration::ZERO, "{}", flavour.name);
        assert!(bench.build(placed), "{}", flavour.name);
    }
}

#[test]
fn a_quiet_full_host_is_refused_soon_and_with_figures() {
    let bench = Bench::new(Flavour::UPSTREAM);
    let first = bench.place(100 * GIB, Policy::BestEffort);
    assert!(bench.build(first));
    let domid = bench.create(100 * GIB);
    let start = bench.xen.model.with(|xen| xen.now());
    let error = bench
        .protocol
        .place(placement(domid, request(100 * GIB, Policy::BestEffort)))
        .unwrap_err();
    let Error::HostFull {
        needed_pages,
        available_pages,
        waited,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert!(needed_pages > 100 * GIB && available_pages < 28 * GIB);
    let spent = bench.xen.model.with(|xen| xen.now()) - start;
    assert!(
        waited <= spent && spent < Duration::from_secs(10),
        "{spent:?}"
    );
    // Without a wait it is refused at once.
    bench.protocol.configure(wait(0));
    let start = bench.xen.model.with(|xen| xen.now());
    bench
        .protocol
        .place(placement(domid, request(100 * GIB, Policy::BestEffort)))
        .unwrap_err();
    assert_eq!(bench.xen.model.with(|xen| xen.now()), start);
}

#[test]
fn the_room_for_pools_is_held_back_until_they_are_filled() {
    let bench = Bench::with(Flavour::UPSTREAM, wait(0));
    let first = bench.place(64 * GIB, Policy::Any);
    let free = 128 * GIB - 64 * GIB - request(64 * GIB, Policy::Any).overhead_pages;
    let fits = free - Config::default().reserve.host_pages;
    // All that is free but for the first one's pool: too much with an overhead of its own.
    let second = bench.create(fits);
    let error = bench
        .protocol
        .place(placement(second, request(fits, Policy::Any)))
        .unwrap_err();
    assert!(
        matches!(error, Error::Busy { .. } | Error::HostFull { .. }),
        "{error}"
    );
    assert!(bench.build(first));
}

#[test]
fn a_change_of_claims_waits_for_the_builds_in_flight() {
    let bench = Bench::with(Flavour::UPSTREAM, wait(2));
    let first = bench.place(8 * GIB, Policy::BestEffort);
    let never = Config {
        claims: Claims::Never,
        ..wait(2)
    };
    bench.protocol.configure(never);
    let status = bench.protocol.status();
    assert_eq!(status.config.claims, Claims::Always);
    assert_eq!(status.pending, Some(Claims::Never));
    let domid = bench.create(8 * GIB);
    let error = bench
        .protocol
        .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
        .unwrap_err();
    assert!(
        matches!(&error, Error::Busy { builds, .. } if *builds == [first.domid()]),
        "{error}"
    );
    assert!(bench.build(first));
    let placed = bench
        .protocol
        .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
        .unwrap();
    assert_eq!(placed.outcome().rung, Rung::Unclaimed);
    assert_eq!(bench.protocol.status().pending, None);
}

#[test]
fn with_late_accounting_a_tight_claim_queues_behind_builds() {
    let bench = Bench::new(Flavour::XEN_4_17);
    let first = bench.place(60 * GIB, Policy::BestEffort);
    let domid = bench.create(66 * GIB);
    let mut placing = bench
        .protocol
        .start(placement(domid, request(66 * GIB, Policy::BestEffort)));
    assert!(matches!(bench.protocol.step(&mut placing), Step::Wait(_)));
    assert_eq!(bench.outstanding(domid), 0);
    assert!(bench.build(first));
    let Step::Placed(placed) = bench.protocol.step(&mut placing) else {
        panic!("still waiting");
    };
    assert!(bench.build(placed));
}

#[test]
fn a_claim_on_the_host_queues_where_a_node_is_claimed_and_short() {
    for flavour in [Flavour::XS9_2025, Flavour::XS9, Flavour::V7] {
        for (pages, queues) in [(80 * GIB, true), (20 * GIB, false)] {
            let bench = Bench::new(flavour);
            let first = bench.place(40 * GIB, Policy::BestEffort);
            assert!(matches!(first.outcome().rung, Rung::NodeClaim(_)));
            let domid = bench.create(pages);
            let mut placing = bench
                .protocol
                .start(placement(domid, request(pages, Policy::Any)));
            let waits = matches!(bench.protocol.step(&mut placing), Step::Wait(_));
            assert_eq!(waits, queues, "{} {pages}", flavour.name);
            assert!(bench.build(first));
            if waits {
                assert!(matches!(bench.protocol.step(&mut placing), Step::Placed(_)));
            }
        }
    }
}

#[test]
fn what_is_held_back_for_a_pool_on_a_node_is_not_taken_by_a_claim_on_the_host() {
    let bench = Bench::new(Flavour::XS9);
    let first = bench.place(56 * GIB, Policy::BestEffort);
    assert!(matches!(first.outcome().rung, Rung::NodeClaim(_)));
    let free = bench.xen.model.free_pages() - 56 * GIB - first.request().overhead_pages;
    let free = free - Config::default().reserve.host_pages;
    // All of it, on both nodes.
    let pages = free - request(free, Policy::Any).overhead_pages - 1000;
    let second = bench.create(pages);
    let mut placing = bench
        .protocol
        .start(placement(second, request(pages, Policy::Any)));
    if let Step::Placed(placed) = bench.protocol.step(&mut placing) {
        assert!(bench.build(placed));
    }
    assert!(bench.build(first));
}

#[test]
fn in_mode_never_an_extent_on_its_way_is_not_missing() {
    let never = Config {
        claims: Claims::Never,
        ..wait(0)
    };
    let bench = Bench::with(Flavour::UPSTREAM, never);
    let first = bench.place(64 * GIB, Policy::Any);
    let domid = first.domid();
    let overhead = request(64 * GIB, Policy::Any).overhead_pages;
    let reserve = Config::default().reserve.host_pages;
    let rest = 128 * GIB - 64 * GIB - overhead - reserve;
    let model = &bench.xen.model;
    let take = || model.with(|xen| xen.take(domid, Kind::Memory, MAX_EXTENT_PAGES, None));
    let extent = take().unwrap();
    let mut asked = request(rest - 2 * GIB - 10_000, Policy::Any);
    asked.overhead_pages = 2 * GIB;
    let second = bench.create(asked.memory_pages);
    let error = bench
        .protocol
        .place(placement(second, asked.clone()))
        .unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    model.with(|xen| xen.assign(extent)).unwrap();
    let placed = bench.protocol.place(placement(second, asked)).unwrap();
    assert_eq!(placed.outcome().rung, Rung::Unclaimed);
}

/// Another process's build takes its memory between our look and our claim. Its pages are off the
/// free ones and still on its claim, so ours succeeds though there is less free than claimed.
#[test]
fn a_claim_that_succeeded_wrongly_is_backed_out() {
    let bench = Bench::new(Flavour::XEN_4_17);
    let other = bench.create(100 * GIB);
    bench
        .xen
        .model
        .with(|xen| xen.claim_host(other, 100 * GIB))
        .unwrap();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let take = {
        let taken = taken.clone();
        move |model: &Model| {
            let mut taken = taken.lock().unwrap();
            while taken.len() < 70 {
                taken.push(model.with(|xen| {
                    xen.take(other, Kind::Memory, MAX_EXTENT_PAGES, None)
                        .unwrap()
                }));
            }
        }
    };
    bench
        .xen
        .set("claim_host", Fault::Overtaken(Arc::new(take)));
    let domid = bench.create(10 * GIB);
    let mut placing = bench
        .protocol
        .start(placement(domid, request(10 * GIB, Policy::BestEffort)));
    let mut claimed = false;
    loop {
        match bench.protocol.step(&mut placing) {
            Step::Wait(time) => bench.xen.model.advance(time),
            step => panic!("{step:?}"),
        }
        match bench.outstanding(domid) {
            0 if claimed => break,
            pages => claimed |= pages == 10 * GIB,
        }
    }
    bench.xen.clear();
    for extent in taken.lock().unwrap().drain(..) {
        bench.xen.model.with(|xen| xen.assign(extent)).unwrap();
    }
    let placed = loop {
        match bench.protocol.step(&mut placing) {
            Step::Wait(time) => bench.xen.model.advance(time),
            Step::Placed(placed) => break placed,
            Step::Failed(error) => panic!("{error}"),
        }
    };
    assert!(placed.outcome().queued > Duration::ZERO);
    assert!(bench.build(placed));
}

#[test]
fn what_only_goes_up_and_down_is_no_progress() {
    let bench = Bench::new(Flavour::UPSTREAM);
    let mut looks = 0;
    *bench.xen.wobble.lock().unwrap() = Box::new(move || {
        looks += 1;
        looks / 2 % 2 * 10_000
    });
    let domid = bench.create(127 * GIB);
    let error = bench
        .protocol
        .place(placement(domid, request(127 * GIB, Policy::BestEffort)))
        .unwrap_err();
    let Error::HostFull { waited, .. } = error else {
        panic!("{error}");
    };
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[test]
fn what_the_host_can_never_give_is_refused_at_once() {
    let bench = Bench::new(Flavour::UPSTREAM);
    let first = bench.place(32 * GIB, Policy::BestEffort);
    let old = first.domid();
    assert!(bench.build(first));
    bench.xen.model.destroy(old).unwrap();
    let domid = bench.create(800 * GIB);
    let error = bench
        .protocol
        .place(placement(domid, request(800 * GIB, Policy::BestEffort)))
        .unwrap_err();
    let Error::HostFull { waited, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(waited, Duration::ZERO);
}

/// A look at a claim that comes late, because the control domain was stalled, still ends.
#[test]
fn a_stalled_clock_does_not_hang_a_placement() {
    let bench = Bench::with(Flavour::XEN_4_17, wait(20));
    bench.xen.stall.lock().unwrap().0 = Duration::from_secs(2);
    let model = bench.xen.model.clone();
    // More is claimed than is free as soon as anything is claimed.
    *bench.xen.wobble.lock().unwrap() = Box::new(move || match model.outstanding_pages() {
        0 => 0,
        _ => 1 << 40,
    });
    let domid = bench.create(8 * GIB);
    let error = bench
        .protocol
        .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
        .unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    assert_eq!(bench.outstanding(domid), 0);
}

#[test]
fn who_waits_for_memory_waits_for_a_nearer_plan_while_more_comes_back() {
    for flavour in Flavour::ALL {
        let bench = Bench::new(flavour);
        let first = bench.place(110 * GIB, Policy::BestEffort);
        let old = first.domid();
        assert!(bench.build(first));
        bench.xen.model.destroy(old).unwrap();
        let placed = bench.place(50 * GIB, Policy::BestEffort);
        let plan = placed.outcome().plan.clone().unwrap();
        assert_eq!(plan.nodes.len(), 1, "{}", flavour.name);
        assert!(placed.outcome().waited > Duration::ZERO);
        assert!(bench.build(placed));
    }
}

#[test]
fn when_no_more_comes_back_the_plan_that_there_is_is_taken() {
    let bench = Bench::new(Flavour::UPSTREAM);
    // 24 GiB of each node stay taken, so that no node can hold what comes.
    for node in [0, 1] {
        let domid = bench.create(24 * GIB);
        assert_eq!(
            bench.xen.model.populate(domid, 24 * GIB, Some(node)),
            24 * GIB
        );
    }
    let first = bench.place(70 * GIB, Policy::BestEffort);
    let old = first.domid();
    assert!(bench.build(first));
    bench.xen.model.destroy(old).unwrap();
    let placed = bench.place(50 * GIB, Policy::BestEffort);
    let plan = placed.outcome().plan.clone().unwrap();
    assert_eq!(plan.nodes.len(), 2);
    assert!(placed.outcome().waited < Duration::from_secs(60));
}
