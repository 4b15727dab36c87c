//! What each call leaves behind.

use crate::bench::{placement, request, wait, Bench, GIB};
use model::Flavour;
use planner::{CpuSet, NodeSet, Policy, Reason};
use xenopsd_numa_claims::{
    BuilderClaims, Claims, Config, DomainClaim, Domid, Error, Placement, Protocol, Rung,
};

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
    assert_eq!(bench.affinity(first.domid()), NodeSet::first(2));
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
fn claims_of_a_process_that_is_gone_are_listed_and_released() {
    let bench = Bench::new(Flavour::XEN_4_17);
    let gone = bench.place(40 * GIB, Policy::BestEffort);
    let next = Protocol::open(bench.xen.clone(), Config::default()).unwrap();
    let domid = bench.create(8 * GIB);
    let _own = next
        .place(placement(domid, request(8 * GIB, Policy::Any)))
        .unwrap();
    let claim = |domid, outstanding_pages, nodes, being_built| DomainClaim {
        domid,
        outstanding_pages,
        nodes,
        being_built,
    };
    let nodes = gone.outcome().plan.clone().unwrap().nodes;
    assert_eq!(
        next.claims().unwrap(),
        [
            claim(gone.domid(), 40 * GIB, nodes, false),
            claim(domid, 8 * GIB, NodeSet::first(2), true)
        ]
    );
    next.abandoned(gone.domid()).unwrap();
    let left: Vec<Domid> = next.claims().unwrap().iter().map(|c| c.domid).collect();
    assert_eq!(left, [domid]);
}
