//! Domains destroyed or abandoned while they are placed, and their numbers that come again.

use std::sync::Arc;
use std::time::Duration;

use claims::{Domid, Error, Hypervisor, Protocol, Reservation, Step};
use model::{Flavour, Model};
use planner::Policy;

use crate::bench::{bench, claimed_by_another, GIB};
use conformance::bench::{config, placement, request, Bench, Fault};

/// Destroys a domain, and waits until it is gone.
fn gone(backend: &Model, domid: Domid) {
    backend.destroy(domid).unwrap();
    backend.advance(Duration::from_secs(60));
    let domains = backend.domains().unwrap();
    assert!(domains.iter().all(|domain| domain.domid != domid));
}

/// Takes one step, in which a claim is made that does not settle, since others seem to have
/// claimed more than there is.
fn staked(bench: &Bench<Model>, placing: &mut claims::Placing) {
    let backend = bench.xen.backend.clone();
    *bench.xen.wobble.lock().unwrap() =
        Box::new(
            move || match backend.with(|xen| xen.physinfo().outstanding_pages) {
                0 => 0,
                _ => 1 << 40,
            },
        );
    let step = bench.protocol.step(placing);
    assert!(matches!(step, Step::Wait(_)), "{step:?}");
    assert!(bench.outstanding(placing.domid()) > 0);
    *bench.xen.wobble.lock().unwrap() = Box::new(|| 0);
}

#[test]
fn a_number_that_comes_again_is_another_domains() {
    for flavour in [Flavour::XS9, Flavour::XS9_2025] {
        let bench = bench(flavour);
        let placed = bench.place(GIB, Policy::BestEffort);
        assert!(matches!(
            placed.outcome().reservation,
            Reservation::NodeClaim(_)
        ));
        let old = placed.domid();
        assert!(bench.build(placed));
        gone(&bench.xen.backend, old);
        // What other domains do shows that it is gone.
        let other = bench.place(GIB, Policy::BestEffort);
        assert!(bench.build(other));
        while bench.create(GIB) != old {
            let last = bench.xen.backend.domains().unwrap();
            let last = last.last().unwrap().domid;
            bench.xen.backend.destroy(last).unwrap();
            bench.xen.backend.advance(Duration::from_secs(1));
        }
        let again = placement(old, request(GIB, Policy::BestEffort));
        let placed = bench.protocol.place(again).unwrap();
        assert!(matches!(
            placed.outcome().reservation,
            Reservation::NodeClaim(_)
        ));
    }
}

#[test]
fn who_is_destroyed_before_its_claim_was_looked_at_does_not_end_all_claims() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let built = bench.place(GIB, Policy::Any);
        assert!(bench.build(built));
        let backend = bench.xen.backend.clone();
        let doomed = bench.create(GIB);
        // Between the claim and the look.
        let destroy = Fault::Overtaken(Arc::new(move |_: &Model| backend.destroy(doomed).unwrap()));
        let xen = bench.xen.clone();
        let before = Fault::Overtaken(Arc::new(move |_: &Model| {
            xen.set("domains", destroy.clone());
        }));
        bench.xen.set("claim_host", before);
        let asked = placement(doomed, request(GIB, Policy::Any));
        let error = bench.protocol.place(asked).unwrap_err();
        assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
        bench.xen.clear();
        bench.xen.backend.advance(Duration::from_secs(60));
        assert_eq!(bench.protocol.status().host_claims, Some(true));
        let placed = bench.place(GIB, Policy::Any);
        assert_eq!(
            placed.outcome().reservation,
            Reservation::Anywhere,
            "{}",
            flavour.name
        );
        assert!(bench.build(placed));
        assert_eq!(bench.xen.backend.outstanding_pages(), 0);
    }
}

