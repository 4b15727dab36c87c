//! What each call leaves behind.

use claims::{BuilderClaims, Claims, DomainClaim, Domid, Error, Placed, Protocol, Reservation};
use planner::{CpuSet, NodeSet, Policy, Reason};

use super::bench::{config, placement, planned, request, wait, Backend, Bench};

pub fn claims_and_sets_affinity_before_the_first_page<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let pages = bench.small();
    let placed = bench.place(pages, Policy::BestEffort);
    let domid = placed.domid();
    let nodes = planned(&placed);
    assert_eq!(nodes.len(), 1);
    assert_eq!(bench.affinity(domid), nodes);
    assert_eq!(bench.outstanding(domid), pages);
    let kind = match bench.xen.backend.node_claims() {
        true => Reservation::NodeClaim(nodes.lowest().unwrap()),
        false => Reservation::HostClaim,
    };
    assert_eq!(placed.outcome().reservation, kind);
    assert!(bench.build(placed));
    assert_eq!(bench.outstanding(domid), 0);
    // Xen derives it from the vCPUs, which prefer the node's CPUs.
    assert_eq!(bench.affinity(domid), nodes);
}

/// One node each, and not the same.
fn apart(one: NodeSet, other: NodeSet) {
    assert_eq!((one.len(), other.len()), (1, 1), "{one} and {other}");
    assert_ne!(one, other);
}

pub fn two_domains_do_not_meet_on_a_node<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    if !bench.several_nodes() {
        return;
    }
    let first = bench.place(bench.big(), Policy::BestEffort);
    let second = bench.place(bench.big(), Policy::BestEffort);
    apart(planned(&first), planned(&second));
}

pub fn a_second_process_sees_what_the_first_one_claimed<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    if !bench.several_nodes() {
        return;
    }
    let first = bench.place(bench.big(), Policy::BestEffort);
    let other = Protocol::open(bench.xen.clone(), config(&bench.xen.backend)).unwrap();
    let domid = bench.create(bench.big());
    let second = other
        .place(placement(domid, request(bench.big(), Policy::BestEffort)))
        .unwrap();
    apart(planned(&first), planned(&second));
    other.abandon(first.domid()).unwrap();
    assert_eq!(bench.outstanding(first.domid()), 0);
    assert_eq!(bench.affinity(first.domid()), bench.online());
}

fn hard_pinned<S: Backend>(bench: &Bench<S>, cpu: usize) -> Placed {
    let pages = bench.small();
    let domid = bench.create(pages);
    let mut request = request(pages, Policy::BestEffort);
    request.allowed_cpus = Some(CpuSet::from_iter([cpu]));
    let placement = placement(domid, request).with_hard_pinned(true);
    bench.protocol.place(placement).unwrap()
}

pub fn every_domain_claims_or_none<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let pages = bench.small();
    let topology = bench.protocol.topology();
    let cpu = (0..topology.cpu_count()).find(|cpu| topology.cpu(*cpu).is_some());
    let cpu = cpu.unwrap();
    let node = topology.cpu(cpu).unwrap().0;
    let any = bench.place(pages, Policy::Any);
    assert_eq!(any.outcome().reservation, Reservation::Anywhere);
    assert_eq!(bench.affinity(any.domid()), bench.online());
    let pinned = hard_pinned(&bench, cpu);
    assert!(planned(&pinned).contains(node));
    for placed in [&any, &pinned] {
        assert_eq!(bench.outstanding(placed.domid()), pages);
    }
    // The toolstack binds its vCPUs itself.
    let _pinned = bench.protocol.pin(pinned).unwrap();
    let calls = bench.xen.calls.lock().unwrap().clone();
    assert!(!calls
        .iter()
        .any(|call| call.starts_with("set_vcpu_affinity")));
    drop(bench);

    let backend = open();
    let never = config(&backend).with_claims(Claims::Never);
    let bench = Bench::with(backend, never);
    for placed in [bench.place(pages, Policy::Any), hard_pinned(&bench, cpu)] {
        assert_eq!(placed.outcome().reservation, Reservation::Unclaimed);
        assert_eq!(bench.outstanding(placed.domid()), 0);
    }
}

pub fn in_mode_never_this_process_still_knows_its_builds<S: Backend>(open: &dyn Fn() -> S) {
    let backend = open();
    let never = config(&backend).with_claims(Claims::Never);
    let bench = Bench::with(backend, never);
    if !bench.several_nodes() {
        return;
    }
    let first = bench.place(bench.big(), Policy::BestEffort);
    let second = bench.place(bench.big(), Policy::BestEffort);
    apart(planned(&first), planned(&second));
}

pub fn too_few_cpus_do_not_stop_a_start_unless_strict<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let pages = bench.small();
    let many = |domid: Domid, policy| {
        let mut request = request(pages, policy);
        request.vcpus = bench.protocol.topology().cpu_count() as u32 + 1;
        placement(domid, request)
    };
    let domid = bench.create(pages);
    let placed = bench
        .protocol
        .place(many(domid, Policy::BestEffort))
        .unwrap();
    assert!(
        matches!(&placed.outcome().reservation, Reservation::Unplaced(why) if why.contains("CPUs"))
    );
    assert_eq!(bench.outstanding(domid), pages);
    let domid = bench.create(pages);
    let error = bench
        .protocol
        .place(many(domid, Policy::Strict))
        .unwrap_err();
    assert!(matches!(
        error,
        Error::Refused { refusal, .. } if refusal.reason == Reason::Cpus
    ));
}

