//! The protocol on the modelled Xen: what each call leaves behind, and what each errno leads to.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{placement, request, Bench, Fault, Faulty, GIB};
use model::{Flavour, Kind, Model, MAX_EXTENT_PAGES};
use planner::{CpuSet, NodeSet, Policy, Reason};
use xenopsd_numa_claims::{
    BuilderClaims, Claims, Config, Domid, Errno, Error, Placement, Protocol, Rung, Step,
};

fn wait(seconds: u64) -> Config {
    Config {
        memory_wait: Duration::from_secs(seconds),
        ..Config::default()
    }
}

#[test]
fn claims_and_sets_affinity_before_the_first_page() {
    for flavour in Flavour::ALL {
        let bench = Bench::new(flavour);
        let placed = bench.place(32 * GIB, Policy::BestEffort);
        let domid = placed.domid();
        let plan = placed.outcome().plan.clone().unwrap();
        assert_eq!(plan.nodes.len(), 1, "{}", flavour.name);
        assert_eq!(bench.affinity(domid), plan.nodes, "{}", flavour.name);
        assert_eq!(bench.outstanding(domid), 32 * GIB, "{}", flavour.name);
        let node = plan.nodes.lowest().unwrap();
        let rung = match flavour.node_claims {
            true => Rung::NodeClaim(node),
            false => Rung::HostClaim,
        };
        assert_eq!(placed.outcome().rung, rung, "{}", flavour.name);
        assert!(bench.build(placed), "{}", flavour.name);
        assert_eq!(bench.xen.model.outstanding_pages(), 0);
        let pages = bench.xen.model.domain_pages(domid);
        let there = pages.iter().find(|(n, _)| *n == node).unwrap().1;
        assert_eq!(there, 32 * GIB, "{}: {pages:?}", flavour.name);
    }
}

#[test]
fn two_domains_do_not_meet_on_a_node() {
    for flavour in Flavour::ALL {
        let bench = Bench::new(flavour);
        let first = bench.place(40 * GIB, Policy::BestEffort);
        let second = bench.place(40 * GIB, Policy::BestEffort);
        let nodes =
            |placed: &xenopsd_numa_claims::Placed| placed.outcome().plan.clone().unwrap().nodes;
        assert_ne!(nodes(&first), nodes(&second), "{}", flavour.name);
        assert!(bench.build(first) && bench.build(second));
    }
}

#[test]
fn a_second_process_sees_what_the_first_one_claimed() {
    let bench = Bench::new(Flavour::UPSTREAM);
    let first = bench.place(40 * GIB, Policy::BestEffort);
    let other = Protocol::open(bench.xen.clone(), Config::default()).unwrap();
    let domid = bench.create(40 * GIB);
    let second = other
        .place(placement(domid, request(40 * GIB, Policy::BestEffort)))
        .unwrap();
    assert_ne!(
        first.outcome().plan.clone().unwrap().nodes,
        second.outcome().plan.clone().unwrap().nodes
    );
    other.abandoned(first.domid()).unwrap();
    assert_eq!(bench.outstanding(first.domid()), 0);
}

#[test]
fn every_domain_claims_or_none() {
    let hard_pinned = |bench: &Bench| {
        let domid = bench.create(GIB);
        let mut request = request(GIB, Policy::BestEffort);
        request.vcpus = 2;
        request.allowed_cpus = Some(CpuSet::from_iter([9]));
        bench.protocol.place(Placement {
            hard_pinned: true,
            ..placement(domid, request)
        })
    };
    let bench = Bench::new(Flavour::UPSTREAM);
    let any = bench.place(GIB, Policy::Any);
    assert_eq!(any.outcome().rung, Rung::Anywhere);
    assert_eq!(bench.affinity(any.domid()), NodeSet::first(2));
    let pinned = hard_pinned(&bench).unwrap();
    assert_eq!(
        pinned.outcome().plan.clone().unwrap().nodes,
        NodeSet::one(1)
    );
    for placed in [&any, &pinned] {
        assert_eq!(bench.outstanding(placed.domid()), GIB);
    }
    // The toolstack binds its vCPUs itself.
    let _pinned = bench.protocol.pin(pinned).unwrap();
    let calls = bench.xen.calls.lock().unwrap();
    assert!(!calls
        .iter()
        .any(|call| call.starts_with("set_vcpu_affinity")));
    drop(calls);

    let never = Config {
        claims: Claims::Never,
        ..Config::default()
    };
    let bench = Bench::with(Flavour::UPSTREAM, never);
    for placed in [bench.place(GIB, Policy::Any), hard_pinned(&bench).unwrap()] {
        assert_eq!(placed.outcome().rung, Rung::Unclaimed);
        assert_eq!(bench.outstanding(placed.domid()), 0);
    }
}

