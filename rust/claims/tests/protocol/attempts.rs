//! Each placement is an attempt of its own: what belongs to one that ended, to another handle or
//! to an earlier life of a domain's number changes nothing.

use std::sync::Arc;
use std::time::Duration;

use claims::{Domid, Error, Pinned, Placed, Placing, Protocol, Step};
use model::{Flavour, Kind, Model};
use planner::{NodeSet, Policy};

use crate::bench::{bench, claimed_by_another, GIB};
use conformance::bench::{config, placement, request, Bench, Faulty};

/// What Xen knows of a domain that calls could have changed.
fn known(bench: &Bench<Model>, domid: Domid) -> (u64, NodeSet, usize) {
    let calls = bench.xen.calls.lock().unwrap();
    let vcpu = |call: &&String| call.starts_with("set_vcpu_affinity");
    let set = calls.iter().filter(vcpu).count();
    (bench.outstanding(domid), bench.affinity(domid), set)
}

fn pinned(bench: &Bench<Model>, pages: u64) -> (Placed, Pinned) {
    let placed = bench.place(pages, Policy::BestEffort);
    let pool = claims::pool_pages(1, pages);
    (bench.xen.backend).set_pool(placed.domid(), pool).unwrap();
    let pinned = bench.protocol.pin(placed.clone()).unwrap();
    (placed, pinned)
}

/// Both are refused, with a sentence, and nothing is changed.
fn refused(
    bench: &Bench<Model>,
    by: &Protocol<Faulty<Model>>,
    placed: &Placed,
    pinned: &Pinned,
    says: &str,
) {
    let before = known(bench, placed.domid());
    let calls = || bench.xen.calls.lock().unwrap().len();
    let made = calls();
    for error in [
        by.pin(placed.clone()).unwrap_err(),
        by.finish(pinned.clone()).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(known(bench, placed.domid()), before);
    assert_eq!(calls(), made);
}

#[test]
fn what_was_abandoned_is_neither_pinned_nor_built() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let (placed, pinned) = pinned(&bench, GIB);
        let domid = placed.domid();
        bench.protocol.abandon(domid).unwrap();
        refused(&bench, &bench.protocol, &placed, &pinned, "abandoned");
        // Placed again, its first attempt is still over.
        let again = placement(domid, request(GIB, Policy::BestEffort));
        let Ok(second) = bench.protocol.place(again) else {
            assert!(flavour.has_node_claims() && !flavour.has_claim_sets());
            continue;
        };
        refused(&bench, &bench.protocol, &placed, &pinned, "placed again");
        let second = bench.protocol.pin(second).unwrap();
        assert_eq!(bench.protocol.finish(second).unwrap().unused_pages, GIB);
    }
}

#[test]
fn what_another_handle_placed_is_its_own_to_end() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let other = Protocol::open(bench.xen.clone(), config(&bench.xen.backend)).unwrap();
        let (placed, pinned) = pinned(&bench, GIB);
        refused(&bench, &other, &placed, &pinned, "another handle");
        let report = bench.protocol.finish(pinned).unwrap();
        assert_eq!(report.unused_pages, GIB, "{}", flavour.name);
    }
}

/// Creates domains until one has that number.
fn come_round(bench: &Bench<Model>, domid: Domid) {
    loop {
        let created = bench.create(GIB);
        if created == domid {
            return;
        }
        bench.xen.backend.destroy(created).unwrap();
        bench.xen.backend.advance(Duration::from_secs(1));
    }
}

#[test]
fn an_earlier_life_of_a_number_is_over() {
    for flavour in [
        Flavour::XEN_4_17,
        Flavour::UPSTREAM,
        Flavour::XS9,
        Flavour::V7,
    ] {
        let bench = bench(flavour);
        let (placed, pinned) = pinned(&bench, GIB);
        let domid = placed.domid();
        bench.xen.backend.destroy(domid).unwrap();
        come_round(&bench, domid);
        // Nothing is claimed for the new one yet.
        let before = known(&bench, domid);
        let error = bench.protocol.pin(placed.clone()).unwrap_err();
        assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
        assert_eq!(known(&bench, domid), before);
        bench.protocol.abandon(domid).unwrap();
        let again = placement(domid, request(GIB, Policy::BestEffort));
        let second = bench.protocol.place(again);
        // The number of a domain that had a claim on a node: known as another one's only once it
        // was seen to be gone.
        let Ok(second) = second else {
            assert!(flavour.has_node_claims() && !flavour.has_claim_sets());
            continue;
        };
        refused(&bench, &bench.protocol, &placed, &pinned, "placed again");
        assert!(bench.build(second), "{}", flavour.name);
    }
}

#[test]
fn pin_looks_that_the_claim_is_whole() {
    for flavour in Flavour::ALL {
        for policy in [Policy::Any, Policy::BestEffort] {
            // Emulation takes pages that some hypervisors count against the claim.
            let emulated = bench(flavour);
            let placed = emulated.place(GIB, policy);
            let domid = placed.domid();
            let model = emulated.xen.backend.clone();
            model.set_pool(domid, claims::pool_pages(1, GIB)).unwrap();
            for _ in 0..200 {
                let extent = model.with(|xen| xen.take(domid, Kind::Extra, 1, None));
                model.with(|xen| xen.assign(extent.unwrap())).unwrap();
            }
            assert!(emulated.protocol.pin(placed).is_ok(), "{}", flavour.name);

            let lost = bench(flavour);
            let placed = lost.place(GIB, policy);
            let domid = placed.domid();
            let model = lost.xen.backend.clone();
            model.set_pool(domid, claims::pool_pages(1, GIB)).unwrap();
            model.with(|xen| xen.claim_host(domid, 0)).unwrap();
            let before = known(&lost, domid);
            let error = lost.protocol.pin(placed).unwrap_err();
            assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
            assert_eq!(known(&lost, domid), before, "{}", flavour.name);
        }
    }
}

