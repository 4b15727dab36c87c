//! The state machine: memory of a host and of its domains, and the calls that change it.
//!
//! Each method is one atomic step of Xen. What Xen does in several (taking an extent and
//! assigning it, filling a pool, tearing a domain down) is several here too.

mod affinity;
mod bulk;
mod claim;
mod dirt;
mod domain;
mod finding;
mod heap;
mod held_claim;
mod invariant;
mod lifetime;
mod list;
mod node;
mod reading;
mod runs;
mod scrub;
mod singles;
mod teardown;
mod zone;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use claims::{Domid, Errno};
use planner::{Host, Invalid, NodeSet, Topology, PAGE_BYTES};

use crate::flavour::Flavour;
use domain::Domain;
use finding::Findings;
use node::NodeHeap;
use runs::{Held, Run};

pub use claim::{Entry, Target};
pub use finding::Finding;
pub use heap::{Extent, Kind, MAX_NODE_PAGES};
pub use invariant::Violation;
pub use list::FreeBlocks;
pub use reading::{NodeReading, Reading};
pub use runs::{MAX_EXTENT_PAGES, MAX_ORDER};
pub use teardown::Timing;

/// One counter for each node of the host. Every node that is online is in it.
type PerNode = Vec<u64>;

/// Bits of an address within a page.
const PAGE_SHIFT: u32 = 12;

/// Domain numbers from here on are reserved.
const FIRST_RESERVED_DOMID: u16 = 0x7FF0;

/// What a domain takes from the heap besides its memory and pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Pages of the domain's own structures.
    pub domain_pages: u64,
    /// Pages of each vCPU.
    pub vcpu_pages: u64,
}

impl Default for Sizes {
    /// Together 1,120 pages for 6 vCPUs, as was measured.
    fn default() -> Self {
        Sizes {
            domain_pages: 40,
            vcpu_pages: 180,
        }
    }
}

/// What is wrong with a host that has crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Crash {
    /// `BUG_ON`: pages were taken off a claim on a node that has fewer claimed. A domain that
    /// once claimed a node made another claim.
    #[error("pages were taken off the claims on node {node} which it has not got")]
    ClaimedLessThanTaken {
        /// The node.
        node: usize,
    },
    /// A claim was released on a node that has less claimed, so that its counter wrapped.
    #[error("a claim was released on node {node} which it has not got")]
    ClaimedLessThanReleased {
        /// The node.
        node: usize,
    },
    /// `BUG_ON`: more is claimed than is free.
    #[error("more is claimed than is free, of {}", match node {
        None => "the host".to_string(),
        Some(node) => format!("node {node}"),
    })]
    MoreClaimedThanFree {
        /// The node, or the host.
        node: Option<usize>,
    },
}

/// A modelled Xen.
#[derive(Debug, Clone)]
pub struct Xen {
    flavour: Flavour,
    topology: Arc<Topology>,
    sizes: Sizes,
    timing: Timing,
    now: Duration,
    node_pages: PerNode,
    /// How many of a node's first pages are under the DMA width.
    low_pages: PerNode,
    heap: Vec<NodeHeap>,
    free: PerNode,
    free_pages: u64,
    outstanding_pages: u64,
    node_claimed: PerNode,
    /// Claims of domains that were gone before anybody released them.
    leaked_pages: u64,
    /// Whether a domain that once claimed a node claimed again: the node counters are unsound.
    unsound: bool,
    /// Xen heap of no domain.
    unowned: Vec<Held>,
    /// Pages that broke, and will not be used again.
    broken_pages: PerNode,
    domains: BTreeMap<Domid, Domain>,
    last_domid: u16,
    crash: Option<Crash>,
    findings: Findings,
    /// The next step of a destruction.
    next_step: Option<(Duration, Domid)>,
    /// Until when idle CPUs have scrubbed.
    scrubbed_until: Duration,
    /// Dirty pages that were taken for domains' memory, since the beginning.
    taken_dirty_pages: u64,
}

impl Xen {
    /// Looks that no node of a host is larger than the model can hold.
    pub fn check_host(host: &Host) -> Result<(), Invalid> {
        for (i, node) in host.memory().nodes.iter().enumerate() {
            let size_pages = node.map_or(0, |node| node.size_pages.max(node.free_pages));
            if size_pages > MAX_NODE_PAGES {
                return Err(Invalid::new(
                    format!("nodes[{i}].size_bytes"),
                    size_pages * PAGE_BYTES,
                    format!(
                        "at most {}, the largest node of the model",
                        MAX_NODE_PAGES * PAGE_BYTES
                    ),
                ));
            }
        }
        Ok(())
    }

