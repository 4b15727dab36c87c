//! A host at one instant: its topology, and what memory is free, claimed and spoken for.

use std::sync::Arc;

use crate::left_out::{left_out, with_memory, LeftOut};
use crate::nodes::{NodeSet, MAX_NODES};
use crate::topology::{Invalid, Topology, TopologyDescription};
use crate::units::{pages_down, pages_up, MAX_BYTES};

/// The memory of one node as a file or a hypervisor describes it, in bytes, not yet checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeDescription {
    /// The span of the node, holes included; `None`, with `free_bytes`: offline.
    pub size_bytes: Option<u64>,
    /// Free memory, claimed memory included.
    pub free_bytes: Option<u64>,
    /// Memory that claims on this very node hold.
    pub claimed_bytes: u64,
}

/// A host as a file or a hypervisor describes it, not yet checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostDescription {
    /// Distances and CPUs.
    pub topology: TopologyDescription,
    /// One entry a node.
    pub nodes: Vec<NodeDescription>,
    /// Free memory of the host, claimed memory included.
    pub host_free_bytes: u64,
    /// Memory that claims of any kind hold.
    pub host_outstanding_bytes: u64,
}

/// The memory of one online node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct NodeMemory {
    /// The span of the node, holes included.
    pub size_pages: u64,
    /// Free pages, claimed ones included.
    pub free_pages: u64,
    /// Pages that the hypervisor says are claimed on this node.
    pub claimed_pages: u64,
    /// Pages that the claims of domains are expected to take from this node, whatever the
    /// hypervisor says; `claimed_pages` counts too if it is more.
    pub committed_pages: u64,
    /// Pages reserved for what no claim covers: pools and vCPUs of domains being built here.
    pub reserved_pages: u64,
}

/// The memory of a host at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Memory {
    /// One entry a node, at least as many as the topology has; `None` is offline.
    pub nodes: Vec<Option<NodeMemory>>,
    /// Free pages of the host, claimed ones included.
    pub host_free_pages: u64,
    /// Pages that claims of any kind hold.
    pub host_outstanding_pages: u64,
    /// Pages reserved for what no claim covers, those on nodes included.
    pub host_reserved_pages: u64,
}

impl NodeMemory {
    /// Pages that a new domain must leave alone: claimed or committed, reserved, and kept free.
    fn unavailable_pages(&self, reserve: &Reserve) -> u64 {
        (self.claimed_pages.max(self.committed_pages))
            .saturating_add(self.reserved_pages)
            .saturating_add(reserve.node_pages)
    }
}

impl Memory {
    /// The same of the whole host.
    fn host_unavailable_pages(&self, reserve: &Reserve) -> u64 {
        (self.host_outstanding_pages)
            .saturating_add(self.host_reserved_pages)
            .saturating_add(reserve.host_pages)
    }
}

/// What a planner must leave alone, on top of what is claimed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reserve {
    /// Pages of the host.
    pub host_pages: u64,
    /// Pages of each node.
    pub node_pages: u64,
}

/// A host at one instant, checked. Cloning it copies its memory and shares its topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    topology: Arc<Topology>,
    memory: Memory,
}

impl Host {
    /// The host of `description`, or what is wrong with it.
    pub fn new(description: &HostDescription) -> Result<Self, Invalid> {
        let has_size = |node: &usize| {
            let node = description.nodes.get(*node);
            node.is_some_and(|node| node.size_bytes.is_some())
        };
        let with_size = (0..MAX_NODES).filter(has_size).collect();
        let topology = description.topology.clone();
        let topology = Topology::new(&topology.with_local_distance(with_size))?;
        let nodes = topology.node_count();
        if description.nodes.len() != nodes {
            let found = format!("{} nodes", description.nodes.len());
            let expected = format!("{nodes}, as many as distances has rows");
            return Err(Invalid::new("nodes", found, expected));
        }
        let nodes = (description.nodes.iter().enumerate())
            .map(|(i, node)| check_node(i, node, topology.online().contains(i)))
            .collect::<Result<_, _>>()?;
        let host_free_bytes = bounded("host_free_bytes", description.host_free_bytes)?;
        let host_outstanding_bytes =
            bounded("host_outstanding_bytes", description.host_outstanding_bytes)?;
        let memory = Memory {
            nodes,
            host_free_pages: pages_down(host_free_bytes),
            host_outstanding_pages: pages_up(host_outstanding_bytes),
            host_reserved_pages: 0,
        };
        Ok(Host::with_memory(Arc::new(topology), memory))
    }

