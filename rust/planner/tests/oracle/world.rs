//! Hosts and requests as plain as their files, from which the planner's own types are built.

use xenopsd_numa_planner::*;

pub const PAGE: u64 = 4096;

#[derive(Debug, Clone, Copy, Default)]
pub struct Node {
    pub size_bytes: u64,
    pub free_bytes: u64,
    pub claimed_bytes: u64,
    pub committed_pages: u64,
    pub reserved_pages: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    pub node: Option<u32>,
    pub core: Option<i64>,
    pub socket: Option<i64>,
}

/// A host. A node whose distance to itself is `None` is offline, and its memory is not read.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub distances: Vec<Vec<Option<u32>>>,
    pub cpus: Vec<Cpu>,
    pub nodes: Vec<Node>,
    pub host_free_bytes: u64,
    pub host_outstanding_bytes: u64,
    pub host_reserved_pages: u64,
}

#[derive(Debug, Clone)]
pub struct Ask {
    pub memory_bytes: u64,
    pub overhead_bytes: u64,
    pub vcpus: u32,
    pub cores: Option<u32>,
    pub policy: Policy,
    pub strategy: Strategy,
    pub allowed_cpus: Option<Vec<u32>>,
    pub allowed_nodes: Option<Vec<u32>>,
}

pub const POLICIES: [Policy; 5] = [
    Policy::Any,
    Policy::BestEffort,
    Policy::BestEffortHard,
    Policy::PrioMemOnly,
    Policy::Strict,
];

pub const STRATEGIES: [Strategy; 3] = [Strategy::Pack, Strategy::Spread, Strategy::Balance];

impl World {
    pub fn online(&self, node: usize) -> bool {
        self.distances[node][node].is_some()
    }

    pub fn description(&self) -> HostDescription {
        let nodes = self.nodes.iter().enumerate().map(|(i, node)| {
            let online = self.online(i);
            NodeDescription {
                size_bytes: online.then_some(node.size_bytes),
                free_bytes: online.then_some(node.free_bytes),
                claimed_bytes: node.claimed_bytes,
            }
        });
        HostDescription {
            nodes: nodes.collect(),
            topology: TopologyDescription {
                distances: self.distances.clone(),
                cpu_to_node: self.cpus.iter().map(|cpu| cpu.node).collect(),
                cpu_to_core: self.cpus.iter().map(|cpu| cpu.core).collect(),
                cpu_to_socket: self.cpus.iter().map(|cpu| cpu.socket).collect(),
            },
            host_free_bytes: self.host_free_bytes,
            host_outstanding_bytes: self.host_outstanding_bytes,
        }
    }

    pub fn host(&self) -> Host {
        let host = Host::new(&self.description()).expect("a valid host");
        let mut memory = host.memory().clone();
        memory.host_reserved_pages = self.host_reserved_pages;
        for (known, node) in memory.nodes.iter_mut().zip(&self.nodes) {
            if let Some(known) = known {
                known.committed_pages = node.committed_pages;
                known.reserved_pages = node.reserved_pages;
            }
        }
        Host::with_memory(host.topology().clone(), memory)
    }

    /// Sets the host's free memory to that of its nodes, and its outstanding pages to theirs.
    pub fn sum_up(&mut self) {
        let online = (0..self.nodes.len()).filter(|i| self.online(*i));
        let nodes: Vec<Node> = online.map(|i| self.nodes[i]).collect();
        self.host_free_bytes = nodes.iter().map(|node| node.free_bytes).sum();
        self.host_outstanding_bytes = nodes.iter().map(|node| node.claimed_bytes).sum();
    }
}

impl Ask {
    /// A request for memory, in pages, and vCPUs; no cores, no masks.
    pub fn new(pages: u64, vcpus: u32) -> Self {
        Ask {
            memory_bytes: pages * PAGE,
            overhead_bytes: 0,
            vcpus,
            cores: Some(0),
            policy: Policy::BestEffort,
            strategy: Strategy::Balance,
            allowed_cpus: None,
            allowed_nodes: None,
        }
    }

    pub fn request(&self, host: &Host) -> Request {
        let description = RequestDescription::new(self.memory_bytes, self.vcpus)
            .with_overhead_bytes(self.overhead_bytes)
            .with_cores(self.cores)
            .with_policy(self.policy)
            .with_strategy(self.strategy)
            .with_allowed_cpus(self.allowed_cpus.clone())
            .with_allowed_nodes(self.allowed_nodes.clone());
        Request::new(&description, host.topology()).expect("a valid request")
    }
}

/// A host of `nodes` free pages and CPUs (each a core of its own), with these distances between
/// two different nodes.
pub fn simple_world(nodes: &[(u64, u32)], distance: impl Fn(usize, usize) -> Option<u32>) -> World {
    let count = nodes.len();
    let row = |a: usize| (0..count).map(move |b| (a, b));
    let mut world = World {
        distances: (0..count)
            .map(|a| {
                row(a)
                    .map(|(a, b)| if a == b { Some(10) } else { distance(a, b) })
                    .collect()
            })
            .collect(),
        ..World::default()
    };
    for (i, (pages, cpus)) in nodes.iter().enumerate() {
        let bytes = pages * PAGE;
        world.nodes.push(Node {
            size_bytes: bytes,
            free_bytes: bytes,
            ..Node::default()
        });
        world.cpus.extend((0..*cpus).map(|cpu| Cpu {
            node: Some(i as u32),
            core: Some(i64::from(cpu)),
            socket: Some(i as i64),
        }));
    }
    world.sum_up();
    world
}