pub fn a_plan_over_several_nodes_is_used<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    if !bench.several_nodes() {
        return;
    }
    let placed = bench.place(bench.wide(), Policy::BestEffort);
    let kind = match bench.xen.backend.claim_sets() {
        true => Reservation::ClaimSet,
        false => Reservation::HostClaim,
    };
    assert_eq!(placed.outcome().reservation, kind);
    assert!(planned(&placed).len() > 1);
    assert_eq!(bench.affinity(placed.domid()), planned(&placed));
    assert_eq!(bench.outstanding(placed.domid()), bench.wide());
}

pub fn strict_is_one_node_or_refused<S: Backend>(open: &dyn Fn() -> S) {
    let backend = open();
    let config = wait(&backend, 1);
    let bench = Bench::with(backend, config);
    if !bench.several_nodes() {
        return;
    }
    let domid = bench.create(bench.wide());
    let error = bench
        .protocol
        .place(placement(domid, request(bench.wide(), Policy::Strict)))
        .unwrap_err();
    assert!(matches!(
        error,
        Error::Refused { refusal, .. } if refusal.reason == Reason::SingleNode
    ));
}

pub fn calls_are_idempotent_and_a_domain_is_placed_once<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let pages = bench.small();
    let placed = bench.place(pages, Policy::BestEffort);
    let domid = placed.domid();
    let again = bench
        .protocol
        .place(placement(domid, request(pages, Policy::BestEffort)))
        .unwrap_err();
    assert!(matches!(again, Error::Conflict { .. }), "{again}");
    let pool = claims::pool_pages(1, pages);
    bench.xen.backend.set_pool(domid, pool).unwrap();
    let pinned = bench.protocol.pin(placed).unwrap();
    let report = bench.protocol.finish(pinned.clone()).unwrap();
    assert_eq!(report.unused_pages, pages);
    assert_eq!(bench.protocol.finish(pinned).unwrap().unused_pages, 0);
    bench.protocol.abandon(domid).unwrap();
    bench.protocol.abandon(domid).unwrap();
    bench.protocol.abandon(Domid(32_000)).unwrap();
    assert_eq!(bench.protocol.claims().unwrap(), []);
}

pub fn soft_or_hard_as_the_policy_says<S: Backend>(open: &dyn Fn() -> S) {
    for (policy, affinity) in [
        (Policy::BestEffort, "Soft"),
        (Policy::PrioMemOnly, "Soft"),
        (Policy::BestEffortHard, "Hard"),
        (Policy::Strict, "Hard"),
    ] {
        let bench = Bench::new(open());
        let pages = bench.small();
        // As many vCPUs as each node has CPUs, two at most.
        let cpus = bench.protocol.topology().processors(None).cpus;
        let vcpus = cpus.into_iter().filter(|cpus| *cpus > 0).min().unwrap();
        let vcpus = vcpus.min(2);
        let domid = bench.xen.backend.create_domain(vcpus, pages).unwrap();
        let mut asked = request(pages, policy);
        asked.vcpus = vcpus;
        let placed = bench.protocol.place(placement(domid, asked)).unwrap();
        let nodes = planned(&placed);
        let pool = claims::pool_pages(1, pages);
        bench.xen.backend.set_pool(domid, pool).unwrap();
        let _pinned = bench.protocol.pin(placed).unwrap();
        let cpus = bench.protocol.topology().cpus_of(nodes, None);
        let calls = bench.xen.calls.lock().unwrap().clone();
        for vcpu in 0..vcpus {
            let call = format!("set_vcpu_affinity {domid}v{vcpu} {affinity} {cpus}");
            assert!(calls.contains(&call), "{call} not in {calls:?}");
        }
    }
}

pub fn a_builder_that_claims_for_itself_is_left_to<S: Backend>(open: &dyn Fn() -> S) {
    let backend = open();
    let config = config(&backend).with_builder_claims(BuilderClaims::All);
    let bench = Bench::with(backend, config);
    let first = bench.place(bench.big(), Policy::BestEffort);
    assert_eq!(first.outcome().reservation, Reservation::ClaimedByBuilder);
    assert_eq!(bench.outstanding(first.domid()), 0);
    if bench.several_nodes() {
        let second = bench.place(bench.big(), Policy::BestEffort);
        apart(
            bench.affinity(first.domid()),
            bench.affinity(second.domid()),
        );
    }
}

pub fn claims_of_a_process_that_is_gone_are_listed_and_released<S: Backend>(open: &dyn Fn() -> S) {
    let bench = Bench::new(open());
    let (big, small) = (bench.big(), bench.small());
    let gone = bench.place(big, Policy::BestEffort);
    let next = Protocol::open(bench.xen.clone(), config(&bench.xen.backend)).unwrap();
    let domid = bench.create(small);
    let _own = next
        .place(placement(domid, request(small, Policy::Any)))
        .unwrap();
    let claim = |domid, outstanding_pages, nodes, being_built| DomainClaim {
        domid,
        outstanding_pages,
        nodes,
        being_built,
    };
    assert_eq!(
        next.claims().unwrap(),
        [
            claim(gone.domid(), big, planned(&gone), false),
            claim(domid, small, bench.online(), true)
        ]
    );
    next.abandon(gone.domid()).unwrap();
    let left: Vec<Domid> = next.claims().unwrap().iter().map(|c| c.domid).collect();
    assert_eq!(left, [domid]);
}
