//! Claims on several nodes at once.

use std::sync::Arc;

use claims::{Claim, Errno, Error, Hypervisor, NodePages, Reservation};
use model::{Entry, Flavour, Target};
use planner::{NodeSet, Policy};

use crate::bench::{bench, bench_with, host, waiting, GIB};
use conformance::bench::{placement, planned, request, Bench, Fault};

fn with_sets() -> impl Iterator<Item = Flavour> {
    Flavour::ALL.into_iter().filter(Flavour::has_claim_sets)
}

#[test]
fn a_plan_over_several_nodes_is_claimed_on_them() {
    for flavour in with_sets() {
        let bench = Bench::with(host(flavour, 4), waiting(0));
        let placed = bench.place(80 * GIB, Policy::BestEffort);
        let domid = placed.domid();
        assert_eq!(
            placed.outcome().reservation,
            Reservation::ClaimSet,
            "{}",
            flavour.name
        );
        assert_eq!(placed.outcome().claimed_pages, 80 * GIB);
        assert_eq!(bench.outstanding(domid), 80 * GIB);
        let plan = placed.outcome().plan.clone().unwrap();
        assert_eq!(plan.nodes.len(), 2);
        let claimed = |node: usize| {
            bench
                .xen
                .backend
                .with(|xen| xen.memory().nodes[node].unwrap())
        };
        for node in plan.nodes.iter() {
            assert_eq!(claimed(node).claimed_pages, plan.pages[node], "{node}");
        }
        assert!(bench.build(placed), "{}", flavour.name);
        assert_eq!(bench.xen.backend.outstanding_pages(), 0);
        for (node, pages) in bench.xen.backend.domain_pages(domid) {
            let off = pages.abs_diff(plan.pages[node]);
            assert!(off <= GIB, "{}: node {node} has {pages}", flavour.name);
        }
    }
}

#[test]
fn nobody_else_gets_what_a_set_holds_of_a_node() {
    for flavour in with_sets() {
        let bench = Bench::with(host(flavour, 4), waiting(0));
        let placed = bench.place(80 * GIB, Policy::BestEffort);
        let (domid, plan) = (placed.domid(), placed.outcome().plan.clone().unwrap());
        for node in plan.nodes.iter() {
            let room = 64 * GIB - plan.pages[node];
            let other = bench.create(64 * GIB);
            let had = bench.xen.backend.populate(other, 64 * GIB, Some(node));
            assert!(had <= room && had + GIB > room, "{had} of {room}");
        }
        assert!(bench.build(placed), "{}", flavour.name);
        let pages = bench.xen.backend.domain_pages(domid);
        let there = pages.iter().filter(|(node, _)| plan.nodes.contains(*node));
        let there: u64 = there.map(|(_, pages)| pages).sum();
        // A builder that asks for no node gets what is under the DMA width last, after other nodes.
        let low = 4 * GIB;
        assert!(there >= 80 * GIB - low, "{}: {pages:?}", flavour.name);
    }
}

#[test]
fn a_claim_of_a_set_can_be_taken_back_and_made_again() {
    for flavour in with_sets() {
        let bench = bench(flavour);
        for pages in [32 * GIB, 80 * GIB, 32 * GIB] {
            let domid = bench.create(pages);
            for _ in 0..2 {
                let placing = placement(domid, request(pages, Policy::BestEffort));
                let placed = bench.protocol.place(placing).unwrap();
                assert_eq!(bench.outstanding(domid), pages, "{}", flavour.name);
                drop(placed);
                bench.protocol.abandon(domid).unwrap();
                assert_eq!(bench.outstanding(domid), 0, "{}", flavour.name);
                assert_eq!(bench.affinity(domid), bench.online());
            }
        }
    }
}

