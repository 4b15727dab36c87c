//! Random hosts and requests, the same ones for the same seed.

use fastrand::Rng;
use xenopsd_numa_planner::MAX_BYTES;

use crate::exact::{Kept, Question};
use crate::world::{Ask, Cpu, Node, World, PAGE, POLICIES, STRATEGIES};

fn chance(rng: &mut Rng, one_in: u32) -> bool {
    rng.u32(0..one_in) == 0
}

fn one_of<T: Copy>(rng: &mut Rng, values: &[T]) -> T {
    values[rng.usize(0..values.len())]
}

/// Bytes that round down to `pages`.
fn floored(rng: &mut Rng, pages: u64) -> u64 {
    pages * PAGE + if chance(rng, 2) { rng.u64(0..PAGE) } else { 0 }
}

/// Bytes that round up to `pages`.
fn ceiled(rng: &mut Rng, pages: u64) -> u64 {
    (pages * PAGE).saturating_sub(if chance(rng, 2) { rng.u64(0..PAGE) } else { 0 })
}

type Distances = Vec<Vec<Option<u32>>>;

fn distances(rng: &mut Rng, nodes: usize) -> Distances {
    const FEW: [u32; 5] = [10, 11, 16, 20, 22];
    let kind = rng.u32(0..8);
    let (near, far) = (one_of(rng, &FEW), one_of(rng, &[20, 21, 32, 254]));
    let group = rng.usize(1..=4);
    let mut rows = vec![vec![Some(10); nodes]; nodes];
    for a in 0..nodes {
        for b in 0..a {
            let (there, back) = match kind {
                0 => (far, far),
                1 | 2 => match a / group == b / group {
                    true => (near, near),
                    false => (far, far),
                },
                3 => (10 + 11 * (a - b) as u32, 10 + 11 * (a - b) as u32),
                4 => [one_of(rng, &FEW); 2].into(),
                5 => (one_of(rng, &FEW), one_of(rng, &FEW)),
                6 => [rng.u32(10..255); 2].into(),
                _ => (rng.u32(10..255), rng.u32(10..255)),
            };
            rows[a][b] = Some(there);
            rows[b][a] = Some(back);
        }
    }
    if chance(rng, 3) {
        cut(rng, &mut rows);
    }
    if chance(rng, 4) {
        take_offline(rng, &mut rows);
    }
    rows
}

/// Makes some nodes unreachable from others, in one direction or both.
fn cut(rng: &mut Rng, rows: &mut Distances) {
    const UNREACHABLE: [Option<u32>; 4] = [None, Some(255), Some(256), Some(u32::MAX)];
    let one_in = one_of(rng, &[2, 4, 10]);
    for a in 0..rows.len() {
        for b in 0..rows.len() {
            if a != b && chance(rng, one_in) {
                rows[a][b] = one_of(rng, &UNREACHABLE);
                if chance(rng, 2) {
                    rows[b][a] = one_of(rng, &UNREACHABLE);
                }
            }
        }
    }
}

fn take_offline(rng: &mut Rng, rows: &mut Distances) {
    for off in 0..rows.len() {
        if chance(rng, 4) {
            for other in 0..rows.len() {
                rows[off][other] = None;
                rows[other][off] = one_of(rng, &[None, Some(255)]);
            }
            rows[off][off] = None;
        }
    }
}

/// CPUs of `nodes` nodes in any order; core ids may repeat between the sockets of a node.
fn cpus(rng: &mut Rng, nodes: usize) -> Vec<Cpu> {
    let mut cpus = Vec::new();
    let even = chance(rng, 3);
    let (evenly, threads) = (rng.u32(1..=4), rng.u32(1..=2));
    let odd = chance(rng, 4);
    for node in 0..nodes {
        let count = if even { evenly } else { rng.u32(0..=4) };
        let sockets = rng.u32(1..=2);
        for i in 0..count * threads {
            let core = i64::from(i / threads / sockets);
            let socket = i64::from(i / threads % sockets);
            cpus.push(Cpu {
                node: Some(node as u32),
                core: Some(if odd && chance(rng, 5) { -1 } else { core }),
                socket: Some(if odd && chance(rng, 5) { -1 } else { socket }),
            });
        }
    }
    if odd {
        for cpu in &mut cpus {
            match rng.u32(0..20) {
                0 => cpu.node = None,
                1 => cpu.core = None,
                2 => cpu.socket = None,
                _ => (),
            }
        }
    }
    if chance(rng, 2) {
        rng.shuffle(&mut cpus);
    }
    cpus
}

fn node(rng: &mut Rng, most_pages: u64, plain: bool) -> Node {
    let free = match rng.u32(0..10) {
        0 => 0,
        1..=4 => most_pages,
        _ => rng.u64(0..=most_pages),
    };
    let size = match (free, chance(rng, 2)) {
        (0, true) => 0,
        _ => free + rng.u64(1..=most_pages),
    };
    let some = |rng: &mut Rng| match (plain, rng.u32(0..3)) {
        (false, 0) => rng.u64(0..=most_pages + most_pages / 4),
        (false, 1) => rng.u64(0..=most_pages / 4),
        _ => 0,
    };
    Node {
        size_bytes: floored(rng, size),
        free_bytes: floored(rng, free),
        claimed_bytes: some(rng) * PAGE,
        committed_pages: some(rng),
        reserved_pages: some(rng) / 2,
    }
}

