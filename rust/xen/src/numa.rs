//! How Xen says what it does not know about its nodes.

use planner::{pages_down, NodeMemory};
use xenctrl_sys as xc;

/// An unknown or unreachable anything in Xen's answers, 32 bits wide even for memory sizes.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// A number, if it is not [`UNKNOWN`].
pub(crate) fn known(number: u32) -> Option<u32> {
    (number != UNKNOWN).then_some(number)
}

/// Memory and distances of the nodes, as Xen reports them.
pub(crate) struct NumaInfo {
    pub(crate) memory: Vec<xc::xc_meminfo_t>,
    /// Row by row.
    pub(crate) distances: Vec<u32>,
}

impl NumaInfo {
    /// Whether the node is online.
    fn online(&self, node: usize) -> bool {
        self.memory.get(node).is_some_and(|memory| {
            memory.memsize != u64::from(UNKNOWN) && memory.memsize != u64::MAX
        })
    }

    /// The distance between two nodes; `None`: unreachable, or one is offline.
    pub(crate) fn distance(&self, from: usize, to: usize) -> Option<u32> {
        let distance = *self.distances.get(from * self.memory.len() + to)?;
        (self.online(from) && self.online(to) && distance != UNKNOWN).then_some(distance)
    }

    /// The memory of a node; `None`: offline.
    pub(crate) fn node(&self, node: usize) -> Option<NodeMemory> {
        let memory = self.memory.get(node)?;
        self.online(node).then(|| NodeMemory {
            size_pages: pages_down(memory.memsize),
            free_pages: pages_down(memory.memfree),
            claimed_pages: 0,
            committed_pages: 0,
            reserved_pages: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(sizes: &[u64], distances: &[u32]) -> NumaInfo {
        NumaInfo {
            memory: sizes
                .iter()
                .map(|size| xc::xc_meminfo_t {
                    memsize: *size,
                    memfree: *size,
                })
                .collect(),
            distances: distances.to_vec(),
        }
    }

    #[test]
    fn an_offline_node_has_no_memory_and_no_distance() {
        let numa = info(&[1 << 30, u64::from(u32::MAX)], &[10, 20, 20, 10]);
        assert_eq!(numa.node(0).map(|node| node.free_pages), Some(1 << 18));
        assert_eq!(numa.node(1), None);
        assert_eq!(numa.distance(0, 0), Some(10));
        assert_eq!(numa.distance(0, 1), None);
        assert_eq!(numa.distance(1, 1), None);
    }

    #[test]
    fn a_node_without_memory_is_online() {
        let numa = info(&[1 << 30, 0], &[10, u32::MAX, 21, 10]);
        assert_eq!(numa.node(1).map(|node| node.size_pages), Some(0));
        assert_eq!(numa.distance(1, 0), Some(21));
        assert_eq!(numa.distance(0, 1), None);
    }
}
