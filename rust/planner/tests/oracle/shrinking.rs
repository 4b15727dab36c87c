//! Small hosts and requests whose failures proptest makes smaller.

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use xenopsd_numa_planner::{Policy, Strategy as Choice};

use crate::check::check;
use crate::exact::Kept;
use crate::world::{Ask, Cpu, Node, World, PAGE, POLICIES, STRATEGIES};

const MOST: usize = 5;

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let node = (0..8u64, 0..4u64, 0..4u64, 0..3u64, 0..PAGE);
    let node = node.prop_map(|(free, claimed, committed, reserved, odd)| Node {
        size_bytes: (free + claimed) * PAGE,
        free_bytes: free * PAGE + odd,
        claimed_bytes: (claimed * PAGE).saturating_sub(odd),
        committed_pages: committed,
        reserved_pages: reserved,
    });
    prop::collection::vec(node, 1..=MOST)
}

fn cpus() -> impl Strategy<Value = Vec<(Option<u32>, Option<i64>, Option<i64>)>> {
    let cpu = (
        of(0..MOST as u32),
        prop_oneof![4 => (-1..3i64).prop_map(Some), 1 => Just(None)],
        prop_oneof![4 => (-1..2i64).prop_map(Some), 1 => Just(None)],
    );
    prop::collection::vec(cpu, 0..14)
}

fn worlds() -> impl Strategy<Value = World> {
    let distance = select(vec![
        Some(10),
        Some(11),
        Some(20),
        Some(21),
        Some(254),
        Some(255),
        None,
    ]);
    let distances = prop::collection::vec(distance, MOST * MOST);
    let offline = prop::collection::vec(prop::bool::weighted(0.1), MOST);
    let host = (0..30u64, 0..8u64, 0..4u64);
    (nodes(), cpus(), distances, offline, host).prop_map(
        |(nodes, cpus, distances, offline, (more, outstanding, reserved))| {
            let count = nodes.len();
            let distance = |a: usize, b: usize| match (a == b, offline[a] || offline[b]) {
                (_, true) => None,
                (true, false) => Some(10),
                (false, false) => distances[a * MOST + b],
            };
            let mut world = World {
                distances: (0..count)
                    .map(|a| (0..count).map(|b| distance(a, b)).collect())
                    .collect(),
                cpus: cpus
                    .into_iter()
                    .map(|(node, core, socket)| Cpu {
                        node: node.filter(|node| (*node as usize) < count),
                        core,
                        socket,
                    })
                    .collect(),
                nodes,
                ..World::default()
            };
            world.sum_up();
            // About half of the hosts are bound by their own limit.
            let less = more.saturating_sub(15) * PAGE;
            world.host_free_bytes = world.host_free_bytes.saturating_sub(less);
            world.host_outstanding_bytes += outstanding.saturating_sub(4) * PAGE;
            world.host_reserved_pages = reserved.saturating_sub(2);
            world
        },
    )
}

type Asked = (u64, u64, u32, Option<u32>, Policy, Choice);

fn asks() -> impl Strategy<Value = Asked> {
    (
        1..16 * PAGE,
        0..3 * PAGE,
        1..6u32,
        of(0..5u32),
        select(POLICIES.to_vec()),
        select(STRATEGIES.to_vec()),
    )
}

fn masks() -> impl Strategy<Value = (Option<Vec<u32>>, Option<Vec<u32>>)> {
    (
        of(prop::collection::vec(0..14u32, 1..8)),
        of(prop::collection::vec(0..MOST as u32, 1..4)),
    )
}

/// The ids that the host has, or no mask if it has none of them.
fn known(ids: Option<Vec<u32>>, count: usize) -> Option<Vec<u32>> {
    let ids: Vec<u32> = ids?
        .into_iter()
        .filter(|id| (*id as usize) < count)
        .collect();
    (!ids.is_empty()).then_some(ids)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn small_answers_are_right(
        world in worlds(),
        asked in asks(),
        masks in masks(),
        host in 0..3u64,
        node in 0..3u64,
    ) {
        let (memory_bytes, overhead_bytes, vcpus, cores, policy, strategy) = asked;
        let ask = Ask {
            memory_bytes,
            overhead_bytes,
            vcpus,
            cores,
            policy,
            strategy,
            allowed_cpus: known(masks.0, world.cpus.len()),
            allowed_nodes: known(masks.1, world.nodes.len()),
        };
        let answer = check(&world, &ask, Kept { host, node });
        prop_assert!(answer.is_ok(), "{}", answer.unwrap_err());
    }
}