#[test]
fn who_is_abandoned_before_its_claim_was_looked_at_is_not_claimed_for_again() {
    let late = |flavour: &&Flavour| flavour.name == "4.17" || flavour.name == "xs9-2025";
    for flavour in Flavour::ALL.iter().filter(late) {
        let bench = bench(*flavour);
        let domid = bench.create(GIB);
        let mut placing = bench
            .protocol
            .start(placement(domid, request(GIB, Policy::BestEffort)));
        staked(&bench, &mut placing);
        bench.protocol.abandon(domid).unwrap();
        let calls = bench.xen.calls.lock().unwrap().len();
        let step = bench.protocol.step(&mut placing);
        let failed = matches!(step, Step::Failed(Error::Cancelled { .. }));
        assert!(failed, "{}: {step:?}", flavour.name);
        let calls = bench.xen.calls.lock().unwrap()[calls..].to_vec();
        let claims = |call: &&String| call.starts_with("claim");
        assert_eq!(calls.iter().find(claims), None);
        let status = bench.protocol.status();
        assert_ne!(status.host_claims, Some(false), "{}", flavour.name);
        let node_claims = flavour.has_node_claims().then_some(true);
        assert_eq!(status.node_claims, node_claims, "{}", flavour.name);
    }
}

#[test]
fn who_is_destroyed_while_it_waits_is_told_so_soon() {
    let bench = bench(Flavour::UPSTREAM);
    claimed_by_another(&bench, 100 * GIB);
    let domid = bench.create(60 * GIB);
    let mut placing = bench
        .protocol
        .start(placement(domid, request(60 * GIB, Policy::BestEffort)));
    assert!(matches!(bench.protocol.step(&mut placing), Step::Wait(_)));
    gone(&bench.xen.backend, domid);
    let step = bench.protocol.step(&mut placing);
    let Step::Failed(Error::Conflict { domid: gone, .. }) = step else {
        panic!("{step:?}");
    };
    assert_eq!(gone, domid);
}

#[test]
fn what_another_process_claimed_for_a_domain_is_not_claimed_over() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let placed = bench.place(GIB, Policy::BestEffort);
        let domid = placed.domid();
        let on_node = flavour.has_node_claims() && !flavour.has_claim_sets();
        let backend = bench.xen.backend.clone();
        let next = Protocol::open(bench.xen.clone(), config(&backend)).unwrap();
        let again = || placement(domid, request(GIB, Policy::Any));
        let error = next.place(again()).unwrap_err();
        assert!(
            matches!(error, Error::Conflict { .. }),
            "{}: {error}",
            flavour.name
        );
        assert_eq!(bench.outstanding(domid), GIB, "{}", flavour.name);
        next.abandon(domid).unwrap();
        assert_eq!(bench.outstanding(domid), 0);
        // Nothing of what is there says on what its claim was.
        if on_node {
            let error = next.place(again()).unwrap_err();
            assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
        }
    }
}

#[test]
fn a_build_that_begins_while_claims_are_listed_is_not_nobodys() {
    let bench = Arc::new(bench(Flavour::UPSTREAM));
    let domid = bench.create(GIB);
    let begin = {
        let bench = bench.clone();
        move |_: &Model| {
            let asked = placement(domid, request(GIB, Policy::Any));
            _ = bench.protocol.place(asked).unwrap();
        }
    };
    let begin: Arc<dyn Fn(&Model) + Send + Sync> = Arc::new(begin);
    bench.xen.set("domains", Fault::Overtaken(begin.clone()));
    let claims = bench.protocol.claims().unwrap();
    assert_eq!(claims.len(), 1);
    assert!(claims.iter().all(|claim| claim.being_built), "{claims:?}");
    bench.protocol.abandon(domid).unwrap();
    bench.xen.set("domains", Fault::Overtaken(begin));
    let audits = bench.protocol.audit().unwrap();
    let audit = audits.iter().find(|audit| audit.domid == domid).unwrap();
    assert!(
        audit.being_built || audit.outstanding_pages == 0,
        "{audit:?}"
    );
}