#[test]
fn what_a_set_holds_of_each_node_is_seen_by_the_next_plan() {
    for flavour in with_sets() {
        let bench = bench(flavour);
        // Half of node 0 is gone, so that a plan over both takes more of node 1.
        let resident = bench.create(32 * GIB);
        assert_eq!(
            bench.xen.backend.populate(resident, 32 * GIB, Some(0)),
            32 * GIB
        );
        let wide = bench.place(70 * GIB, Policy::BestEffort);
        let plan = wide.outcome().plan.clone().unwrap();
        assert_eq!(plan.nodes, NodeSet::first(2));
        assert!(
            plan.pages[1] > plan.pages[0] + 4 * GIB,
            "{:?}",
            &plan.pages[..2]
        );
        // As much as node 1 has left, if one knows that it gave more than a half.
        let left = 64 * GIB - plan.pages[1];
        let next = bench.place(left - 2 * GIB, Policy::BestEffort);
        assert_eq!(next.outcome().replans, 0, "{}", flavour.name);
        assert!(bench.build(wide) && bench.build(next), "{}", flavour.name);
    }
}

#[test]
fn a_set_that_is_refused_is_planned_anew() {
    for flavour in with_sets() {
        let bench = Bench::with(host(flavour, 4), waiting(0));
        let thief = bench.create(64 * GIB);
        // Whoever claims between look and claim takes one of the nodes of the plan.
        let steal = move |model: &model::Model| {
            let entry = Entry {
                target: Target::Node(0),
                pages: 60 * GIB,
            };
            model.with(|xen| {
                let _ = xen.set_claims(thief, &[entry]);
            });
        };
        bench
            .xen
            .set("claim_set", Fault::Overtaken(Arc::new(steal)));
        let placed = bench.place(80 * GIB, Policy::BestEffort);
        assert_eq!(placed.outcome().replans, 1, "{}", flavour.name);
        assert_eq!(placed.outcome().reservation, Reservation::ClaimSet);
        assert!(!planned(&placed).contains(0), "{}", flavour.name);
        assert!(bench.build(placed));
    }
}

#[test]
fn a_set_that_is_always_refused_is_a_claim_on_the_host() {
    for flavour in with_sets() {
        let bench = bench(flavour);
        for call in ["claim_set", "claim_set of one"] {
            bench.xen.set(call, Fault::Errno(Errno::ENOMEM));
        }
        let placed = bench.place(80 * GIB, Policy::BestEffort);
        assert!(matches!(
            placed.outcome().reservation,
            Reservation::Unplaced(_)
        ));
        assert_eq!(bench.affinity(placed.domid()), bench.online());
        assert!(bench.build(placed));
        let placing = placement(bench.create(GIB), request(GIB, Policy::Strict));
        let error = bench.protocol.place(placing).unwrap_err();
        assert!(
            matches!(&error, Error::Refused { .. } | Error::Call { .. }),
            "{error}"
        );
        assert_eq!(bench.xen.backend.outstanding_pages(), 0);
    }
}

#[test]
fn sets_that_are_not_there_after_all_are_a_rung_down() {
    for flavour in with_sets() {
        for errno in [Errno::ENOSYS, Errno::EOPNOTSUPP] {
            let bench = bench(flavour);
            bench.xen.set("claim_set", Fault::Errno(errno));
            let placed = bench.place(80 * GIB, Policy::BestEffort);
            assert_eq!(
                placed.outcome().reservation,
                Reservation::HostClaim,
                "{}",
                flavour.name
            );
            assert!(bench.build(placed));
        }
    }
}