    /// A Xen with the nodes, CPUs and free memory of `host`, which [`Xen::check_host`] lets
    /// pass, and nothing claimed. Domain 0 has what is not free. Free memory is clean.
    pub fn new(host: &Host, flavour: Flavour) -> Self {
        let topology = host.topology().clone();
        let nodes = topology.node_count();
        let none = vec![0; nodes];
        let mut xen = Xen {
            flavour,
            topology,
            sizes: Sizes::default(),
            timing: Timing::default(),
            now: Duration::ZERO,
            node_pages: none.clone(),
            low_pages: none.clone(),
            heap: Vec::new(),
            free: none.clone(),
            free_pages: 0,
            outstanding_pages: 0,
            node_claimed: none.clone(),
            leaked_pages: 0,
            unsound: false,
            unowned: vec![Held::default(); nodes],
            broken_pages: none,
            domains: BTreeMap::new(),
            last_domid: 0,
            crash: None,
            findings: Findings::default(),
            next_step: None,
            scrubbed_until: Duration::ZERO,
            taken_dirty_pages: 0,
        };
        for (i, node) in host.memory().nodes.iter().enumerate() {
            if let Some(node) = node {
                xen.node_pages[i] = node.size_pages.max(node.free_pages);
                xen.free[i] = node.free_pages;
            }
        }
        xen.free_pages = xen.free.iter().sum();
        xen.low_pages = xen.default_low_pages();
        xen.lay_out();
        xen
    }

    /// With other sizes of structures.
    pub fn with_sizes(mut self, sizes: Sizes) -> Self {
        self.sizes = sizes;
        self
    }

    /// With another pace of destruction and scrubbing.
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// With that many pages of the first node under the DMA width. To be called before anything
    /// else.
    pub fn with_low_pages(mut self, pages: u64) -> Self {
        if let Some(first) = self.online().lowest() {
            self.low_pages[first] = pages;
        }
        self.lay_out();
        self
    }

    /// With exactly these frames free on each node, clean, in zones as the addresses of a real host
    /// make them. Addresses below that many bits are under the DMA width. To be called before
    /// anything else.
    pub fn with_free_frames(mut self, nodes: &[Vec<Range<u64>>], dma_width: Option<u32>) -> Self {
        let dma = dma_width.map_or(0, |width| 1 << width.saturating_sub(PAGE_SHIFT));
        for (node, frames) in nodes.iter().enumerate() {
            let pages = |range: &Range<u64>| range.end - range.start;
            self.free[node] = frames.iter().map(pages).sum();
            self.node_pages[node] = self.node_pages[node].max(self.free[node]);
        }
        self.free_pages = self.free.iter().sum();
        let heap = nodes.iter().enumerate();
        self.heap = heap
            .map(|(node, frames)| NodeHeap::with_frames(node, frames, dma))
            .collect();
        let end = |frames: &Vec<Range<u64>>| frames.iter().map(|range| range.end).max();
        let ends: PerNode = nodes
            .iter()
            .map(|frames| end(frames).unwrap_or(0))
            .collect();
        self.place_control(&ends);
        self
    }

    /// As Xen chooses the DMA width: where there are several nodes, a quarter of the first node,
    /// rounded up to a power of two, and at most 4 GiB.
    fn default_low_pages(&self) -> PerNode {
        const MOST: u64 = 1 << 20;
        let mut low = vec![0; self.node_pages.len()];
        let online = self.online();
        if let Some(first) = online.lowest().filter(|_| online.len() > 1) {
            let quarter = self.node_pages[first] / 4;
            low[first] = quarter.next_power_of_two().min(MOST);
        }
        low
    }

    /// The first pages of each node are free, the rest is the control domain's.
    fn lay_out(&mut self) {
        let nodes = self.free.len();
        self.heap = (0..nodes)
            .map(|node| NodeHeap::new(node, self.free[node], self.low_pages[node]))
            .collect();
        let ends = self.free.clone();
        self.place_control(&ends);
    }

    /// The control domain has of each node what is not free, beyond these pages.
    fn place_control(&mut self, ends: &[u64]) {
        let nodes = self.free.len();
        let mut control = Domain::new(0, nodes);
        control.creating = false;
        for (node, end) in ends.iter().enumerate() {
            control.pages[node].push(Run {
                first: heap::base(node) + end,
                pages: self.node_pages[node] - self.free[node],
            });
        }
        control.tot_pages = control.pages.iter().map(Held::pages).sum();
        control.max_pages = control.tot_pages;
        self.domains.insert(Domid(0), control);
    }

    fn known(&self, domid: Domid) -> Result<&Domain, Errno> {
        self.domains.get(&domid).ok_or(Errno::ESRCH)
    }

    fn known_mut(&mut self, domid: Domid) -> Result<&mut Domain, Errno> {
        self.domains.get_mut(&domid).ok_or(Errno::ESRCH)
    }

    /// The domain, which must live, on a host that is up.
    fn alive(&self, domid: Domid) -> Result<&Domain, Errno> {
        self.up()?;
        let domain = self.known(domid)?;
        match domain.is_alive() {
            true => Ok(domain),
            false => Err(Errno::EINVAL),
        }
    }

    fn online(&self) -> NodeSet {
        self.topology.online()
    }
}
