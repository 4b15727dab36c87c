//! Nodes that a host is said to have and no plan can use. A host with an odd node is planned on
//! without it, as VMs would start there without any plan.

use std::fmt;

use crate::host::Memory;
use crate::nodes::{NodeSet, MAX_NODES};
use crate::topology::{Topology, TopologyDescription, LOCAL_DISTANCE};

crate::named! {
    /// Why a node is left out.
    WhyLeftOut {
        /// The firmware's SLIT is smaller than its SRAT, or the node came after the topology was
        /// read. Only policy `Any` uses its memory.
        NoDistances = "no_distances": "it has memory, but no distances",
        /// It went after the topology was read.
        NoMemory = "no_memory": "its memory is not known",
    }
}

/// A node that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeftOut {
    /// Its number.
    pub node: usize,
    /// Why.
    pub why: WhyLeftOut,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} is left out: {}", self.node, self.why.about())
    }
}

/// The nodes whose memory is known.
pub(crate) fn with_memory(memory: &Memory) -> NodeSet {
    let nodes = 0..memory.nodes.len().min(MAX_NODES);
    nodes.filter(|node| memory.nodes[*node].is_some()).collect()
}

/// What is left out of a host of `topology` with `memory`, ascending.
pub(crate) fn left_out(topology: &Topology, memory: &Memory) -> Vec<LeftOut> {
    let (near, full) = (topology.online(), with_memory(memory));
    let why = |node| match full.contains(node) {
        true => WhyLeftOut::NoDistances,
        false => WhyLeftOut::NoMemory,
    };
    let odd = near.union(full).minus(near.intersection(full));
    let left_out = |node| LeftOut {
        node,
        why: why(node),
    };
    odd.iter().map(left_out).collect()
}

impl TopologyDescription {
    /// The same where one node alone is `online`: whatever its distance to itself is said to be,
    /// it is a node's to itself. Linux on ia64 says 0 where there is no SLIT.
    pub fn with_local_distance(mut self, online: NodeSet) -> Self {
        if let (1, Some(node)) = (online.len(), online.lowest()) {
            if let Some(local) = self
                .distances
                .get_mut(node)
                .and_then(|row| row.get_mut(node))
            {
                *local = Some(LOCAL_DISTANCE);
            }
        }
        self
    }
}
