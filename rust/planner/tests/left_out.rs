//! Nodes that the figures of a host contradict: what is left out, what is planned with the others.

use std::sync::Arc;

use xenopsd_numa_planner::{
    explain, plan, Host, HostDescription, LeftOut, Limits, Memory, NodeDescription, NodeMemory,
    NodeSet, Policy, Reason, Request, RequestDescription, Topology, TopologyDescription,
    WhyLeftOut,
};

const GIB: u64 = 1 << 30;
const GIB_PAGES: u64 = GIB >> 12;

/// With four CPUs on each node.
fn topology(distances: &[&[Option<u32>]]) -> TopologyDescription {
    let cpus = 0..4 * distances.len() as u32;
    TopologyDescription {
        distances: distances.iter().map(|row| row.to_vec()).collect(),
        cpu_to_node: cpus.clone().map(|cpu| Some(cpu / 4)).collect(),
        cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu))).collect(),
        cpu_to_socket: cpus.map(|_| Some(0)).collect(),
    }
}

fn described(distances: &[&[Option<u32>]], free_gib: &[u64]) -> HostDescription {
    let node = |free_gib: &u64| NodeDescription {
        size_bytes: Some(16 * GIB),
        free_bytes: Some(free_gib * GIB),
        claimed_bytes: 0,
    };
    HostDescription {
        topology: topology(distances),
        nodes: free_gib.iter().map(node).collect(),
        host_free_bytes: free_gib.iter().sum::<u64>() * GIB,
        host_outstanding_bytes: 0,
    }
}

fn memory(free_gib: &[Option<u64>]) -> Memory {
    let node = |free_gib: &u64| NodeMemory {
        size_pages: 16 * GIB_PAGES,
        free_pages: free_gib * GIB_PAGES,
        ..NodeMemory::default()
    };
    Memory {
        nodes: free_gib
            .iter()
            .map(|free| free.as_ref().map(node))
            .collect(),
        host_free_pages: free_gib.iter().flatten().sum::<u64>() * GIB_PAGES,
        host_outstanding_pages: 0,
        host_reserved_pages: 0,
    }
}

fn request(host: &Host, gib: u64, policy: Policy) -> Request {
    let description = RequestDescription::new(gib * GIB, 1).with_policy(policy);
    Request::new(&description, host.topology()).unwrap()
}

fn nodes(host: &Host, gib: u64, policy: Policy) -> Result<NodeSet, Reason> {
    let request = request(host, gib, policy);
    let answer = plan(host, &request, &Limits::default());
    let (explained, _) = explain(host, &request, &Limits::default());
    assert_eq!(answer, explained);
    let plan = answer.map_err(|refusal| refusal.reason)?;
    assert_eq!(plan.pages.iter().sum::<u64>(), gib * GIB_PAGES);
    Ok(plan.nodes)
}

fn no_distances(node: usize) -> LeftOut {
    let why = WhyLeftOut::NoDistances;
    LeftOut { node, why }
}

fn no_memory(node: usize) -> LeftOut {
    let why = WhyLeftOut::NoMemory;
    LeftOut { node, why }
}

const APART: [&[Option<u32>]; 2] = [&[Some(10), Some(21)], &[Some(21), Some(10)]];
const FIRST_ONLY: [&[Option<u32>]; 2] = [&[Some(10), None], &[None, None]];

#[test]
fn a_node_with_memory_and_no_distances_is_left_out() {
    let host = Host::new(&described(&FIRST_ONLY, &[12, 15])).unwrap();
    assert_eq!(host.left_out(), [no_distances(1)]);
    let text = host.left_out()[0].to_string();
    assert_eq!(text, "node 1 is left out: it has memory, but no distances");
    for policy in [Policy::BestEffort, Policy::Strict, Policy::PrioMemOnly] {
        assert_eq!(nodes(&host, 12, policy), Ok(NodeSet::one(0)));
        assert_eq!(nodes(&host, 13, policy), Err(Reason::Memory));
    }
}