#[test]
fn whether_there_are_sets_is_asked_as_for_single_nodes() {
    for (errno, sets) in [
        (Errno::ENOSYS, Some(false)),
        (Errno::EOPNOTSUPP, Some(false)),
        (Errno::EPERM, Some(false)),
        (Errno::EINVAL, Some(false)),
        (Errno::ENOENT, Some(true)),
        (Errno::EACCES, Some(false)),
        (Errno::ESRCH, None),
        (Errno::EFAULT, None),
    ] {
        let bench = bench(Flavour::V7);
        bench.xen.set("probe set", Fault::Errno(errno));
        let small = bench.place(GIB, Policy::BestEffort);
        assert!(bench.build(small));
        let placed = bench.place(80 * GIB, Policy::BestEffort);
        assert_eq!(bench.protocol.status().claim_sets, sets, "{errno}");
        let reservation = match sets {
            Some(true) => Reservation::ClaimSet,
            Some(false) | None => Reservation::HostClaim,
        };
        assert_eq!(placed.outcome().reservation, reservation, "{errno}");
    }
    for flavour in Flavour::ALL {
        let bench = bench(flavour);
        for _ in 0..2 {
            let placed = bench.place(GIB, Policy::BestEffort);
            assert!(bench.build(placed));
        }
        let has = Some(flavour.has_claim_sets());
        assert_eq!(bench.protocol.status().claim_sets, has, "{}", flavour.name);
    }
}

#[test]
fn other_errors_of_a_set_are_told_and_leave_nothing() {
    let bench = bench_with(Flavour::V8, waiting(0));
    bench.xen.set("claim_set", Fault::Errno(Errno::EBUSY));
    let domid = bench.create(80 * GIB);
    let placing = placement(domid, request(80 * GIB, Policy::BestEffort));
    let error = bench.protocol.place(placing).unwrap_err();
    assert!(matches!(&error, Error::Call { source, .. } if source.errno == Errno::EBUSY));
    assert!(error.to_string().contains("must not run"), "{error}");
    assert_eq!(bench.affinity(domid), bench.online());
    assert_eq!(bench.outstanding(domid), 0);
}

#[test]
fn a_running_domain_cannot_claim_a_set_where_it_must_be_paused() {
    let bench = bench_with(Flavour::V8, waiting(0));
    let domid = bench.create(80 * GIB);
    bench.xen.backend.with(|xen| xen.unpause(domid)).unwrap();
    let set = [NodePages {
        node: 0,
        pages: GIB,
    }];
    let error = (bench.xen.backend.claim(domid, Claim::Set(&set))).unwrap_err();
    assert_eq!(error.errno, Errno::EBUSY);
}

#[test]
fn what_was_claimed_of_single_nodes_and_stays_is_said() {
    let bench = bench(Flavour::V7);
    let first = bench.place(GIB, Policy::BestEffort);
    assert!(bench.build(first));
    bench.xen.set("claim_set", Fault::Errno(Errno::ENOMEM));
    bench.xen.set("probe set", Fault::Errno(Errno::EAGAIN));
    let domid = bench.create(80 * GIB);
    let asked = placement(domid, request(80 * GIB, Policy::BestEffort));
    let error = bench.protocol.place(asked).unwrap_err();
    assert!(matches!(error, Error::MustDestroy { .. }), "{error}");
    assert!(bench.outstanding(domid) > 0);
}

/// What one domain was answered is about that domain; a set is no claim that must be its last.
#[test]
fn a_set_that_was_refused_once_is_a_set_for_the_next() {
    for flavour in with_sets() {
        let bench = bench(flavour);
        bench
            .xen
            .set("claim_set of one", Fault::Errno(Errno::EPERM));
        let first = bench.place(GIB, Policy::BestEffort);
        assert_eq!(first.outcome().reservation, Reservation::HostClaim);
        bench.xen.clear();
        let second = bench.place(GIB, Policy::BestEffort);
        let domid = second.domid();
        let status = bench.protocol.status();
        assert_eq!(status.claim_sets, Some(true), "{}", flavour.name);
        assert_ne!(status.node_claims, Some(true), "{}", flavour.name);
        bench.protocol.abandon(domid).unwrap();
        let again = placement(domid, request(GIB, Policy::BestEffort));
        assert!(bench.protocol.place(again).is_ok(), "{}", flavour.name);
    }
}
