//! Plans by example: what strategies prefer, what explanations say, what policy `any` answers.

use xenopsd_numa_planner::{
    explain, plan, Behind, Host, HostDescription, Limits, NodeDescription, NodeSet, Plan, Policy,
    Reason, Request, RequestDescription, Reserve, Strategy, TopologyDescription, MAX_NODES,
};

/// Nodes with these free GiB of 64, 4 CPUs each, at `far` from each other.
fn host(free_gib: &[u64], far: u32) -> Host {
    host_of_sizes(&vec![64; free_gib.len()], free_gib, far)
}

/// The same with nodes of these sizes.
fn host_of_sizes(sizes_gib: &[u64], free_gib: &[u64], far: u32) -> Host {
    let nodes = free_gib.len();
    let row = |a| {
        (0..nodes)
            .map(|b| Some(if a == b { 10 } else { far }))
            .collect()
    };
    let cpus = 0..4 * nodes as u32;
    Host::new(&HostDescription {
        topology: TopologyDescription {
            distances: (0..nodes).map(row).collect(),
            cpu_to_node: cpus.clone().map(|cpu| Some(cpu / 4)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu))).collect(),
            cpu_to_socket: cpus.map(|cpu| Some(i64::from(cpu / 4))).collect(),
        },
        nodes: (sizes_gib.iter().zip(free_gib))
            .map(|(size_gib, free_gib)| NodeDescription {
                size_bytes: Some(size_gib << 30),
                free_bytes: Some(free_gib << 30),
                claimed_bytes: 0,
            })
            .collect(),
        host_free_bytes: free_gib.iter().sum::<u64>() << 30,
        host_outstanding_bytes: 0,
    })
    .unwrap()
}

fn request(host: &Host, gib: u64, vcpus: u32, strategy: Strategy) -> Request {
    let description = RequestDescription::new(gib << 30, vcpus).with_strategy(strategy);
    Request::new(&description, host.topology()).unwrap()
}

fn placed(host: &Host, request: &Request) -> Plan {
    plan(host, request, &Limits::default()).unwrap()
}

#[test]
fn strategies_choose_between_equally_near_nodes() {
    let free = [20, 60, 40, 10];
    for (strategy, gib, node) in [
        // The fullest that holds it.
        (Strategy::Pack, 8, 3),
        (Strategy::Pack, 16, 0),
        // The emptiest.
        (Strategy::Spread, 8, 1),
        // Of those that keep all their halves, quarters and eighths the fullest …
        (Strategy::Balance, 8, 2),
        (Strategy::Balance, 2, 3),
        // … or the one that loses fewest: 60 GiB are not a whole node, and 48 of them more than
        // half; on node 2 half ends, on node 0 a quarter.
        (Strategy::Balance, 12, 1),
        (Strategy::Balance, 50, 1),
    ] {
        let host = host(&free, 20);
        let plan = placed(&host, &request(&host, gib, 2, strategy));
        assert_eq!(plan.nodes, NodeSet::one(node), "{strategy:?} {gib}");
        assert_eq!(
            plan.equals,
            free.iter().filter(|free| **free >= gib).count() as u64
        );
    }
    // Of nodes that are alike the lowest.
    let host = host(&[64, 64, 64], 20);
    for strategy in [Strategy::Pack, Strategy::Spread, Strategy::Balance] {
        let plan = placed(&host, &request(&host, 8, 2, strategy));
        assert_eq!(plan.nodes, NodeSet::one(0), "{strategy:?}");
    }
}