#[test]
fn what_needs_no_distances_takes_memory_of_all_nodes() {
    let mut host = Host::new(&described(&FIRST_ONLY, &[12, 15])).unwrap();
    assert_eq!(nodes(&host, 27, Policy::Any), Ok(NodeSet::first(2)));
    assert_eq!(nodes(&host, 28, Policy::Any), Err(Reason::HostMemory));
    let plan = plan(&host, &request(&host, 20, Policy::Any), &Limits::default()).unwrap();
    host.take(&plan.pages);
    assert_eq!(nodes(&host, 7, Policy::Any), Ok(NodeSet::first(2)));
    assert_eq!(nodes(&host, 8, Policy::Any), Err(Reason::HostMemory));
}

#[test]
fn without_a_node_that_has_distances_only_a_place_is_refused() {
    let host = Host::new(&described(&[&[None, None], &[None, None]], &[12, 15])).unwrap();
    assert_eq!(host.left_out(), [no_distances(0), no_distances(1)]);
    assert_eq!(nodes(&host, 20, Policy::Any), Ok(NodeSet::first(2)));
    assert_eq!(nodes(&host, 1, Policy::BestEffort), Err(Reason::Memory));
}

#[test]
fn a_node_alone_needs_no_distance() {
    for local in [None, Some(0), Some(255)] {
        let host = Host::new(&described(&[&[local]], &[12])).unwrap();
        assert_eq!(host.left_out(), []);
        assert_eq!(host.topology().distance(0, 0), Some(10));
        assert_eq!(nodes(&host, 12, Policy::Strict), Ok(NodeSet::one(0)));

        let mut second = described(&[&[None, None], &[None, local]], &[12, 12]);
        second.nodes[0] = NodeDescription::default();
        second.host_free_bytes = 12 * GIB;
        let host = Host::new(&second).unwrap();
        assert_eq!(host.left_out(), []);
        assert_eq!(nodes(&host, 12, Policy::Strict), Ok(NodeSet::one(1)));
    }
}

#[test]
fn a_host_that_contradicts_itself_is_refused() {
    let offline = NodeDescription::default();
    let mut gone = described(&APART, &[12, 15]);
    gone.nodes[1] = offline;
    assert_eq!(Host::new(&gone).unwrap_err().field, "nodes[1].size_bytes");
    let crossed = described(&[&[Some(10), Some(21)], &[Some(21), None]], &[12, 15]);
    assert_eq!(Host::new(&crossed).unwrap_err().field, "distances[0][1]");
    let odd = described(&[&[Some(10), Some(21)], &[Some(21), Some(0)]], &[12, 15]);
    assert_eq!(Host::new(&odd).unwrap_err().field, "distances[1][1]");
}

#[test]
fn nodes_that_come_and_go_after_the_topology_was_read_stop_nothing() {
    let topology = Arc::new(Topology::new(&topology(&APART)).unwrap());
    let host = |free_gib: &[Option<u64>]| Host::with_memory(topology.clone(), memory(free_gib));

    let same = host(&[Some(12), Some(15)]);
    assert_eq!(same.left_out(), []);
    assert_eq!(nodes(&same, 20, Policy::BestEffort), Ok(NodeSet::first(2)));

    for gone in [host(&[Some(12), None]), host(&[Some(12)])] {
        assert_eq!(gone.left_out(), [no_memory(1)]);
        let text = gone.left_out()[0].to_string();
        assert_eq!(text, "node 1 is left out: its memory is not known");
        assert_eq!(nodes(&gone, 12, Policy::BestEffort), Ok(NodeSet::one(0)));
        assert_eq!(nodes(&gone, 12, Policy::Any), Ok(NodeSet::one(0)));
        assert_eq!(nodes(&gone, 13, Policy::Any), Err(Reason::HostMemory));
    }

    let come = host(&[Some(12), Some(15), None, Some(8)]);
    assert_eq!(come.left_out(), [no_distances(3)]);
    assert_eq!(nodes(&come, 27, Policy::BestEffort), Ok(NodeSet::first(2)));
    let all = NodeSet::first(2).with(3);
    assert_eq!(nodes(&come, 35, Policy::Any), Ok(all));

    let more = host(&[Some(1); 70]);
    assert_eq!(more.left_out().len(), 62);
    assert_eq!(nodes(&more, 64, Policy::Any), Ok(NodeSet::first(64)));
    assert_eq!(nodes(&host(&[]), 1, Policy::Any), Err(Reason::HostMemory));
}
