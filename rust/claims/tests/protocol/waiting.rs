//! What only virtual time, or the inside of an allocation, can show of waiting.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use claims::{Claims, Config, Error, Hypervisor, Rung, Step};
use model::{Flavour, Kind, Model, MAX_EXTENT_PAGES};
use planner::Policy;

use crate::bench::{bench, bench_with, waiting, GIB};
use crate::everywhere::bench::{placement, request, Fault};

#[test]
fn waits_for_a_domain_that_gives_its_memory_back() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let first = bench.place(100 * GIB, Policy::BestEffort);
        let old = first.domid();
        assert!(bench.build(first));
        bench.xen.site.destroy(old).unwrap();
        let placed = bench.place(100 * GIB, Policy::BestEffort);
        assert!(placed.outcome().waited > Duration::ZERO, "{}", flavour.name);
        assert!(bench.build(placed), "{}", flavour.name);
    }
}

#[test]
fn in_mode_never_an_extent_on_its_way_is_not_missing() {
    let never = Config {
        claims: Claims::Never,
        ..waiting(0)
    };
    let bench = bench_with(Flavour::UPSTREAM, never);
    let first = bench.place(64 * GIB, Policy::Any);
    let domid = first.domid();
    let overhead = request(64 * GIB, Policy::Any).overhead_pages;
    let reserve = Config::default().reserve.host_pages;
    let rest = 128 * GIB - 64 * GIB - overhead - reserve;
    let model = &bench.xen.site;
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
    let bench = bench(Flavour::XEN_4_17);
    let other = bench.create(100 * GIB);
    bench
        .xen
        .site
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
            Step::Wait(time) => bench.xen.site.advance(time),
            step => panic!("{step:?}"),
        }
        match bench.outstanding(domid) {
            0 if claimed => break,
            pages => claimed |= pages == 10 * GIB,
        }
    }
    bench.xen.clear();
    for extent in taken.lock().unwrap().drain(..) {
        bench.xen.site.with(|xen| xen.assign(extent)).unwrap();
    }
    let placed = loop {
        match bench.protocol.step(&mut placing) {
            Step::Wait(time) => bench.xen.site.advance(time),
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
        bench.xen.site.destroy(old).unwrap();
        let placed = bench.place(50 * GIB, Policy::BestEffort);
        let plan = placed.outcome().plan.clone().unwrap();
        assert_eq!(plan.nodes.len(), 1, "{}", flavour.name);
        assert!(placed.outcome().waited > Duration::ZERO);
        assert!(bench.build(placed));
    }
}

#[test]
fn when_no_more_comes_back_the_plan_that_there_is_is_taken() {
    let bench = bench(Flavour::UPSTREAM);
    // 24 GiB of each node stay taken, so that no node can hold what comes.
    for node in [0, 1] {
        let domid = bench.create(24 * GIB);
        assert_eq!(
            bench.xen.site.populate(domid, 24 * GIB, Some(node)),
            24 * GIB
        );
    }
    let first = bench.place(70 * GIB, Policy::BestEffort);
    let old = first.domid();
    assert!(bench.build(first));
    bench.xen.site.destroy(old).unwrap();
    let domid = bench.create(50 * GIB);
    let mut placing = bench
        .protocol
        .start(placement(domid, request(50 * GIB, Policy::BestEffort)));
    let mut gone = None;
    let placed = loop {
        match bench.protocol.step(&mut placing) {
            Step::Wait(time) => bench.xen.site.advance(time),
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