#[test]
fn spread_levels_shares_where_nodes_differ_in_size() {
    let sizes_gib = [64, 128, 128, 64];
    // The shares that would be used by VMs of 8 GiB, in 128ths.
    for (free, node) in [
        // 56, 72, 36, 80.
        ([44, 64, 100, 32], 2),
        // 56, 72, 58, 16: the emptiest node has 78 GiB.
        ([44, 64, 78, 64], 3),
        // 48 all.
        ([48, 88, 88, 48], 0),
    ] {
        let host = host_of_sizes(&sizes_gib, &free, 20);
        let plan = placed(&host, &request(&host, 8, 2, Strategy::Spread));
        assert_eq!(plan.nodes, NodeSet::one(node), "{free:?}");
    }
    // Six cores are two nodes: the large ones have most room, the small ones are least used.
    let host = host_of_sizes(&sizes_gib, &[50, 60, 60, 50], 20);
    let plan = placed(&host, &request(&host, 8, 6, Strategy::Spread));
    assert_eq!(plan.nodes, NodeSet::one(0).with(3));
}

#[test]
fn balance_leaves_empty_nodes_alone() {
    // 63 of 64 GiB count as empty, and that counts twice; on the node of 40 half ends.
    for (free, gib, node) in [
        ([63, 40, 40], 16, 1),
        // Half and a quarter end on the nodes of 40, as much as on an empty node, but they are
        // fuller.
        ([63, 40, 40], 26, 1),
        // Half, a quarter and an eighth end on the node of 34, which is worse.
        ([63, 34, 10], 28, 0),
        // A quarter and an eighth end on the node of 20, half on the one of 40.
        ([63, 40, 20], 15, 1),
    ] {
        let host = host(&free, 20);
        let plan = placed(&host, &request(&host, gib, 2, Strategy::Balance));
        assert_eq!(plan.nodes, NodeSet::one(node), "{free:?} {gib}");
    }
}

#[test]
fn balance_keeps_the_holes_of_large_nodes() {
    let sizes_gib = [64, 128, 64];
    for (free, gib, node) in [
        // Half a large node ends on the empty small one, as on the large one, which has more room.
        ([64, 70, 5], 9, 0),
        // No hole ends on the large node; a quarter ends on the small one.
        ([40, 100, 5], 12, 1),
        // An empty small node is half a large one, no whole one.
        ([64, 124, 5], 40, 0),
    ] {
        let host = host_of_sizes(&sizes_gib, &free, 20);
        let plan = placed(&host, &request(&host, gib, 2, Strategy::Balance));
        assert_eq!(plan.nodes, NodeSet::one(node), "{free:?} {gib}");
    }
}

#[test]
fn balance_takes_full_nodes_for_their_cpus() {
    // Six cores are two nodes: the emptiest one has the memory, and the fullest one lends CPUs.
    let host = host(&[30, 2, 50, 10], 20);
    let plan = placed(&host, &request(&host, 20, 6, Strategy::Balance));
    assert_eq!(plan.nodes, NodeSet::one(1).with(2));
    assert_eq!((plan.pages[1] >> 18, plan.pages[2] >> 18), (2, 18));
}

#[test]
fn explanations_name_what_bound_closer_and_smaller_sets() {
    let host = host(&[30, 20, 10], 20);
    let (answer, explanation) = explain(
        &host,
        &request(&host, 55, 2, Strategy::Pack),
        &Limits::default(),
    );
    assert_eq!(answer.unwrap().nodes, NodeSet::first(3));
    let said: Vec<_> = (explanation.rejected.iter())
        .map(|rejected| {
            let gib = rejected.bound.short.pages >> 18;
            (rejected.maximum, rejected.size, gib, rejected.bound.nearest)
        })
        .collect();
    assert_eq!(
        said,
        [
            (10, None, 25, NodeSet::one(0)),
            (20, Some(2), 5, NodeSet::first(2)),
        ]
    );
    assert_eq!(explanation.equals, 1);
    // Cores bind where memory does not.
    let (answer, explanation) = explain(
        &host,
        &request(&host, 1, 6, Strategy::Pack),
        &Limits::default(),
    );
    assert_eq!(answer.unwrap().nodes.len(), 2);
    let first = explanation.rejected[0];
    assert_eq!(first.bound.reason, Reason::Cpus);
    assert_eq!((first.bound.short.cpus, first.bound.short.cores), (2, 2));
}

