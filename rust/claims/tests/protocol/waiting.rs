//! What only virtual time, or the inside of an allocation, can show of waiting.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use claims::{Claims, Config, Domid, Error, Hypervisor, Reservation, Step};
use model::{Flavour, Kind, Model, MAX_EXTENT_PAGES};
use planner::Policy;

use crate::bench::{bench, bench_with, claimed_by_another, waiting, GIB};
use conformance::bench::{placement, request, Bench, Fault};

#[test]
fn waits_for_a_domain_that_gives_its_memory_back() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let first = bench.place(100 * GIB, Policy::BestEffort);
        let old = first.domid();
        assert!(bench.build(first));
        bench.xen.backend.destroy(old).unwrap();
        let placed = bench.place(100 * GIB, Policy::BestEffort);
        assert!(placed.outcome().waited > Duration::ZERO, "{}", flavour.name);
        assert!(bench.build(placed), "{}", flavour.name);
    }
}

#[test]
fn in_mode_never_an_extent_on_its_way_is_not_missing() {
    let never = waiting(0).with_claims(Claims::Never);
    let bench = bench_with(Flavour::UPSTREAM, never);
    let first = bench.place(64 * GIB, Policy::Any);
    let domid = first.domid();
    let overhead = request(64 * GIB, Policy::Any).overhead_pages;
    let reserve = Config::default().reserve().host_pages;
    let rest = 128 * GIB - 64 * GIB - overhead - reserve;
    let model = &bench.xen.backend;
    let take = || model.with(|xen| xen.take(domid, Kind::Memory, MAX_EXTENT_PAGES, None));
    let extent = take().unwrap();
    let mut asked = request(rest - 2 * GIB - 10_000, Policy::BestEffort);
    asked.overhead_pages = 2 * GIB;
    let second = bench.create(asked.memory_pages);
    let error = bench
        .protocol
        .place(placement(second, asked.clone()))
        .unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    model.with(|xen| xen.assign(extent)).unwrap();
    let placed = bench.protocol.place(placement(second, asked)).unwrap();
    assert_eq!(placed.outcome().reservation, Reservation::Unclaimed);
}

/// Another process's build takes its memory between our look and our claim. Its pages are off the
/// free ones and still on its claim, so ours succeeds though there is less free than claimed.
#[test]
fn a_claim_that_succeeded_wrongly_is_backed_out() {
    let bench = bench(Flavour::XEN_4_17);
    let other = claimed_by_another(&bench, 100 * GIB);
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
            Step::Wait(time) => bench.xen.backend.advance(time),
            step => panic!("{step:?}"),
        }
        match bench.outstanding(domid) {
            0 if claimed => break,
            pages => claimed |= pages == 10 * GIB,
        }
    }
    bench.xen.clear();
    for extent in taken.lock().unwrap().drain(..) {
        bench.xen.backend.with(|xen| xen.assign(extent)).unwrap();
    }
    let placed = loop {
        match bench.protocol.step(&mut placing) {
            Step::Wait(time) => bench.xen.backend.advance(time),
            Step::Placed(placed) => break placed,
            Step::Failed(error) => panic!("{error}"),
        }
    };
    assert!(placed.outcome().queued > Duration::ZERO);
    assert!(bench.build(placed));
}

#[test]
fn who_waits_for_memory_waits_for_a_nearer_plan_while_more_comes_back() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let first = bench.place(110 * GIB, Policy::BestEffort);
        let old = first.domid();
        assert!(bench.build(first));
        bench.xen.backend.destroy(old).unwrap();
        let placed = bench.place(50 * GIB, Policy::BestEffort);
        let plan = placed.outcome().plan.clone().unwrap();
        assert_eq!(plan.nodes.len(), 1, "{}", flavour.name);
        assert!(placed.outcome().waited > Duration::ZERO);
        assert!(bench.build(placed));
    }
}

/// A host that gives 70 GiB of a domain back, of whose nodes none can hold 50 GiB even then: 24 GiB
/// of each stay taken.
fn emptying(flavour: Flavour) -> (Bench<Model>, Domid) {
    let bench = bench(flavour);
    for node in [0, 1] {
        let domid = bench.create(24 * GIB);
        let populated = bench.xen.backend.populate(domid, 24 * GIB, Some(node));
        assert_eq!(populated, 24 * GIB);
    }
    let first = bench.place(70 * GIB, Policy::BestEffort);
    let old = first.domid();
    assert!(bench.build(first));
    bench.xen.backend.destroy(old).unwrap();
    (bench, old)
}

#[test]
fn when_no_more_comes_back_the_plan_that_there_is_is_taken() {
    let (bench, old) = emptying(Flavour::UPSTREAM);
    let domid = bench.create(50 * GIB);
    let mut placing = bench
        .protocol
        .start(placement(domid, request(50 * GIB, Policy::BestEffort)));
    let mut gone = None;
    let placed = loop {
        match bench.protocol.step(&mut placing) {
            Step::Wait(time) => bench.xen.backend.advance(time),
            Step::Placed(placed) => break placed,
            Step::Failed(error) => panic!("{error}"),
        }
        if (bench.xen.domains().unwrap().iter()).all(|domain| domain.domid != old) {
            gone.get_or_insert(bench.xen.now());
        }
    };
    let plan = placed.outcome().plan.clone().unwrap();
    assert_eq!(plan.nodes.len(), 2);
    let for_nothing = bench.xen.now() - gone.expect("it held out until the memory was back");
    assert!(for_nothing < Duration::from_secs(5), "{for_nothing:?}");
}