#[test]
fn in_mode_never_this_process_still_knows_its_builds() {
    let never = Config {
        claims: Claims::Never,
        ..Config::default()
    };
    let bench = Bench::with(Flavour::UPSTREAM, never);
    let first = bench.place(40 * GIB, Policy::BestEffort);
    let second = bench.place(40 * GIB, Policy::BestEffort);
    assert_ne!(
        first.outcome().plan.clone().unwrap().nodes,
        second.outcome().plan.clone().unwrap().nodes
    );
}

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
fn too_few_cpus_do_not_stop_a_start_unless_strict() {
    let bench = Bench::new(Flavour::UPSTREAM);
    let many = |domid: Domid, policy| {
        let mut request = request(8 * GIB, policy);
        request.vcpus = 40;
        placement(domid, request)
    };
    let domid = bench.create(8 * GIB);
    let placed = bench
        .protocol
        .place(many(domid, Policy::BestEffort))
        .unwrap();
    assert!(matches!(&placed.outcome().rung, Rung::Unplaced(why) if why.contains("cpus")));
    assert_eq!(bench.outstanding(domid), 8 * GIB);
    let domid = bench.create(8 * GIB);
    let error = bench
        .protocol
        .place(many(domid, Policy::Strict))
        .unwrap_err();
    assert!(matches!(
        error,
        Error::Refused { refusal, .. } if refusal.reason == Reason::Cpus
    ));
}

#[test]
fn a_plan_over_several_nodes_is_used() {
    for flavour in Flavour::ALL {
        let bench = Bench::new(flavour);
        let placed = bench.place(80 * GIB, Policy::BestEffort);
        assert_eq!(placed.outcome().rung, Rung::HostClaim, "{}", flavour.name);
        let plan = placed.outcome().plan.clone().unwrap();
        assert_eq!(plan.nodes, NodeSet::first(2));
        assert_eq!(bench.outstanding(placed.domid()), 80 * GIB);
        assert!(bench.build(placed));
    }
}

#[test]
fn strict_is_one_node_or_refused() {
    let bench = Bench::with(Flavour::XS9, wait(1));
    let domid = bench.create(80 * GIB);
    let error = bench
        .protocol
        .place(placement(domid, request(80 * GIB, Policy::Strict)))
        .unwrap_err();
    assert!(matches!(
        error,
        Error::Refused { refusal, .. } if refusal.reason == Reason::SingleNode
    ));
}

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
fn calls_are_idempotent_and_a_domain_is_placed_once() {
    let bench = Bench::new(Flavour::XS9);
    let placed = bench.place(8 * GIB, Policy::BestEffort);
    let domid = placed.domid();
    let again = bench
        .protocol
        .place(placement(domid, request(8 * GIB, Policy::BestEffort)))
        .unwrap_err();
    assert!(matches!(again, Error::Invalid(_)), "{again}");
    bench.xen.model.set_pool(domid, 100).unwrap();
    let pinned = bench.protocol.pin(placed).unwrap();
    let report = bench.protocol.built(pinned.clone()).unwrap();
    assert_eq!(report.unused_pages, 8 * GIB);
    assert_eq!(bench.protocol.built(pinned).unwrap().unused_pages, 0);
    bench.protocol.abandoned(domid).unwrap();
    bench.protocol.abandoned(domid).unwrap();
    bench.protocol.abandoned(Domid(777)).unwrap();
    assert_eq!(bench.xen.model.outstanding_pages(), 0);
}

#[test]
fn soft_or_hard_as_the_policy_says() {
    for (policy, affinity) in [
        (Policy::BestEffort, "Soft"),
        (Policy::PrioMemOnly, "Soft"),
        (Policy::BestEffortHard, "Hard"),
        (Policy::Strict, "Hard"),
    ] {
        let bench = Bench::new(Flavour::UPSTREAM);
        let placed = bench.place(8 * GIB, policy);
        let node = placed
            .outcome()
            .plan
            .clone()
            .unwrap()
            .nodes
            .lowest()
            .unwrap();
        let domid = placed.domid();
        bench.xen.model.set_pool(domid, 100).unwrap();
        let _pinned = bench.protocol.pin(placed).unwrap();
        let cpus = if node == 0 { "0-7" } else { "8-15" };
        let calls = bench.xen.calls.lock().unwrap();
        for vcpu in 0..2 {
            let call = format!("set_vcpu_affinity {domid}v{vcpu} {affinity} {cpus}");
            assert!(calls.contains(&call), "{call} not in {calls:?}");
        }
    }
}

#[test]
fn a_builder_that_claims_for_itself_is_left_to() {
    let config = Config {
        builder_claims: BuilderClaims::All,
        ..Config::default()
    };
    let bench = Bench::with(Flavour::XS9, config);
    let first = bench.place(40 * GIB, Policy::BestEffort);
    assert_eq!(first.outcome().rung, Rung::ClaimedByBuilder);
    assert_eq!(bench.outstanding(first.domid()), 0);
    let second = bench.place(40 * GIB, Policy::BestEffort);
    assert_ne!(
        bench.affinity(first.domid()),
        bench.affinity(second.domid())
    );
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
fn a_claim_on_the_host_queues_where_a_node_is_claimed_and_accounting_is_late() {
    for (flavour, queues) in [(Flavour::XS9_2025, true), (Flavour::XS9, false)] {
        let bench = Bench::new(flavour);
        let first = bench.place(40 * GIB, Policy::BestEffort);
        assert!(matches!(first.outcome().rung, Rung::NodeClaim(_)));
        let domid = bench.create(80 * GIB);
        let mut placing = bench
            .protocol
            .start(placement(domid, request(80 * GIB, Policy::BestEffort)));
        let waits = matches!(bench.protocol.step(&mut placing), Step::Wait(_));
        assert_eq!(waits, queues, "{}", flavour.name);
        assert!(bench.build(first));
        if waits {
            assert!(matches!(bench.protocol.step(&mut placing), Step::Placed(_)));
        }
    }
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