#[test]
fn a_refusal_is_explained_too() {
    let host = host(&[30, 20, 10], 20);
    let (answer, explanation) = explain(
        &host,
        &request(&host, 70, 2, Strategy::Pack),
        &Limits::default(),
    );
    let refusal = answer.unwrap_err();
    assert_eq!(refusal.reason, Reason::HostMemory);
    assert_eq!(refusal.short.pages >> 18, 10);
    // No kind of set could do.
    assert_eq!(explanation.rejected, []);
    assert_eq!(explanation.equals, 0);
}

#[test]
fn what_is_committed_beyond_what_is_free_is_short_too() {
    let gib = 1 << 18;
    let host = host(&[6, 2, 3], 20);
    let short = |policy: Policy, reserve: Reserve| {
        let mut request = request(&host, 4, 2, Strategy::Spread);
        request.policy = policy;
        let limits = Limits {
            reserve,
            ..Limits::default()
        };
        let refusal = plan(&host, &request, &limits).unwrap_err();
        (refusal.short.pages / gib, refusal.nearest)
    };
    let of_host = Reserve {
        host_pages: 30 * gib,
        node_pages: 0,
    };
    let all = NodeSet::first(3);
    // 30 of 11 GiB are reserved: 19 must come back, and then 4.
    for policy in [Policy::BestEffort, Policy::Any] {
        assert_eq!(short(policy, of_host), (23, all), "{policy:?}");
    }
    let of_nodes = Reserve {
        host_pages: 0,
        node_pages: 10 * gib,
    };
    // What comes back on node 0 alone is least.
    assert_eq!(short(Policy::Strict, of_nodes), (8, NodeSet::one(0)));
    assert_eq!(short(Policy::BestEffort, of_nodes), (8, all));
}

#[test]
fn policy_any_uses_the_cpus_of_nodes_without_memory() {
    let node = |free_bytes| NodeDescription {
        size_bytes: Some(free_bytes),
        free_bytes: Some(free_bytes),
        claimed_bytes: 0,
    };
    let host = Host::new(&HostDescription {
        topology: TopologyDescription {
            distances: vec![vec![Some(10), Some(20)], vec![Some(20), Some(10)]],
            cpu_to_node: vec![Some(0), Some(1), Some(1)],
            cpu_to_core: vec![Some(0), Some(0), Some(1)],
            cpu_to_socket: vec![Some(0), Some(1), Some(1)],
        },
        nodes: vec![node(1 << 30), node(0)],
        host_free_bytes: 1 << 30,
        host_outstanding_bytes: 0,
    })
    .unwrap();
    let request = RequestDescription::new(1 << 20, 8)
        .with_policy(Policy::Any)
        .with_strategy(Strategy::Balance)
        .with_allowed_cpus(vec![0, 2]);
    let request = Request::new(&request, host.topology()).unwrap();
    let plan = plan(&host, &request, &Limits::default()).unwrap();
    assert_eq!(plan.nodes, NodeSet::one(0));
    let cpus = host
        .topology()
        .cpus_of(plan.cpu_nodes, request.allowed_cpus.as_ref());
    assert_eq!(cpus.to_string(), "0,2");
}

/// A host of so many nodes of a GiB and a CPU, with these distances between two nodes.
fn host_of(free_gib: &[u64], distance: impl Fn(usize, usize) -> Option<u32>) -> Host {
    let count = free_gib.len();
    let between = |a: usize, b: usize| if a == b { Some(10) } else { distance(a, b) };
    let row = |a: usize| (0..count).map(|b| between(a, b)).collect();
    let ids = 0..count as u32;
    let node = |gib: &u64| NodeDescription {
        size_bytes: Some(gib << 30),
        free_bytes: Some(gib << 30),
        claimed_bytes: 0,
    };
    Host::new(&HostDescription {
        topology: TopologyDescription {
            distances: (0..count).map(row).collect(),
            cpu_to_node: ids.clone().map(Some).collect(),
            cpu_to_core: ids.clone().map(|_| Some(0)).collect(),
            cpu_to_socket: ids.map(|id| Some(id.into())).collect(),
        },
        nodes: free_gib.iter().map(node).collect(),
        host_free_bytes: free_gib.iter().sum::<u64>() << 30,
        host_outstanding_bytes: 0,
    })
    .unwrap()
}

