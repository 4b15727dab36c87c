//! A plan allocates nothing.

use xenopsd_numa_planner::{
    plan, Host, HostDescription, Limits, NodeDescription, Policy, Request, RequestDescription,
    Strategy, TopologyDescription,
};

#[test]
fn from_request_to_plan_nothing_is_allocated() {
    for nodes in [1, 2, 8, 16, 17, 64] {
        let row =
            |a: usize| (0..nodes).map(move |b| Some(if a == b { 10 } else { 11 + (a ^ b) as u32 }));
        let cpus = 0..4 * nodes as u32;
        let host = Host::new(&HostDescription {
            topology: TopologyDescription {
                distances: (0..nodes).map(|a| row(a).collect()).collect(),
                cpu_to_node: cpus.clone().map(|cpu| Some(cpu / 4)).collect(),
                cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu))).collect(),
                cpu_to_socket: cpus.map(|cpu| Some(i64::from(cpu / 4))).collect(),
            },
            nodes: (0..nodes as u64)
                .map(|node| NodeDescription {
                    size_bytes: Some(64 << 30),
                    free_bytes: Some((16 + node % 7) << 30),
                    claimed_bytes: 0,
                })
                .collect(),
            host_free_bytes: nodes as u64 * (20 << 30),
            host_outstanding_bytes: 0,
        })
        .unwrap();
        for policy in [
            Policy::Any,
            Policy::BestEffort,
            Policy::PrioMemOnly,
            Policy::Strict,
        ] {
            for gib in [1, 16 * nodes as u64 / 2, 16 * nodes as u64, 1 << 20] {
                let request = RequestDescription {
                    memory_bytes: gib << 30,
                    overhead_bytes: 1 << 20,
                    vcpus: 2,
                    cores: None,
                    policy,
                    strategy: Strategy::Balance,
                    allowed_cpus: None,
                    allowed_nodes: None,
                };
                let request = Request::new(&request, host.topology()).unwrap();
                let limits = Limits::default();
                let allocated = allocation_counter::measure(|| {
                    let _ = std::hint::black_box(plan(&host, &request, &limits));
                });
                let count = allocated.count_total;
                assert_eq!(count, 0, "{nodes} nodes, {policy:?}, {gib} GiB");
            }
        }
    }
}
