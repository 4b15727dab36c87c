//! A plan allocates nothing.

use xenopsd_numa_planner::{
    plan, Host, HostDescription, Limits, NodeDescription, Policy, Request, RequestDescription,
    Strategy, TopologyDescription,
};

#[test]
fn from_request_to_plan_nothing_is_allocated() {
    let irregular = |a: usize, b: usize| 11 + (a ^ b) as u32;
    let tree = |a: usize, b: usize| if a / 4 == b / 4 { 12 } else { 32 };
    let shapes: [&dyn Fn(usize, usize) -> u32; 2] = [&irregular, &tree];
    let sizes = [1, 2, 8, 16, 17, 64];
    for (nodes, distance) in sizes.iter().flat_map(|n| shapes.map(|shape| (*n, shape))) {
        let row =
            |a: usize| (0..nodes).map(move |b| Some(if a == b { 10 } else { distance(a, b) }));
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
            let half: Vec<u32> = (0..nodes as u32).step_by(2).collect();
            let masks = [(None, None), (Some(half.clone()), Some(half))];
            let sizes = [1, 16 * nodes as u64 / 2, 16 * nodes as u64, 1 << 20];
            let asked = sizes
                .iter()
                .flat_map(|gib| masks.iter().map(move |mask| (gib, mask)));
            for (gib, (allowed_cpus, allowed_nodes)) in asked {
                let request = RequestDescription::new(gib << 30, 2)
                    .with_overhead_bytes(1 << 20)
                    .with_policy(policy)
                    .with_strategy(Strategy::Balance)
                    .with_allowed_cpus(allowed_cpus.clone())
                    .with_allowed_nodes(allowed_nodes.clone());
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