#[test]
fn no_more_sets_are_compared_than_there_are() {
    let mut free_gib = [1; 17];
    (free_gib[0], free_gib[1]) = (100, 100);
    let host = host_of(&free_gib, |_, _| Some(20));
    let plan = placed(&host, &request(&host, 200, 1, Strategy::Balance));
    // No other two nodes have the memory.
    assert_eq!((plan.nodes, plan.equals), (NodeSet::first(2), 1));
}

#[test]
fn nodes_that_exclude_each_other_in_pairs_are_counted_once() {
    // There are 2^32 sets of one node of each pair.
    let host = host_of(&[100; 64], |a, b| (a / 2 != b / 2).then_some(20));
    let at_most = placed(&host, &request(&host, 3200, 1, Strategy::Balance));
    assert_eq!(at_most.nodes.len(), 32);
    let too_much = request(&host, 3201, 1, Strategy::Balance);
    let refusal = plan(&host, &too_much, &Limits::default()).unwrap_err();
    assert_eq!(refusal.reason, Reason::Reachability);
}

#[test]
fn a_budget_without_end_lets_the_strategy_choose() {
    // As near as corners of a cube are: many sets are equally near.
    for seed in 0..50 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let free_gib: Vec<u64> = (0..18).map(|_| rng.u64(1..4)).collect();
        let host = host_of(&free_gib, |a, b| Some(10 + 3 * (a ^ b).count_ones()));
        let vcpus = rng.u32(5..9);
        let gib = rng.u64(vcpus.into()..=2 * u64::from(vcpus));
        let limits = Limits {
            budget_steps: u64::MAX,
            ..Limits::default()
        };
        let explained = explain(&host, &request(&host, gib, vcpus, Strategy::Pack), &limits);
        let behind = explained.1.runner_up.map(|runner_up| runner_up.behind);
        assert_ne!(behind, Some(Behind::Budget), "seed {seed}");
    }
}

#[test]
fn how_nodes_are_numbered_does_not_matter_to_a_tree() {
    let mut rng = fastrand::Rng::with_seed(5);
    for _ in 0..10 {
        let free_gib: Vec<u64> = (0..64).map(|_| rng.u64(1..1000)).collect();
        let back: Vec<u64> = free_gib.iter().rev().copied().collect();
        let gib = free_gib.iter().sum::<u64>() / rng.u64(2..8);
        // A chain of groups, the outermost node with the highest number, or the lowest.
        let up = host_of(&free_gib, |a, b| Some(10 + 2 * a.max(b) as u32));
        let down = host_of(&back, |a, b| Some(10 + 2 * (63 - a.min(b)) as u32));
        let plan = |host: &Host| placed(host, &request(host, gib, 1, Strategy::Pack));
        let (up, down) = (plan(&up), plan(&down));
        assert_eq!((up.optimal, up.distance), (down.optimal, down.distance));
    }
}

#[test]
fn a_request_without_memory_is_planned_by_its_cpus() {
    let host = host_of(&[1; 20], |_, _| Some(20));
    let mut asked = request(&host, 1, 3, Strategy::Balance);
    asked.memory_pages = 0;
    let plan = plan(&host, &asked, &Limits::default()).unwrap();
    assert_eq!((plan.nodes.len(), plan.pages), (3, [0; MAX_NODES]));
}