/// It ends, and claims nothing whatever comes free.
fn ends(bench: &Bench<Model>, placing: &mut Placing) {
    let domid = placing.domid();
    let claim = |call: &&String| call.starts_with("claim_");
    let claims = || {
        let calls = bench.xen.calls.lock().unwrap();
        calls.iter().filter(claim).count()
    };
    let before = claims();
    for _ in 0..3 {
        let step = bench.protocol.step(placing);
        let Step::Failed(error) = step else {
            panic!("{domid}: {step:?}");
        };
        assert!(error.to_string().contains("abandoned"), "{error}");
        bench.xen.backend.advance(Duration::from_secs(1));
    }
    assert_eq!(claims(), before);
    assert_eq!(bench.outstanding(domid), 0);
    assert_eq!(bench.protocol.status().builds, []);
}

#[test]
fn who_is_abandoned_while_it_waits_ends_and_claims_nothing() {
    for flavour in Flavour::ALL {
        for policy in [Policy::Any, Policy::BestEffort] {
            let bench = bench(flavour);
            let other = claimed_by_another(&bench, 100 * GIB);
            let domid = bench.create(60 * GIB);
            let start = || {
                let asked = placement(domid, request(60 * GIB, policy));
                bench.protocol.start(asked)
            };
            // Before its first step, and while it waits.
            let mut first = start();
            bench.protocol.abandon(domid).unwrap();
            ends(&bench, &mut first);
            let mut second = start();
            let step = bench.protocol.step(&mut second);
            assert!(matches!(step, Step::Wait(_)), "{}: {step:?}", flavour.name);
            bench.protocol.abandon(domid).unwrap();
            bench
                .xen
                .backend
                .with(|xen| xen.claim_host(other, 0))
                .unwrap();
            ends(&bench, &mut second);
            // Abandoned is what was begun, not what comes.
            let mut third = start();
            while let Step::Wait(time) = bench.protocol.step(&mut third) {
                bench.xen.backend.advance(time);
            }
            assert_eq!(bench.outstanding(domid), 60 * GIB, "{}", flavour.name);
        }
    }
}

/// A hypervisor on whose clock a sleep is the moment in which somebody abandons the domain.
#[test]
fn a_place_that_sleeps_is_ended() {
    for flavour in Flavour::ALL {
        let bench = Arc::new(bench(flavour));
        let other = claimed_by_another(&bench, 100 * GIB);
        let domid = bench.create(60 * GIB);
        let abandon = {
            let bench = bench.clone();
            move || {
                bench.protocol.abandon(domid).unwrap();
                bench
                    .xen
                    .backend
                    .with(|xen| xen.claim_host(other, 0))
                    .unwrap();
            }
        };
        *bench.xen.while_asleep.lock().unwrap() = Some(Box::new(abandon));
        let asked = placement(domid, request(60 * GIB, Policy::BestEffort));
        let error = bench.protocol.place(asked).unwrap_err();
        assert_eq!(error, Error::Cancelled { domid }, "{}", flavour.name);
        assert_eq!(bench.outstanding(domid), 0, "{}", flavour.name);
    }
}

#[test]
fn what_was_abandoned_is_refused_when_its_domain_is_gone_too() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let other = Protocol::open(bench.xen.clone(), config(&bench.xen.backend)).unwrap();
        let (placed, pinned) = pinned(&bench, GIB);
        let domid = placed.domid();
        bench.protocol.abandon(domid).unwrap();
        bench.xen.backend.destroy(domid).unwrap();
        bench.xen.backend.advance(Duration::from_secs(120));
        for protocol in [&bench.protocol, &other] {
            let error = protocol.finish(pinned.clone()).unwrap_err();
            assert!(matches!(error, Error::Conflict { .. }), "{error}");
        }
    }
}

/// The end of an attempt that was abandoned takes the next one's place from nobody.
#[test]
fn an_attempt_that_ends_leaves_the_next_one_in_the_line() {
    let overtakers = |ended: bool| {
        let bench = bench(Flavour::UPSTREAM);
        claimed_by_another(&bench, 100 * GIB);
        let large = bench.create(60 * GIB);
        let start = || {
            let asked = placement(large, request(60 * GIB, Policy::BestEffort));
            let mut placing = bench.protocol.start(asked);
            assert!(matches!(bench.protocol.step(&mut placing), Step::Wait(_)));
            placing
        };
        let mut first = start();
        bench.protocol.abandon(large).unwrap();
        let _second = start();
        if ended {
            assert!(matches!(bench.protocol.step(&mut first), Step::Failed(_)));
        }
        let placed = (0..20).filter(|_| {
            let small = bench.create(GIB);
            let asked = placement(small, request(GIB, Policy::Any));
            let mut placing = bench.protocol.start(asked);
            matches!(bench.protocol.step(&mut placing), Step::Placed(_))
        });
        placed.count()
    };
    assert_eq!(overtakers(true), overtakers(false));
}
