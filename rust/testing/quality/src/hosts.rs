//! The hosts of the comparison: plain ones, and their topologies.

use std::sync::Arc;

use planner::{Invalid, Topology, TopologyDescription, MAX_NODES, PAGE_BYTES};

use crate::cluster::PerNode;

/// Pages in a GiB.
pub const GIB_PAGES: u64 = (1 << 30) / PAGE_BYTES;

/// A host; two threads a core.
#[derive(Debug, Clone)]
pub struct Hardware {
    /// What the table calls it.
    pub name: &'static str,
    /// How many nodes it has.
    pub nodes: usize,
    /// Threads of a node.
    pub threads: u32,
    /// The span of the largest node.
    pub node_pages: u64,
    /// The span of each node.
    pub span_pages: PerNode,
    /// What of each is free when no VM runs.
    pub boot_pages: PerNode,
    /// The same as the planner sees it.
    pub topology: Arc<Topology>,
}

impl Hardware {
    /// Cores of a node.
    pub fn cores(&self) -> u32 {
        self.threads / 2
    }

    /// What VMs can have of all nodes.
    pub fn pages(&self) -> u64 {
        self.boot_pages.iter().sum()
    }

    /// The same host where 3 % of each node's span are not free for VMs.
    pub fn with_held_back(self) -> Self {
        Hardware {
            boot_pages: self.span_pages.map(|pages| pages / 100 * 97),
            ..self
        }
    }

    /// The same host where every second node has half the memory.
    pub fn with_half_nodes(mut self) -> Self {
        for node in (1..self.nodes).step_by(2) {
            self.span_pages[node] /= 2;
            self.boot_pages[node] /= 2;
        }
        self
    }

    fn new(
        name: &'static str,
        nodes: usize,
        threads: u32,
        node_gib: u64,
        distance: impl Fn(usize, usize) -> u32,
    ) -> Result<Self, Invalid> {
        let row = |a| {
            let to = |b| Some(if a == b { 10 } else { distance(a, b) });
            (0..nodes).map(to).collect()
        };
        let cpus = 0..threads * nodes as u32;
        let description = TopologyDescription {
            distances: (0..nodes).map(row).collect(),
            cpu_to_node: cpus.clone().map(|cpu| Some(cpu / threads)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu / 2))).collect(),
            cpu_to_socket: cpus.map(|cpu| Some(i64::from(cpu / threads))).collect(),
        };
        let mut span_pages = [0; MAX_NODES];
        span_pages[..nodes].fill(node_gib * GIB_PAGES);
        Ok(Hardware {
            name,
            nodes,
            threads,
            node_pages: node_gib * GIB_PAGES,
            span_pages,
            boot_pages: span_pages,
            topology: Arc::new(Topology::new(&description)?),
        })
    }
}

/// Distances of an eight-node Opteron, from a recorded one.
const OPTERON: [[u32; 8]; 8] = [
    [10, 16, 16, 22, 16, 22, 16, 22],
    [16, 10, 22, 16, 16, 22, 22, 16],
    [16, 22, 10, 16, 16, 16, 16, 16],
    [22, 16, 16, 10, 16, 16, 22, 22],
    [16, 16, 16, 16, 10, 16, 16, 22],
    [22, 22, 16, 16, 16, 10, 22, 16],
    [16, 22, 16, 22, 16, 22, 10, 16],
    [22, 16, 16, 22, 22, 16, 16, 10],
];

/// All five, in the table's order.
pub fn hosts() -> Result<Vec<Hardware>, Invalid> {
    let hosts = [
        Hardware::new("2s", 2, 32, 128, |_, _| 21),
        Hardware::new("4s-ring", 4, 24, 96, |a, b| match a.abs_diff(b) {
            2 => 31,
            _ => 21,
        }),
        Hardware::new("snc2-2s", 4, 28, 96, |a, b| match a / 2 == b / 2 {
            true => 11,
            false => 21,
        }),
        Hardware::new("epyc-2p-nps4", 8, 32, 64, |a, b| match a / 4 == b / 4 {
            true => 12,
            false => 32,
        }),
        Hardware::new("opteron", 8, 16, 64, |a, b| OPTERON[a][b]),
    ];
    hosts.into_iter().collect()
}