/// Makes one node near to all others, as a switch with memory of its own is: with CPUs and no
/// memory, memory and no CPUs, or both.
fn make_hub(rng: &mut Rng, world: &mut World) {
    let hub = rng.usize(0..world.nodes.len());
    if !world.online(hub) {
        return;
    }
    let there = one_of(rng, &[10, 11, 14]);
    let back = there + u32::from(chance(rng, 4));
    for other in (0..world.nodes.len()).filter(|other| *other != hub) {
        if world.online(other) {
            world.distances[hub][other] = Some(there);
            world.distances[other][hub] = Some(back);
        }
    }
    match rng.u32(0..3) {
        0 => world.cpus.retain(|cpu| cpu.node != Some(hub as u32)),
        1 => world.nodes[hub] = Node::default(),
        _ => (),
    }
}

/// A host of `nodes` nodes of at most some forty pages, or at times of very many.
pub fn world(rng: &mut Rng, nodes: usize) -> World {
    let plain = chance(rng, 2);
    let most_pages = match rng.u32(0..40) {
        0 => MAX_BYTES / PAGE / 100,
        1 => 1 << 24,
        2..=9 => rng.u64(1..=3),
        _ => rng.u64(4..=40),
    };
    let mut world = World {
        distances: distances(rng, nodes),
        cpus: cpus(rng, nodes),
        nodes: (0..nodes).map(|_| node(rng, most_pages, plain)).collect(),
        ..World::default()
    };
    if chance(rng, 6) {
        make_hub(rng, &mut world);
    }
    for node in &mut world.nodes {
        node.claimed_bytes = ceiled(rng, node.claimed_bytes / PAGE);
    }
    world.sum_up();
    if !plain {
        let less = rng.u64(0..=2 * most_pages) * PAGE;
        match rng.u32(0..6) {
            // Claims on no particular node; claims of nodes that are not in the sum.
            0 | 1 => world.host_outstanding_bytes += less + rng.u64(0..PAGE),
            2 => world.host_outstanding_bytes = ceiled(rng, less / PAGE),
            3 => world.host_outstanding_bytes = world.host_free_bytes + less,
            _ => (),
        }
        match rng.u32(0..6) {
            0 => world.host_free_bytes = world.host_free_bytes.saturating_sub(less),
            1 => world.host_free_bytes += less,
            _ => (),
        }
        if chance(rng, 4) {
            world.host_reserved_pages = rng.u64(0..=most_pages);
        }
    }
    world
}

pub fn kept(rng: &mut Rng) -> Kept {
    let mut some = || match rng.u32(0..4) {
        0 => rng.u64(0..=6),
        _ => 0,
    };
    Kept {
        host: some(),
        node: some(),
    }
}

fn some_of(rng: &mut Rng, count: usize) -> Option<Vec<u32>> {
    if count == 0 || !chance(rng, 4) {
        return None;
    }
    let one_in = one_of(rng, &[2, 5]);
    let mut ids: Vec<u32> = (0..count as u32).filter(|_| !chance(rng, one_in)).collect();
    ids.push(rng.u32(0..count as u32));
    if chance(rng, 2) {
        rng.shuffle(&mut ids);
    }
    Some(ids)
}

/// A request that about fits some set of nodes of `world`.
pub fn ask(rng: &mut Rng, world: &World, kept: Kept) -> Ask {
    let nodes = world.nodes.len();
    let mut ask = Ask {
        policy: one_of(rng, &POLICIES),
        strategy: one_of(rng, &STRATEGIES),
        allowed_cpus: some_of(rng, world.cpus.len()),
        allowed_nodes: some_of(rng, nodes),
        ..Ask::new(1, 1)
    };
    if chance(rng, 3) {
        ask.policy = xenopsd_numa_planner::Policy::BestEffort;
    }
    let target = Question::new(world, &ask, kept);
    // Sets that reach each other, or nearly: what only unreachable nodes have is seldom asked.
    let mut set = 0;
    for _ in 0..rng.usize(1..=nodes) {
        let more = set | 1 << rng.usize(0..nodes);
        if target.together(more) || chance(rng, 8) {
            set = more;
        }
    }
    let has = target.offer(set);
    let near = |rng: &mut Rng, value: u64| match rng.u32(0..4) {
        0 => rng.u64(0..=value),
        1 => value + rng.u64(0..=2),
        2 => value,
        _ => value.saturating_sub(rng.u64(0..=2)),
    };
    let pages = near(rng, has.pages.min(target.host_pages + 1)).max(1);
    let overhead = if chance(rng, 2) {
        rng.u64(0..pages.min(8))
    } else {
        0
    };
    ask.memory_bytes = ceiled(rng, pages - overhead);
    ask.overhead_bytes = ceiled(rng, overhead);
    ask.vcpus = match rng.u32(0..3) {
        0 => near(rng, has.cpus).max(1) as u32,
        _ => rng.u32(1..=3),
    };
    ask.cores = match rng.u32(0..4) {
        0 => None,
        1 => Some(near(rng, has.cores) as u32),
        _ => Some(rng.u32(0..=2)),
    };
    ask
}

/// A request on a host of so many nodes, the same for the same seed.
pub fn case(seed: u64, nodes: usize) -> (World, Ask, Kept) {
    let mut rng = Rng::with_seed(seed);
    let world = world(&mut rng, nodes);
    let kept = kept(&mut rng);
    let ask = ask(&mut rng, &world, kept);
    (world, ask, kept)
}
