//! The state machine: counters of a host and of its domains, and the calls that change them.
//!
//! Each method is one atomic step of Xen. What Xen does in several (taking an extent and
//! assigning it, filling a pool, tearing a domain down) is several here too.

mod affinity;
mod claim;
mod domain;
mod heap;
mod invariant;
mod teardown;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claims::{DomainInfo, Domid, Errno};
use planner::{Host, Memory, NodeMemory, NodeSet, Topology};

use crate::flavour::Flavour;
use domain::Domain;

pub use heap::{Extent, Kind, MAX_EXTENT_PAGES};
pub use invariant::Violation;
pub use teardown::Timing;

/// One counter for each node of the host. Every node that is online is in it.
type PerNode = Vec<u64>;

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
}

/// What `xc_physinfo` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Free pages, claimed ones included.
    pub free_pages: u64,
    /// Pages that claims hold.
    pub outstanding_pages: u64,
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
    free: PerNode,
    free_pages: u64,
    outstanding_pages: u64,
    node_claimed: PerNode,
    /// Claims of domains that were gone before anybody released them.
    leaked_pages: u64,
    /// Whether a domain that once claimed a node claimed again: the node counters are unsound.
    unsound: bool,
    /// Xen heap of no domain.
    unowned: PerNode,
    domains: BTreeMap<Domid, Domain>,
    last_domid: u16,
    crash: Option<Crash>,
    /// The next step of a destruction.
    next_step: Option<(Duration, Domid)>,
}

impl Xen {
    /// A Xen with the nodes, CPUs and free memory of `host`, and nothing claimed. Domain 0 has
    /// what is not free.
    pub fn new(host: &Host, flavour: Flavour) -> Self {
        let none = vec![0; host.topology().node_count()];
        let mut xen = Xen {
            flavour,
            topology: host.topology().clone(),
            sizes: Sizes::default(),
            timing: Timing::default(),
            now: Duration::ZERO,
            node_pages: none.clone(),
            free: none.clone(),
            free_pages: 0,
            outstanding_pages: 0,
            node_claimed: none.clone(),
            leaked_pages: 0,
            unsound: false,
            unowned: none,
            domains: BTreeMap::new(),
            last_domid: 0,
            crash: None,
            next_step: None,
        };
        let mut control = Domain::new(0, &xen.free);
        for (i, node) in host.memory().nodes.iter().enumerate() {
            if let Some(node) = node {
                xen.node_pages[i] = node.size_pages.max(node.free_pages);
                xen.free[i] = node.free_pages;
                control.pages[i] = xen.node_pages[i] - node.free_pages;
            }
        }
        xen.free_pages = xen.free.iter().sum();
        control.tot_pages = control.pages.iter().sum();
        control.max_pages = control.tot_pages;
        xen.domains.insert(Domid(0), control);
        xen
    }

    /// With other sizes of structures.
    pub fn with_sizes(mut self, sizes: Sizes) -> Self {
        self.sizes = sizes;
        self
    }

    /// With another pace of destruction.
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// What kind of Xen it is.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Nodes, distances and CPUs.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The virtual time.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// What brought the host down, if it is down. Every call is then EIO.
    pub fn crash(&self) -> Option<Crash> {
        self.crash
    }

    /// Creates a domain: its number. Its maximum memory is 0, and it has no vCPUs yet.
    pub fn create(&mut self, vcpus: u32) -> Result<Domid, Errno> {
        self.up()?;
        let domid = self.unused_domid().ok_or(Errno::ENOMEM)?;
        let pages = self.sizes.domain_pages;
        let structures = self.take_heap(pages)?;
        let mut domain = Domain::new(vcpus, &self.free);
        domain.structures = structures;
        self.last_domid = domid.0;
        self.domains.insert(domid, domain);
        Ok(domid)
    }

    /// Creates the domain's vCPUs.
    pub fn create_vcpus(&mut self, domid: Domid) -> Result<(), Errno> {
        let domain = self.alive(domid)?;
        if !domain.affinities.is_empty() || domain.vcpus == 0 {
            return Err(Errno::EINVAL);
        }
        let count = domain.vcpus;
        let taken = self.take_heap(self.sizes.vcpu_pages * u64::from(count))?;
        let domain = self.known_mut(domid)?;
        for (pages, taken) in domain.structures.iter_mut().zip(&taken) {
            *pages += taken;
        }
        domain.affinities = vec![Default::default(); count as usize];
        self.update_affinity(domid)
    }

    /// Whether the domain's vCPUs are created.
    pub fn has_vcpus(&self, domid: Domid) -> Result<bool, Errno> {
        Ok(!self.known(domid)?.affinities.is_empty())
    }

    /// Sets the pages that the domain may have at most; may be fewer than it has.
    pub fn set_max(&mut self, domid: Domid, pages: u64) -> Result<(), Errno> {
        self.up()?;
        self.known_mut(domid)?.max_pages = pages.min(u64::from(u32::MAX) - 1);
        Ok(())
    }

    /// Free and outstanding pages of the host.
    pub fn physinfo(&self) -> Reading {
        Reading {
            free_pages: self.free_pages,
            outstanding_pages: self.outstanding_pages,
        }
    }

    /// Free and claimed pages of nodes and host.
    pub fn memory(&self) -> Memory {
        let online = self.topology.online();
        let node = |i: usize| {
            online.contains(i).then(|| NodeMemory {
                size_pages: self.node_pages[i],
                free_pages: self.free[i],
                claimed_pages: self.node_claimed[i],
                owed_pages: 0,
                held_pages: 0,
            })
        };
        Memory {
            nodes: (0..self.topology.node_count()).map(node).collect(),
            host_free_pages: self.free_pages,
            host_outstanding_pages: self.outstanding_pages,
            host_held_pages: 0,
        }
    }

    /// All domains, ascending.
    pub fn domains(&self) -> Vec<DomainInfo> {
        (self.domains.iter())
            .map(|(domid, domain)| DomainInfo {
                domid: *domid,
                dying: domain.is_dead(),
                tot_pages: domain.tot_pages,
                outstanding_pages: domain.outstanding_pages,
                max_pages: domain.max_pages,
            })
            .collect()
    }

    /// The domain's memory by node, its pool and structures not included; nodes without any are
    /// left out. Empty if there is no such domain.
    pub fn domain_pages(&self, domid: Domid) -> Vec<(usize, u64)> {
        let domain = self.domains.get(&domid);
        (domain
            .into_iter()
            .flat_map(|domain| domain.pages.iter().copied().enumerate()))
        .filter(|(_, pages)| *pages > 0)
        .collect()
    }

    fn unused_domid(&self) -> Option<Domid> {
        let after = self.last_domid + 1..FIRST_RESERVED_DOMID;
        after
            .chain(1..=self.last_domid)
            .map(Domid)
            .find(|domid| !self.domains.contains_key(domid))
    }

    /// Whether the host is up: EIO if it has crashed.
    pub fn up(&self) -> Result<(), Errno> {
        match self.crash {
            None => Ok(()),
            Some(_) => Err(Errno::EIO),
        }
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
