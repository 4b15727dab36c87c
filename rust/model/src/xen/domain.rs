//! What Xen keeps of one domain.

use planner::{NodeSet, MAX_NODES};

use super::affinity::VcpuAffinity;
use super::runs::Held;
use super::teardown::Teardown;
use super::PerNode;

/// A domain.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    /// `None`: alive.
    pub teardown: Option<Teardown>,
    /// Until it runs for the first time.
    pub creating: bool,
    pub max_pages: u64,
    /// Whether the maximum was made less than it had been.
    pub max_lowered: bool,
    /// Whether it claimed or took pages while others were in flight, as several threads may.
    pub raced: bool,
    /// Pages that count against `max_pages`.
    pub tot_pages: u64,
    /// Pages that count against nothing, such as ioreq pages.
    pub extra_pages: u64,
    /// `tot_pages` and `extra_pages` by node.
    pub pages: Vec<Held>,
    /// The HAP or shadow pool, which has no owner.
    pub pool: Vec<Held>,
    /// Domain and vCPU structures, Xen heap.
    pub structures: Vec<Held>,
    /// Pages that others have mapped, so that they outlive the domain.
    pub foreign_pages: u64,
    /// Extents that left the heap and are not assigned yet.
    pub inflight: PerNode,
    pub claim: Claim,
    pub vcpus: u32,
    /// One entry a vCPU; none before they are created.
    pub affinities: Vec<VcpuAffinity>,
    /// Whether the node affinity follows the vCPUs.
    pub auto_affinity: bool,
    pub node_affinity: NodeSet,
    /// The node of the last allocation.
    pub last_node: usize,
}

/// What a domain has claimed and not yet taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim {
    /// In all.
    pub outstanding_pages: u64,
    /// The node to which claims are accounted. XenServer 9 never forgets it.
    pub node: Option<usize>,
    /// The node of the claim that the domain has now.
    pub on: Option<usize>,
    /// With claim sets: what of it is claimed of each node; the rest is of the host.
    pub on_nodes: PerNode,
}

impl Domain {
    /// A domain that has nothing, on that many nodes.
    pub fn new(vcpus: u32, nodes: usize) -> Self {
        let none = vec![Held::default(); nodes];
        Domain {
            teardown: None,
            creating: true,
            max_pages: 0,
            max_lowered: false,
            raced: false,
            tot_pages: 0,
            extra_pages: 0,
            pages: none.clone(),
            pool: none.clone(),
            structures: none,
            foreign_pages: 0,
            inflight: vec![0; nodes],
            claim: Claim {
                on_nodes: vec![0; nodes],
                ..Claim::default()
            },
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

    /// Everything that it holds of a node, but for what is in flight.
    pub fn held(&self, node: usize) -> [&Held; 3] {
        [&self.pages, &self.pool, &self.structures].map(|held| &held[node])
    }

    /// To be called when it claims or takes pages.
    pub fn note_race(&mut self) {
        self.raced |= self.inflight.iter().any(|pages| *pages > 0);
    }

    /// How much that is, with what is in flight.
    pub fn held_pages(&self, node: usize) -> u64 {
        let held = self.held(node).map(Held::pages);
        held.iter().sum::<u64>() + self.inflight[node]
    }
}

impl Claim {
    /// With claim sets: what is claimed of the host.
    pub fn on_host(&self) -> u64 {
        self.outstanding_pages - self.on_nodes.iter().sum::<u64>()
    }
}
