//! A toolstack that comes back: what the one before had claimed, nobody knows any more.

use claims::{
    BuilderClaims, Claim, Claims, Config, Domid, Errno, Error, Hypervisor, Placement, Protocol,
    Reservation,
};
use model::{Flavour, Model};
use planner::Policy;

use crate::bench::{bench, GIB};
use conformance::bench::{config, placement, request, Bench, Fault, Faulty};

fn reopened(bench: &Bench<Model>) -> Protocol<Faulty<Model>> {
    Protocol::open(bench.xen.clone(), config(&bench.xen.backend)).unwrap()
}

/// Whether a second claim of a domain can crash this Xen.
fn is_sticky(flavour: Flavour) -> bool {
    flavour.has_node_claims() && !flavour.has_claim_sets()
}

fn is_up(bench: &Bench<Model>) -> bool {
    bench.xen.backend.domains().is_ok()
}

fn every_request(domid: Domid) -> Vec<Placement> {
    let hard_pinned = placement(domid, request(GIB, Policy::BestEffort)).with_hard_pinned(true);
    vec![
        placement(domid, request(GIB, Policy::Any)),
        placement(domid, request(GIB, Policy::BestEffort)),
        placement(domid, request(GIB, Policy::Strict)),
        hard_pinned,
    ]
}

/// Populates what was placed; a Xen whose counters a second claim has spoilt crashes on it.
fn populate(bench: &Bench<Model>, domid: Domid, reservation: &Reservation) {
    let exact_node = match reservation {
        Reservation::NodeClaim(node) => Some(*node),
        _ => None,
    };
    bench.xen.backend.populate(domid, GIB, exact_node);
}

#[test]
fn a_domain_that_was_there_before_the_toolstack_is_not_claimed_where_that_can_crash_xen() {
    for flavour in Flavour::ALL {
        for abandoned_by in ["the first", "the second"] {
            for case in 0..every_request(Domid(1)).len() {
                let bench = bench(flavour);
                let placed = bench.place(GIB, Policy::BestEffort);
                let domid = placed.domid();
                if abandoned_by == "the first" {
                    bench.protocol.abandon(domid).unwrap();
                }
                let next = reopened(&bench);
                if abandoned_by == "the second" {
                    next.abandon(domid).unwrap();
                }
                assert_eq!(bench.outstanding(domid), 0);
                let asked = every_request(domid).remove(case);
                let name = format!("{}, {abandoned_by}, {asked:?}", flavour.name);
                match next.place(asked) {
                    Err(error) if is_sticky(flavour) => {
                        assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
                        assert_eq!(bench.outstanding(domid), 0, "{name}");
                    }
                    Ok(placed) if !is_sticky(flavour) => {
                        assert_eq!(bench.outstanding(domid), GIB, "{name}");
                        populate(&bench, domid, &placed.outcome().reservation);
                    }
                    answer => panic!("{name}: {answer:?}"),
                }
                assert!(is_up(&bench), "{name}");
                // Whoever comes after the toolstack is placed as ever.
                let new = bench.create(GIB);
                let placed = next.place(placement(new, request(GIB, Policy::BestEffort)));
                let reservation = placed.unwrap().outcome().reservation.clone();
                assert_eq!(
                    matches!(reservation, Reservation::NodeClaim(_)),
                    flavour.has_node_claims(),
                    "{name}: {reservation:?}"
                );
                populate(&bench, new, &reservation);
                assert!(is_up(&bench), "{name}");
            }
        }
    }
}

#[test]
fn what_claims_nothing_does_not_ask_how_old_a_domain_is() {
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        let domid = bench.create(GIB);
        for switches in [
            Config::default().with_claims(Claims::Never),
            Config::default().with_builder_claims(BuilderClaims::All),
        ] {
            let next = Protocol::open(bench.xen.clone(), switches).unwrap();
            let asked = placement(domid, request(GIB, Policy::BestEffort));
            let placed = next.place(asked).unwrap();
            assert_eq!(placed.outcome().claimed_pages, 0);
            next.abandon(domid).unwrap();
        }
    }
}

/// Places with policy any, and populates on each node, which shows whether the counters are sound.
fn place_and_populate(bench: &Bench<Model>, protocol: &Protocol<Faulty<Model>>, domid: Domid) {
    let error = protocol.place(placement(domid, request(GIB, Policy::Any)));
    for node in [0, 1] {
        bench.xen.backend.populate(domid, GIB / 2, Some(node));
    }
    assert!(is_up(bench), "{error:?}");
    let error = error.unwrap_err();
    assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
}

#[test]
fn a_claim_of_another_process_that_was_seen_is_not_forgotten_with_it() {
    for flavour in Flavour::ALL
        .into_iter()
        .filter(|flavour| is_sticky(*flavour))
    {
        let bench = bench(flavour);
        let domid = bench.create(GIB);
        let claim = |pages| {
            bench
                .xen
                .backend
                .claim(domid, Claim::Node { node: 0, pages })
        };
        claim(GIB).unwrap();
        let asked = placement(domid, request(GIB, Policy::Any));
        let error = bench.protocol.place(asked).unwrap_err();
        assert!(matches!(error, Error::Conflict { .. }), "{error}");
        claim(0).unwrap();
        place_and_populate(&bench, &bench.protocol, domid);
    }
}

/// That others may not ask says nothing of what the toolstack before did.
#[test]
fn what_other_domains_were_answered_does_not_count_for_an_old_one() {
    for flavour in Flavour::ALL
        .into_iter()
        .filter(|flavour| is_sticky(*flavour))
    {
        let bench = bench(flavour);
        let domid = bench.place(GIB, Policy::BestEffort).domid();
        bench.protocol.abandon(domid).unwrap();
        let next = reopened(&bench);
        bench.xen.set("probe", Fault::Errno(Errno::EPERM));
        for _ in 0..2 {
            let new = bench.create(GIB);
            let placed = next.place(placement(new, request(GIB, Policy::BestEffort)));
            assert_eq!(
                placed.unwrap().outcome().reservation,
                Reservation::HostClaim
            );
        }
        place_and_populate(&bench, &next, domid);
        bench.xen.clear();
        place_and_populate(&bench, &next, domid);
    }
}
