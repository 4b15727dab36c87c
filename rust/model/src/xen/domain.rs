//! What Xen keeps of one domain.

use planner::{NodeSet, MAX_NODES};

use super::affinity::VcpuAffinity;
use super::teardown::Teardown;
use super::PerNode;

/// A domain.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    /// `None`: alive.
    pub teardown: Option<Teardown>,
    pub max_pages: u64,
    /// Pages that count against `max_pages`.
    pub tot_pages: u64,
    /// Pages that count against nothing, such as ioreq pages.
    pub extra_pages: u64,
    /// `tot_pages` and `extra_pages` by node.
    pub pages: PerNode,
    /// The HAP or shadow pool, which has no owner.
    pub pool: PerNode,
    /// Domain and vCPU structures, Xen heap.
    pub structures: PerNode,
    /// Extents that left the heap and are not assigned yet.
    pub inflight: PerNode,
    pub outstanding_pages: u64,
    /// The node of the last node claim. Xen never forgets it.
    pub claim_node: Option<usize>,
    /// The node of the claim that the domain has now.
    pub claimed_on: Option<usize>,
    pub vcpus: u32,
    /// One entry a vCPU; none before they are created.
    pub affinities: Vec<VcpuAffinity>,
    /// Whether the node affinity follows the vCPUs.
    pub auto_affinity: bool,
    pub node_affinity: NodeSet,
    /// The node of the last allocation.
    pub last_node: usize,
}

impl Domain {
    /// A domain that has nothing, on as many nodes as `nodes` counts.
    pub fn new(vcpus: u32, nodes: &PerNode) -> Self {
        let none = vec![0; nodes.len()];
        Domain {
            teardown: None,
            max_pages: 0,
            tot_pages: 0,
            extra_pages: 0,
            pages: none.clone(),
            pool: none.clone(),
            structures: none.clone(),
            inflight: none,
            outstanding_pages: 0,
            claim_node: None,
            claimed_on: None,
            vcpus,
            affinities: Vec::new(),
            auto_affinity: true,
            node_affinity: NodeSet::first(MAX_NODES),
            last_node: 0,
        }
    }

    pub fn is_alive(&self) -> bool {
        self.teardown.is_none()
    }

    /// Whether Xen shows it as dying.
    pub fn is_dead(&self) -> bool {
        self.teardown.as_ref().is_some_and(Teardown::is_dead)
    }
}