#[test]
fn a_plan_that_there_is_is_not_lost_to_who_comes_later() {
    for flavour in [Flavour::UPSTREAM, Flavour::XEN_4_17] {
        let (bench, old) = emptying(flavour);
        let start = |pages| {
            let domid = bench.create(pages);
            let asked = placement(domid, request(pages, Policy::BestEffort));
            bench.protocol.start(asked)
        };
        let mut holds_out = start(50 * GIB);
        let alive = || {
            let domains = bench.xen.domains().unwrap();
            domains.iter().any(|domain| domain.domid == old)
        };
        while alive() {
            let Step::Wait(time) = bench.protocol.step(&mut holds_out) else {
                panic!("it could be placed before the memory was back");
            };
            bench.xen.backend.advance(time);
        }
        let step = bench.protocol.step(&mut holds_out);
        assert!(matches!(step, Step::Wait(_)), "{step:?}");
        let mut later = start(50 * GIB);
        let step = bench.protocol.step(&mut later);
        assert!(matches!(step, Step::Wait(_)), "{}: {step:?}", flavour.name);
        // What leaves enough for it may go.
        let mut small = start(4 * GIB);
        let step = bench.protocol.step(&mut small);
        assert!(
            matches!(step, Step::Placed(_)),
            "{}: {step:?}",
            flavour.name
        );
        bench.xen.backend.advance(Duration::from_secs(4));
        let step = bench.protocol.step(&mut holds_out);
        assert!(
            matches!(step, Step::Placed(_)),
            "{}: {step:?}",
            flavour.name
        );
    }
}

#[test]
fn what_no_node_could_ever_hold_is_refused_at_once() {
    let bench = bench(Flavour::UPSTREAM);
    let first = bench.place(110 * GIB, Policy::BestEffort);
    let old = first.domid();
    assert!(bench.build(first));
    bench.xen.backend.destroy(old).unwrap();
    let domid = bench.create(80 * GIB);
    let mut placing = bench
        .protocol
        .start(placement(domid, request(80 * GIB, Policy::Strict)));
    let step = bench.protocol.step(&mut placing);
    let refused = matches!(step, Step::Failed(Error::Refused { .. }));
    assert!(refused, "{step:?}");
}

#[test]
fn what_the_host_can_never_give_does_not_queue_first() {
    let bench = bench(Flavour::XEN_4_17);
    let _first = bench.place(GIB / 2, Policy::BestEffort);
    let pages = 128 * GIB - claims::overhead_pages(1, 128 * GIB) + 1;
    let domid = bench.create(pages);
    let mut placing = bench
        .protocol
        .start(placement(domid, request(pages, Policy::BestEffort)));
    let step = bench.protocol.step(&mut placing);
    let full = matches!(step, Step::Failed(Error::HostFull { .. }));
    assert!(full, "{step:?}");
}

#[test]
fn a_plan_that_comes_with_more_memory_is_waited_for() {
    let config = Config::default().with_reserve(planner::Reserve {
        host_pages: 0,
        node_pages: 8 * GIB,
    });
    let bench = bench_with(Flavour::UPSTREAM, config);
    let first = bench.place(110 * GIB, Policy::Any);
    let old = first.domid();
    assert!(bench.build(first));
    bench.xen.backend.destroy(old).unwrap();
    let placed = bench.place(30 * GIB, Policy::BestEffort);
    let plan = placed.outcome().plan.clone();
    assert_eq!(plan.map(|plan| plan.nodes.len()), Some(1));
}

#[test]
fn a_dead_domain_of_which_others_keep_pages_is_not_waited_for() {
    let bench = bench(Flavour::UPSTREAM);
    let dead = bench.create(GIB);
    assert_eq!(bench.xen.backend.populate(dead, GIB, None), GIB);
    bench
        .xen
        .backend
        .with(|xen| xen.map_foreign(dead, 8))
        .unwrap();
    bench.xen.backend.destroy(dead).unwrap();
    bench.xen.backend.advance(Duration::from_secs(60));
    let listed = bench.xen.backend.domains().unwrap();
    assert!(listed
        .iter()
        .any(|domain| domain.domid == dead && domain.dying));
    claimed_by_another(&bench, 100 * GIB);
    let domid = bench.create(60 * GIB);
    let asked = placement(domid, request(60 * GIB, Policy::BestEffort));
    let Error::HostFull { waited, .. } = bench.protocol.place(asked).unwrap_err() else {
        panic!("it was not refused");
    };
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

#[test]
fn how_long_it_waited_is_told() {
    let bench = bench(Flavour::UPSTREAM);
    let first = bench.place(100 * GIB, Policy::BestEffort);
    let old = first.domid();
    assert!(bench.build(first));
    bench.xen.backend.destroy(old).unwrap();
    let start = bench.xen.now();
    let placed = bench.place(100 * GIB, Policy::BestEffort);
    assert_eq!(placed.outcome().waited, bench.xen.now() - start);
}
