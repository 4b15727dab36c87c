//! A hypervisor that does not say all of its nodes: domains are placed with what is known.

use claims::{Claims, Config, Errno, Protocol, Reservation};
use model::{Flavour, Model};
use planner::{Memory, NodeMemory, NodeSet, Policy, Topology, TopologyDescription};

use crate::bench::{host, GIB};
use conformance::bench::{placement, request, Bench, Faulty};

/// Two nodes, of which the second has no distances.
fn without_distances() -> Topology {
    let cpus = 0..16;
    Topology::new(&TopologyDescription {
        distances: vec![vec![Some(10), None], vec![None, None]],
        cpu_to_node: cpus.clone().map(|cpu| Some(cpu / 8)).collect(),
        cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu % 8))).collect(),
        cpu_to_socket: cpus.map(|cpu| Some(i64::from(cpu / 8))).collect(),
    })
    .unwrap()
}

type Change = fn(Memory) -> Memory;

fn new_node(mut memory: Memory) -> Memory {
    memory.nodes.push(Some(NodeMemory {
        size_pages: 64 * GIB,
        free_pages: 64 * GIB,
        ..NodeMemory::default()
    }));
    memory
}

fn node_gone(mut memory: Memory) -> Memory {
    memory.nodes[1] = None;
    memory
}

fn fewer_nodes(mut memory: Memory) -> Memory {
    memory.nodes.truncate(1);
    memory
}

/// Reopened, as topology is read then.
fn open(flavour: Flavour, topology: Option<Result<Topology, Errno>>) -> Bench<Model> {
    let mut bench = Bench::new(host(flavour, 2));
    *bench.xen.topology.lock().unwrap() = topology;
    bench.protocol = Protocol::open(bench.xen.clone(), Config::default()).unwrap();
    bench
}

fn degraded(bench: &Bench<Model>) -> String {
    bench.protocol.status().degraded.join("; ")
}

#[test]
fn a_node_without_distances_is_left_out() {
    for flavour in Flavour::ALL {
        let bench = open(flavour, Some(Ok(without_distances())));
        assert!(degraded(&bench).contains("node 1"), "{}", degraded(&bench));
        for _ in 0..3 {
            let placed = bench.place(GIB, Policy::BestEffort);
            let plan = placed.outcome().plan.clone().unwrap();
            assert_eq!(plan.nodes, NodeSet::one(0), "{}", flavour.name);
            assert!(bench.build(placed), "{}", flavour.name);
        }
        // What no node has starts without a place, in memory of both.
        let placed = bench.place(80 * GIB, Policy::BestEffort);
        assert!(matches!(
            placed.outcome().reservation,
            Reservation::Unplaced(_)
        ));
        assert!(bench.build(placed), "{}", flavour.name);
        let placed = bench.place(GIB, Policy::Any);
        assert!(bench.build(placed), "{}", flavour.name);
    }
}

#[test]
fn nodes_that_come_and_go_stop_no_domain() {
    for flavour in Flavour::ALL {
        let new: Change = new_node;
        for (odd, change) in [
            ("node 2", new),
            ("node 1", node_gone),
            ("node 1", fewer_nodes),
        ] {
            let bench = open(flavour, None);
            assert_eq!(degraded(&bench), "");
            *bench.xen.reported_memory.lock().unwrap() = Box::new(move |memory| Ok(change(memory)));
            for policy in [Policy::BestEffort, Policy::Any, Policy::Strict] {
                let placed = bench.place(GIB, policy);
                assert_eq!(placed.outcome().claimed_pages, GIB, "{}", flavour.name);
                assert!(bench.build(placed), "{}", flavour.name);
            }
            assert!(degraded(&bench).contains(odd), "{}", degraded(&bench));
            *bench.xen.reported_memory.lock().unwrap() = Box::new(Ok);
            let placed = bench.place(GIB, Policy::BestEffort);
            assert!(bench.build(placed), "{}", flavour.name);
            assert_eq!(degraded(&bench), "");
        }
    }
}

/// What a hypervisor that does not say is asked for.
fn every_domain_starts(bench: &Bench<Model>, says: Reservation) {
    for (policy, reservation) in [
        (Policy::BestEffort, says),
        (Policy::Any, Reservation::Anywhere),
    ] {
        // Alone, and beside another.
        let first = bench.place(2 * GIB, policy);
        let second = bench.place(2 * GIB, policy);
        for placed in [first, second] {
            let kind = std::mem::discriminant(&placed.outcome().reservation);
            assert_eq!(
                kind,
                std::mem::discriminant(&reservation),
                "{:?}",
                placed.outcome()
            );
            assert_eq!(bench.outstanding(placed.domid()), 2 * GIB);
            assert!(bench.build(placed));
        }
    }
    assert_eq!(bench.xen.backend.outstanding_pages(), 0);
}

