//! What can be read of a Xen, and what only the model knows.

use std::sync::Arc;
use std::time::Duration;

use claims::{DomainInfo, Domid, Errno};
use planner::{Memory, NodeMemory, Topology};

use super::node::Reach;
use super::{Crash, FreeBlocks, Xen, MAX_ORDER};
use crate::flavour::Flavour;

/// What `xc_physinfo` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Free pages, claimed ones included.
    pub free_pages: u64,
    /// Pages that claims hold.
    pub outstanding_pages: u64,
}

/// A node's free memory, as Xen itself sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReading {
    /// Free pages.
    pub free_pages: u64,
    /// Of these, under the DMA width.
    pub low_pages: u64,
    /// Of these, dirty.
    pub dirty_pages: u64,
    /// Pages that claims on this node hold.
    pub claimed_pages: u64,
    /// Free blocks of each order.
    pub blocks: Vec<FreeBlocks>,
}

impl Xen {
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

    /// Whether the host is up: EIO if it has crashed.
    pub fn up(&self) -> Result<(), Errno> {
        match self.crash {
            None => Ok(()),
            Some(_) => Err(Errno::EIO),
        }
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
        let online = self.online();
        let node = |i: usize| {
            online.contains(i).then(|| NodeMemory {
                size_pages: self.node_pages[i],
                free_pages: self.free[i],
                claimed_pages: self.node_claimed[i],
                committed_pages: 0,
                reserved_pages: 0,
            })
        };
        Memory {
            nodes: (0..self.topology.node_count()).map(node).collect(),
            host_free_pages: self.free_pages,
            host_outstanding_pages: self.outstanding_pages,
            host_reserved_pages: 0,
        }
    }

    /// All domains, ascending.
    pub fn domains(&self) -> Vec<DomainInfo> {
        (self.domains.iter())
            .map(|(domid, domain)| DomainInfo {
                domid: *domid,
                dying: domain.is_dead(),
                tot_pages: domain.tot_pages,
                outstanding_pages: domain.claim.outstanding_pages,
                max_pages: domain.max_pages,
            })
            .collect()
    }

    /// Pages of a domain that count against its maximum.
    pub fn tot_pages(&self, domid: Domid) -> u64 {
        (self.domains.get(&domid)).map_or(0, |domain| domain.tot_pages)
    }

    /// Pages that a domain has claimed and not yet taken.
    pub fn claimed_pages(&self, domid: Domid) -> u64 {
        (self.domains.get(&domid)).map_or(0, |domain| domain.claim.outstanding_pages)
    }

    /// How many more pages are free, or will be once every other domain is gone, than there were
    /// at first: the control domain gave them, and none broke.
    pub fn given_pages(&self) -> i64 {
        let control = self.domains.get(&Domid(0));
        let given = control.map_or(0, |domain| {
            domain.max_pages as i64 - domain.tot_pages as i64
        });
        given - self.broken_pages.iter().sum::<u64>() as i64
    }

    /// The domain's memory by node, its pool and structures not included; nodes without any are
    /// left out. Empty if there is no such domain.
    pub fn domain_pages(&self, domid: Domid) -> Vec<(usize, u64)> {
        let domain = self.domains.get(&domid);
        let held = domain.into_iter().flat_map(|domain| &domain.pages);
        (held.map(|held| held.pages()).enumerate())
            .filter(|(_, pages)| *pages > 0)
            .collect()
    }

    /// Free memory of a node. `None`: it is offline.
    pub fn node(&self, node: usize) -> Option<NodeReading> {
        if !self.online().contains(node) {
            return None;
        }
        let heap = &self.heap[node];
        let blocks = |order| {
            let zones = heap.zones().iter().map(|zone| zone.blocks(order));
            zones.fold(FreeBlocks::default(), |sum, zone| FreeBlocks {
                clean: sum.clean + zone.clean,
                dirty: sum.dirty + zone.dirty,
            })
        };
        Some(NodeReading {
            free_pages: self.free[node],
            low_pages: self.free[node] - heap.free_pages(Reach::High),
            dirty_pages: heap.dirty_pages(),
            claimed_pages: self.node_claimed[node],
            blocks: (0..=MAX_ORDER).map(blocks).collect(),
        })
    }
}
