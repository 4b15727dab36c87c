//! The host that the checks run on: its figures, and domains as a toolstack has them.

use std::sync::Arc;
use std::time::Duration;

use claims::{CallError, DomainInfo, Domid, Hypervisor};
use planner::{Memory, NodeSet, Topology};
use xen::{DomainKind, From, Xen};

use crate::report::Failure;

/// Orders of the extents that a builder asks for.
pub const ORDERS: [u32; 3] = [18, 9, 0];

/// How often in a row free memory must be the same to be taken for steady, and after how many
/// looks it is not.
const STEADY: u32 = 10;
const LOOKS: u32 = 1000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Extents that are populated by one call.
const BATCH: usize = 512;

/// The running Xen.
#[derive(Debug)]
pub struct Host {
    pub xen: Arc<Xen>,
    pub topology: Topology,
    /// The kinds of domains that it can have.
    pub kinds: Vec<DomainKind>,
    /// Whether it runs on this machine, whose firmware then has tables of its nodes.
    pub on_this_machine: bool,
}

/// What a builder obtained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Populated {
    pub pages: u64,
    /// Frame and order of each extent: machine frames for a PV domain, else guest frames.
    pub extents: Vec<(u64, u32)>,
}

impl Host {
    /// Connects to the running Xen.
    pub fn open(on_this_machine: bool) -> Result<Self, Failure> {
        let xen = Xen::open().map_err(|error| error.to_string())?;
        let capabilities = xen.capabilities()?;
        let mut kinds = Vec::new();
        if capabilities.pv {
            kinds.push(DomainKind::Pv);
        }
        if capabilities.hvm {
            kinds.extend([DomainKind::Pvh, DomainKind::Hvm]);
        }
        Ok(Host {
            topology: xen.topology()?,
            xen: Arc::new(xen),
            kinds,
            on_this_machine,
        })
    }

    /// Nodes that have memory.
    pub fn nodes_with_memory(&self) -> Result<Vec<usize>, Failure> {
        let nodes = self.xen.memory()?.nodes;
        let has = |node: &usize| nodes[*node].is_some_and(|node| node.free_pages > 0);
        Ok((0..nodes.len()).filter(has).collect())
    }

    /// Free pages of each node; 0 for one that is offline.
    pub fn free_by_node(&self) -> Result<Vec<u64>, CallError> {
        Ok(by_node(&self.xen.memory()?))
    }

    /// Free memory, once it has stopped changing: destroyed domains give their last pages back
    /// late.
    pub fn steady_memory(&self) -> Result<Memory, Failure> {
        let mut last = self.xen.memory()?;
        let mut alike = 0;
        for _ in 0..LOOKS {
            std::thread::sleep(BETWEEN_LOOKS);
            let now = self.xen.memory()?;
            alike = if now == last { alike + 1 } else { 0 };
            if alike == STEADY {
                return Ok(now);
            }
            last = now;
        }
        Err(Failure(format!("free memory is never steady: {last:?}")))
    }

    /// A domain as Xen lists it.
    pub fn domain(&self, domid: Domid) -> Result<Option<DomainInfo>, CallError> {
        let domains = self.xen.domains()?;
        Ok(domains.into_iter().find(|domain| domain.domid == domid))
    }

    /// Pages that the domain has claimed and not taken.
    pub fn outstanding(&self, domid: Domid) -> Result<u64, CallError> {
        Ok(self.domain(domid)?.map_or(0, |d| d.outstanding_pages))
    }

    /// The nodes of the domain's affinity that the host has.
    pub fn affinity(&self, domid: Domid) -> Result<NodeSet, CallError> {
        let nodes = self.xen.node_affinity(domid)?;
        Ok(nodes.intersection(self.topology.online()))
    }

    /// A new domain, its maximum memory set, without pool and vCPUs.
    pub fn create(&self, kind: DomainKind, vcpus: u32, max_pages: u64) -> Result<Domain, Failure> {
        let domain = self.create_bare(kind, vcpus)?;
        self.xen.set_max_pages(domain.domid, max_pages)?;
        Ok(domain)
    }