    /// The host of `topology` with `memory` as it is now. Where the two do not agree on which
    /// nodes there are, those that only one of them has are left out: see [`Host::left_out`].
    pub fn with_memory(topology: Arc<Topology>, mut memory: Memory) -> Self {
        memory.nodes.truncate(MAX_NODES);
        let nodes = memory.nodes.len().max(topology.node_count());
        memory.nodes.resize(nodes, None);
        Host { topology, memory }
    }

    /// The nodes that no plan uses though the host is said to have them, and why, ascending.
    pub fn left_out(&self) -> Vec<LeftOut> {
        left_out(&self.topology, &self.memory)
    }

    /// The nodes on which VMs can be planned: online, and with known memory.
    pub fn usable(&self) -> NodeSet {
        let online = self.topology.online();
        online.intersection(with_memory(&self.memory))
    }

    /// What does not change while the host runs.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// What is free, claimed and spoken for.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Pages of each node that a new domain may take: free, less what is committed; 0 where that is
    /// negative, and on offline nodes. Those that are left out for want of distances count.
    pub fn claimable_pages(&self, reserve: &Reserve) -> [u64; MAX_NODES] {
        let mut claimable = [0; MAX_NODES];
        for (pages, node) in claimable.iter_mut().zip(&self.memory.nodes) {
            if let Some(node) = node {
                *pages = node
                    .free_pages
                    .saturating_sub(node.unavailable_pages(reserve));
            }
        }
        claimable
    }

    /// Pages of the whole host that a new domain may take.
    pub fn host_claimable_pages(&self, reserve: &Reserve) -> u64 {
        self.memory
            .host_free_pages
            .saturating_sub(self.memory.host_unavailable_pages(reserve))
    }

    /// By how many pages more is committed of a node than is free there: so many must come back
    /// before a new domain may take the first one.
    pub fn deficit_pages(&self, node: usize, reserve: &Reserve) -> u64 {
        self.memory.nodes[node].map_or(0, |node| {
            node.unavailable_pages(reserve)
                .saturating_sub(node.free_pages)
        })
    }

    /// The same of the whole host.
    pub fn host_deficit_pages(&self, reserve: &Reserve) -> u64 {
        self.memory
            .host_unavailable_pages(reserve)
            .saturating_sub(self.memory.host_free_pages)
    }

    /// Takes `pages[n]` free pages from each node `n`, at most what it has, and all of them
    /// from the host.
    pub fn take(&mut self, pages: &[u64; MAX_NODES]) {
        for (taken, node) in pages.iter().zip(&mut self.memory.nodes) {
            if let Some(node) = node {
                node.free_pages = node.free_pages.saturating_sub(*taken);
            }
        }
        let total: u64 = pages.iter().sum();
        self.memory.host_free_pages = self.memory.host_free_pages.saturating_sub(total);
    }
}

fn bounded(field: &str, bytes: u64) -> Result<u64, Invalid> {
    match bytes {
        0..=MAX_BYTES => Ok(bytes),
        _ => Err(Invalid::new(
            field,
            bytes,
            format!("at most {MAX_BYTES} bytes"),
        )),
    }
}

fn check_node(
    i: usize,
    node: &NodeDescription,
    online: bool,
) -> Result<Option<NodeMemory>, Invalid> {
    let field = |name: &str| format!("nodes[{i}].{name}");
    match (node.size_bytes, node.free_bytes) {
        (None, None) if online => Err(Invalid::new(
            field("size_bytes"),
            "null",
            format!("a size, because distances[{i}][{i}] says that the node is online"),
        )),
        (None, None) => Ok(None),
        (Some(size), Some(free)) => Ok(Some(NodeMemory {
            size_pages: pages_down(bounded(&field("size_bytes"), size)?),
            free_pages: pages_down(bounded(&field("free_bytes"), free)?),
            claimed_pages: pages_up(bounded(&field("claimed_bytes"), node.claimed_bytes)?),
            committed_pages: 0,
            reserved_pages: 0,
        })),
        (Some(_), None) => Err(Invalid::new(
            field("free_bytes"),
            "null",
            "a number, or null for size_bytes too if the node is offline",
        )),
        (None, Some(_)) => Err(Invalid::new(
            field("size_bytes"),
            "null",
            "a number, or null for free_bytes too if the node is offline",
        )),
    }
}
