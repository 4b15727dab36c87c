//! Hosts of every size and shape, and what is asked of them.

use fastrand::Rng;
use xenopsd_numa_planner::{
    Host, HostDescription, NodeDescription, Request, RequestDescription, Strategy,
    TopologyDescription,
};

pub const SIZES: [usize; 8] = [1, 2, 4, 8, 16, 17, 32, 64];
pub const NODE_GIB: u64 = 64;
const CPUS_PER_NODE: u32 = 16;
const GIB_PAGES: u64 = 1 << 18;

#[derive(Clone, Copy)]
pub enum Shape {
    Flat,
    Line,
    Ring,
    TwoLevels,
    ThreeLevels,
    Random,
    RandomOfThree,
}

impl Shape {
    pub const ALL: [(Shape, &'static str); 7] = [
        (Shape::Flat, "flat"),
        (Shape::Line, "line"),
        (Shape::Ring, "ring"),
        (Shape::TwoLevels, "two levels"),
        (Shape::ThreeLevels, "three levels"),
        (Shape::Random, "random"),
        (Shape::RandomOfThree, "random of 3"),
    ];

    fn distance(self, a: usize, b: usize, nodes: usize, rng: &mut Rng) -> u32 {
        let apart = a.abs_diff(b);
        match self {
            _ if a == b => 10,
            Shape::Flat => 21,
            Shape::Line => 10 + 3 * apart as u32,
            Shape::Ring => 10 + 6 * apart.min(nodes - apart) as u32,
            Shape::TwoLevels if a / 4 == b / 4 => 12,
            Shape::TwoLevels => 32,
            Shape::ThreeLevels if a / 4 == b / 4 => 11,
            Shape::ThreeLevels if a / 16 == b / 16 => 21,
            Shape::ThreeLevels => 31,
            Shape::Random => rng.u32(11..60),
            Shape::RandomOfThree => [16, 22, 32][rng.usize(0..3)],
        }
    }
}

/// A host of nodes of 64 GiB, all free, and 16 CPUs.
pub fn host(shape: Shape, nodes: usize) -> Host {
    let mut rng = Rng::with_seed(1);
    // Symmetrical, also where it is random.
    let above: Vec<Vec<u32>> = (0..nodes)
        .map(|a| {
            (0..=a)
                .map(|b| shape.distance(a, b, nodes, &mut rng))
                .collect()
        })
        .collect();
    let row = |a: usize| {
        (0..nodes)
            .map(|b| Some(above[a.max(b)][a.min(b)]))
            .collect()
    };
    let cpus = 0..CPUS_PER_NODE * nodes as u32;
    let node = NodeDescription {
        size_bytes: Some(NODE_GIB << 30),
        free_bytes: Some(NODE_GIB << 30),
        claimed_bytes: 0,
    };
    Host::new(&HostDescription {
        topology: TopologyDescription {
            distances: (0..nodes).map(row).collect(),
            cpu_to_node: cpus.clone().map(|cpu| Some(cpu / CPUS_PER_NODE)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu / 2))).collect(),
            cpu_to_socket: cpus
                .map(|cpu| Some(i64::from(cpu / CPUS_PER_NODE)))
                .collect(),
        },
        host_free_bytes: (NODE_GIB << 30) * nodes as u64,
        nodes: vec![node; nodes],
        host_outstanding_bytes: 0,
    })
    .expect("a host for a benchmark")
}

/// The host with other free memory: so many pages of each node.
pub fn with_free(host: &Host, mut free_pages: impl FnMut(usize) -> u64) -> Host {
    let mut memory = host.memory().clone();
    for (i, node) in memory.nodes.iter_mut().enumerate() {
        if let Some(node) = node {
            node.free_pages = free_pages(i);
        }
    }
    let free = memory.nodes.iter().flatten().map(|node| node.free_pages);
    memory.host_free_pages = free.sum();
    Host::with_memory(host.topology().clone(), memory)
}

/// How full nodes are.
#[derive(Clone, Copy)]
pub enum Free {
    /// All of them empty.
    Equal,
    /// 17 to 64 GiB free.
    Unequal,
    /// Nearly empty: 60 to 64 GiB free.
    Jitter,
    /// Anything, and one in four nearly full.
    Aged,
}

impl Free {
    pub const ALL: [(Free, &'static str); 4] = [
        (Free::Equal, "equal"),
        (Free::Unequal, "unequal"),
        (Free::Jitter, "nearly all"),
        (Free::Aged, "aged"),
    ];

    pub fn pages(self, rng: &mut Rng) -> u64 {
        let gib = |from: u64, to: u64, rng: &mut Rng| rng.u64(from * GIB_PAGES..to * GIB_PAGES);
        match self {
            Free::Equal => NODE_GIB * GIB_PAGES,
            Free::Unequal => gib(17, 64, rng),
            Free::Jitter => gib(60, 64, rng),
            Free::Aged if rng.u32(0..4) == 0 => gib(0, 2, rng),
            Free::Aged => gib(0, 64, rng),
        }
    }
}

/// A VM of so many pages and vCPUs.
pub fn request(host: &Host, pages: u64, vcpus: u32, strategy: Strategy) -> Request {
    let description = RequestDescription::new(pages << 12, vcpus).with_strategy(strategy);
    Request::new(&description, host.topology()).expect("a request for a benchmark")
}

/// Any VM that the host has the memory and the cores for, by any strategy; every other one is small
/// in vCPUs.
pub fn any_request(rng: &mut Rng, host: &Host) -> Request {
    let cores = CPUS_PER_NODE / 2 * host.topology().node_count() as u32;
    let vcpus = if rng.bool() { 4 } else { rng.u32(1..=cores) };
    let pages = rng.u64(1..=host.memory().host_free_pages);
    let strategies = [Strategy::Pack, Strategy::Spread, Strategy::Balance];
    request(host, pages, vcpus, strategies[rng.usize(0..3)])
}