    /// A new domain as Xen makes it.
    pub fn create_bare(&self, kind: DomainKind, vcpus: u32) -> Result<Domain, CallError> {
        Ok(Domain {
            xen: self.xen.clone(),
            domid: self.xen.create_domain(kind, vcpus)?,
            kind,
            vcpus,
            alive: true,
        })
    }

    /// Addresses below this many bits are used last: Xen keeps them for devices. As Xen derives it
    /// from the first node; `None` on a host of one node.
    pub fn dma_width(&self) -> Result<Option<u32>, CallError> {
        let nodes = self.xen.memory()?.nodes;
        let spans: Vec<u64> = (nodes.iter().flatten().map(|node| node.size_pages)).collect();
        Ok(match spans.as_slice() {
            [] | [_] => None,
            [first, ..] => {
                let last_page = (first / 4).saturating_sub(1);
                Some((64 - last_page.leading_zeros() + 12).min(32))
            }
        })
    }

    /// Free pages of a node that Xen gives to domains first.
    pub fn preferred_pages(&self, node: usize) -> Result<u64, CallError> {
        let above = self.dma_width()?.map(|width| width + 1);
        self.xen.heap_pages(node, above)
    }
}

/// Free pages of each node; 0 for one that is offline.
pub fn by_node(memory: &Memory) -> Vec<u64> {
    let free = |node: &Option<planner::NodeMemory>| node.map_or(0, |node| node.free_pages);
    memory.nodes.iter().map(free).collect()
}

/// Claimed pages of each node; 0 for one that is offline.
pub fn claimed_by_node(memory: &Memory) -> Vec<u64> {
    let claimed = |node: &Option<planner::NodeMemory>| node.map_or(0, |node| node.claimed_pages);
    memory.nodes.iter().map(claimed).collect()
}

/// Populates guest frames from 0 on as a builder does, by extents of 1 GiB, 2 MiB and 4 KiB.
pub fn populate(xen: &Xen, domid: Domid, pages: u64, from: From) -> Result<Populated, CallError> {
    let mut populated = Populated::default();
    for order in ORDERS {
        while (pages - populated.pages) >> order > 0 {
            let left = (pages - populated.pages) >> order;
            let extents = (left as usize).min(BATCH);
            let mut frames: Vec<u64> = (0..extents as u64)
                .map(|extent| populated.pages + (extent << order))
                .collect();
            let done = xen.populate(domid, order, from, &mut frames)?;
            populated.pages += (done as u64) << order;
            let extents = frames[..done].iter().map(|frame| (*frame, order));
            populated.extents.extend(extents);
            if done < frames.len() {
                break;
            }
        }
    }
    Ok(populated)
}

/// A domain, destroyed when it is not needed any more.
#[derive(Debug)]
pub struct Domain {
    xen: Arc<Xen>,
    pub domid: Domid,
    pub kind: DomainKind,
    pub vcpus: u32,
    alive: bool,
}

impl Domain {
    /// Fills the pool, if it has one, and creates the vCPUs: what comes between placing and
    /// pinning.
    pub fn equip(&self, memory_pages: u64) -> Result<(), CallError> {
        if self.kind != DomainKind::Pv {
            let pool = claims::pool_pages(self.vcpus, memory_pages);
            self.xen.set_pool_pages(self.domid, pool)?;
        }
        self.xen.create_vcpus(self.domid, self.vcpus)
    }

    /// [`populate`] of this domain.
    pub fn populate(&self, pages: u64, from: From) -> Result<Populated, CallError> {
        populate(&self.xen, self.domid, pages, from)
    }

    /// Destroys it, and says whether Xen did.
    pub fn destroy(mut self) -> Result<(), CallError> {
        self.alive = false;
        self.xen.destroy(self.domid)
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        if self.alive {
            // A check that failed has said why already.
            let _ = self.xen.destroy(self.domid);
        }
    }
}