#[test]
fn nodes_that_may_not_be_asked_for_stop_no_domain() {
    for flavour in [
        Flavour::UPSTREAM,
        Flavour::XEN_4_22,
        Flavour::XS9,
        Flavour::V7,
    ] {
        for errno in [Errno::ENOSYS, Errno::EPERM] {
            let bench = open(flavour, Some(Err(errno)));
            assert!(degraded(&bench).contains(&errno.to_string()));
            every_domain_starts(&bench, Reservation::Unplaced(String::new()));
            // As where Xen tells what the host has, and not what its nodes have.
            *bench.xen.reported_memory.lock().unwrap() = Box::new(|mut memory| {
                memory.nodes.clear();
                Ok(memory)
            });
            every_domain_starts(&bench, Reservation::Unplaced(String::new()));
            // Free memory is not known either.
            *bench.xen.reported_memory.lock().unwrap() = Box::new(move |_| Err(errno));
            every_domain_starts(&bench, Reservation::Unplaced(String::new()));
        }
    }
}

#[test]
fn a_full_host_of_which_nothing_is_known_is_told_with_the_reason() {
    for flavour in Flavour::ALL {
        let bench = open(flavour, Some(Err(Errno::ENOSYS)));
        *bench.xen.reported_memory.lock().unwrap() = Box::new(|_| Err(Errno::ENOSYS));
        let domid = bench.create(200 * GIB);
        let asked = placement(domid, request(200 * GIB, Policy::BestEffort));
        let error = bench.protocol.place(asked).unwrap_err();
        assert!(error.to_string().contains("ENOMEM"), "{error}");
        assert!(error.to_string().contains("not known"), "{error}");
        assert_eq!(bench.outstanding(domid), 0);
    }
}

#[test]
fn with_late_accounting_builds_follow_one_another_where_memory_is_not_known() {
    for flavour in [Flavour::XEN_4_17, Flavour::XS9_2025] {
        let bench = open(flavour, Some(Err(Errno::EPERM)));
        *bench.xen.reported_memory.lock().unwrap() = Box::new(|_| Err(Errno::EPERM));
        for policy in [Policy::BestEffort, Policy::Any] {
            let placed = bench.place(2 * GIB, policy);
            assert_eq!(placed.outcome().claimed_pages, 2 * GIB);
            assert!(bench.build(placed), "{}", flavour.name);
        }
    }
}

#[test]
fn what_claims_nothing_and_asks_for_no_nodes_is_not_looked_at() {
    for flavour in Flavour::ALL {
        let mut bench = Bench::new(host(flavour, 2));
        let never = Config::default().with_claims(Claims::Never);
        bench.protocol = Protocol::open(bench.xen.clone(), never).unwrap();
        // Whatever free memory is, it is not asked for.
        *bench.xen.reported_memory.lock().unwrap() = Box::new(|_| panic!("free memory is read"));
        let backend: &Faulty<Model> = &bench.xen;
        backend.calls.lock().unwrap().clear();
        let pages = 127 * GIB;
        let placed = bench.place(pages, Policy::Any);
        assert_eq!(placed.outcome().reservation, Reservation::Unclaimed);
        let domid = placed.domid();
        let pinned = bench.protocol.pin(placed).unwrap();
        assert_eq!(backend.backend.populate(domid, pages, None), pages);
        bench.protocol.finish(pinned).unwrap();
        assert_eq!(bench.protocol.status().builds, []);
        assert_eq!(*backend.calls.lock().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn without_nodes_nobody_is_taken_to_be_on_one() {
    for flavour in [Flavour::UPSTREAM, Flavour::XS9, Flavour::V7] {
        let policies = [
            Policy::BestEffort,
            Policy::BestEffortHard,
            Policy::PrioMemOnly,
            Policy::Strict,
        ];
        for policy in policies {
            for hard_pinned in [false, true] {
                let bench = open(flavour, Some(Err(Errno::EPERM)));
                let domid = bench.create(GIB);
                let asked = placement(domid, request(GIB, policy)).with_hard_pinned(hard_pinned);
                match bench.protocol.place(asked) {
                    Ok(placed) => {
                        let reservation = &placed.outcome().reservation;
                        assert!(
                            matches!(reservation, Reservation::Unplaced(_)),
                            "{policy:?}: {reservation:?}"
                        );
                        assert_eq!(bench.outstanding(domid), GIB);
                    }
                    Err(error) => assert_eq!(policy, Policy::Strict, "{error}"),
                }
                assert_eq!(bench.affinity(domid), bench.online());
            }
        }
    }
}
