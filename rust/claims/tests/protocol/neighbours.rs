//! Domains that meet on a node, or die at the wrong time, on flavours that do not keep them apart.

use std::sync::Arc;
use std::time::Duration;

use claims::{BuilderClaims, Config, Errno, Error, Hypervisor, Reservation, Step};
use model::{Flavour, Model};
use planner::Policy;

use crate::bench::{bench, bench_with, GIB};
use conformance::bench::{placement, request, Fault};

#[test]
fn a_claim_on_the_host_queues_where_a_node_is_claimed_and_short() {
    // Claims of a set bind all, so that nothing queues behind one.
    let cases = [
        (Flavour::XS9_2025, 80 * GIB, true),
        (Flavour::XS9_2025, 20 * GIB, false),
        (Flavour::XS9, 80 * GIB, true),
        (Flavour::XS9, 20 * GIB, false),
        (Flavour::V7, 80 * GIB, false),
    ];
    for (flavour, pages, queues) in cases {
        {
            let bench = bench(flavour);
            let first = bench.place(40 * GIB, Policy::BestEffort);
            assert!(matches!(
                first.outcome().reservation,
                Reservation::NodeClaim(_)
            ));
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
    let bench = bench(Flavour::XS9);
    let first = bench.place(56 * GIB, Policy::BestEffort);
    assert!(matches!(
        first.outcome().reservation,
        Reservation::NodeClaim(_)
    ));
    let free = bench.xen.backend.free_pages() - 56 * GIB - first.request().overhead_pages;
    let free = free - Config::default().reserve().host_pages;
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
fn a_claim_on_a_node_queues_behind_one_on_the_host_before_anybody_asked_for_node_claims() {
    for (flavour, queues) in [(Flavour::XS9, true), (Flavour::UPSTREAM, false)] {
        let bench = bench(flavour);
        let first = bench.place(60 * GIB, Policy::Any);
        assert_eq!(bench.protocol.status().node_claims, None);
        let domid = bench.create(30 * GIB);
        let mut placing = bench
            .protocol
            .start(placement(domid, request(30 * GIB, Policy::BestEffort)));
        // The first may take more of its node than the second leaves.
        let step = bench.protocol.step(&mut placing);
        let placed = match step {
            Step::Placed(placed) => Some(placed),
            Step::Wait(_) | Step::Failed(_) => None,
        };
        assert_eq!(placed.is_none(), queues, "{}", flavour.name);
        assert!(bench.build(first));
        let placed = placed.or_else(|| match bench.protocol.step(&mut placing) {
            Step::Placed(placed) => Some(placed),
            Step::Wait(_) | Step::Failed(_) => None,
        });
        assert!(bench.build(placed.expect("it is its turn")));
    }
}

#[test]
fn where_builders_claim_for_themselves_none_queues_for_a_claim_on_a_node() {
    for flavour in [Flavour::XS9_2025, Flavour::XS9] {
        let config = Config::default().with_builder_claims(BuilderClaims::All);
        let bench = bench_with(flavour, config);
        // Less than an extent for each build is left of a node.
        let first = bench.place(62 * GIB, Policy::BestEffort);
        let domid = bench.create(62 * GIB);
        let mut placing = bench
            .protocol
            .start(placement(domid, request(62 * GIB, Policy::BestEffort)));
        let step = bench.protocol.step(&mut placing);
        assert!(matches!(step, Step::Placed(_)), "{}", flavour.name);
        assert_eq!(first.outcome().reservation, Reservation::ClaimedByBuilder);
    }
}

#[test]
fn the_claim_of_a_dead_domain_does_not_outlive_it() {
    // Where a dead domain may claim at all.
    for flavour in [Flavour::XEN_4_17, Flavour::XS9_2025] {
        let bench = bench(flavour);
        let domid = bench.create(10 * GIB);
        bench.xen.backend.destroy(domid).unwrap();
        let dead = |model: &Model| {
            let domains = model.domains().unwrap();
            domains.iter().any(|d| d.domid == domid && d.dying)
        };
        while !dead(&bench.xen.backend) {
            bench.xen.backend.advance(Duration::from_millis(10));
        }
        let placement = placement(domid, request(10 * GIB, Policy::BestEffort));
        // It need not say that it is dead, but nothing may stay.
        _ = bench.protocol.place(placement);
        bench.protocol.abandon(domid).unwrap();
        bench.xen.backend.advance(Duration::from_secs(60));
        assert_eq!(bench.xen.backend.outstanding_pages(), 0, "{}", flavour.name);
    }
}

#[test]
fn a_probe_that_was_answered_wrongly_does_not_fail_every_start() {
    let bench = bench(Flavour::UPSTREAM);
    bench.xen.set("probe", Fault::Errno(Errno::ENOENT));
    bench.xen.set("claim_node 0", Fault::Errno(Errno::ENOSYS));
    bench.xen.set("claim_node 1", Fault::Errno(Errno::ENOSYS));
    for _ in 0..2 {
        let placed = bench.place(10 * GIB, Policy::BestEffort);
        assert_eq!(placed.outcome().reservation, Reservation::HostClaim);
        assert_eq!(bench.affinity(placed.domid()).len(), 1);
        assert!(bench.build(placed));
    }
    assert_eq!(bench.protocol.status().node_claims, Some(false));
}

#[test]
fn a_domain_that_dies_before_its_claim_is_not_placed() {
    // Where a dead domain may claim at all.
    for flavour in [Flavour::XEN_4_17, Flavour::XS9_2025] {
        let bench = bench(flavour);
        let domid = bench.create(GIB);
        let die = move |model: &Model| {
            model.destroy(domid).unwrap();
            let alive = |model: &Model| {
                let domains = model.domains().unwrap();
                domains.iter().any(|d| d.domid == domid && !d.dying)
            };
            while alive(model) {
                model.advance(Duration::from_millis(1));
            }
        };
        bench.xen.set("claim_host", Fault::Overtaken(Arc::new(die)));
        let asked = placement(domid, request(GIB, Policy::Any));
        let error = bench.protocol.place(asked).unwrap_err();
        assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
        bench.xen.backend.advance(Duration::from_secs(120));
        assert_eq!(bench.xen.backend.outstanding_pages(), 0, "{}", flavour.name);
    }
}

/// The kind that takes the place of another one must not meet other builds than it.
#[test]
fn the_next_kind_of_claim_waits_for_builds_as_if_it_were_the_first() {
    for flavour in [Flavour::XS9, Flavour::XS9_2025] {
        let bench = bench(flavour);
        let first = bench.place(60 * GIB, Policy::BestEffort);
        assert!(matches!(
            first.outcome().reservation,
            Reservation::NodeClaim(_)
        ));
        for call in ["claim_node 0", "claim_node 1"] {
            bench.xen.set(call, Fault::Errno(Errno::EPERM));
        }
        let domid = bench.create(60 * GIB);
        let asked = placement(domid, request(60 * GIB, Policy::BestEffort));
        let mut placing = bench.protocol.start(asked);
        for _ in 0..3 {
            let step = bench.protocol.step(&mut placing);
            assert!(matches!(step, Step::Wait(_)), "{}: {step:?}", flavour.name);
        }
        assert_eq!(bench.outstanding(domid), 0);
        assert!(bench.build(first));
        while let Step::Wait(time) = bench.protocol.step(&mut placing) {
            bench.xen.backend.advance(time);
        }
        assert_eq!(bench.outstanding(domid), 60 * GIB, "{}", flavour.name);
    }
}
