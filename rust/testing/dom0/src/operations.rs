//! Operations on domains as data, and the counters that they move: what the running Xen does can
//! be set beside what anything else does that takes the same operations.

use std::time::{Duration, Instant};

use claims::{CallError, Claim, Domid, Errno, Hypervisor, NodePages};
use planner::{Memory, NodeSet};
use xen::{DomainKind, From};

use crate::host::{by_node, claimed_by_node, Domain, Host};
use crate::report::Failure;

/// Something that is done to the domain in a slot, of which there are [`SLOTS`]. Where none is, it
/// is done to the number of the one that was, or to a number that no domain has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A new domain without memory and vCPUs; the slot must be empty.
    Create(usize),
    /// Sets the most pages that it may have.
    SetMax(usize, u64),
    /// A claim on the host, or its end.
    ClaimHost(usize, u64),
    /// A claim on a node, or the end of any claim.
    ClaimNode(usize, usize, u64),
    /// Claims on nodes in place of any others, or their end.
    ClaimSet(usize, Vec<NodePages>),
    /// Populates extents: order, how many, from where.
    Populate(usize, u32, u64, From),
    /// Frees the last extents of an order that it has: order, how many.
    Free(usize, u32, u64),
    /// Sets its node affinity, or gives it back.
    SetNodeAffinity(usize, Option<NodeSet>),
    /// Destroys it, and waits for all of its memory.
    Destroy(usize),
}

impl Operation {
    /// The extents that it may move: their order, 1 if the domain gets them and -1 if it gives
    /// them back, and the only node that they may be of.
    pub fn extents(&self) -> Option<(u32, i64, Option<usize>)> {
        match *self {
            Operation::Populate(_, order, _, From::Exactly(node)) => Some((order, 1, Some(node))),
            Operation::Populate(_, order, _, From::Anywhere | From::Preferably(_)) => {
                Some((order, 1, None))
            }
            Operation::Free(_, order, _) => Some((order, -1, None)),
            Operation::Create(_)
            | Operation::Destroy(_)
            | Operation::SetMax(..)
            | Operation::ClaimHost(..)
            | Operation::ClaimNode(..)
            | Operation::ClaimSet(..)
            | Operation::SetNodeAffinity(..) => None,
        }
    }
}

/// Domains that there are at most.
pub const SLOTS: usize = 4;

/// A number that no domain has.
pub const NOBODY: Domid = Domid(0x7fee);

/// What is known of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    pub tot_pages: u64,
    pub outstanding_pages: u64,
    pub max_pages: u64,
    /// The nodes of its affinity that are online.
    pub affinity: NodeSet,
}

/// The domain in each slot.
pub type Domains = [Option<Figures>; SLOTS];

/// The counters that operations move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    pub free_pages: u64,
    pub outstanding_pages: u64,
    pub free_by_node: Vec<u64>,
    /// Pages claimed of each node; nothing where Xen does not report it.
    pub claimed_by_node: Vec<u64>,
    pub domains: Domains,
}

/// Where operations are done.
pub trait World {
    /// Does one: the extents that were had or freed, 0 where it is not about extents. EEXIST if the
    /// slot must be empty.
    fn apply(&mut self, operation: &Operation) -> Result<u64, Errno>;

    /// The counters at this moment.
    fn counters(&mut self) -> Result<Counters, Failure>;
}

/// Readings of host and nodes until they agree.
const READINGS: u32 = 100;

/// A domain, and the extents that it has: frame and order.
#[derive(Debug)]
struct Slot {
    domain: Option<Domain>,
    domid: Domid,
    extents: Vec<(u64, u32)>,
    /// The guest frame that is populated next.
    next: u64,
}

/// The running Xen.
#[derive(Debug)]
pub struct Running<'a> {
    host: &'a Host,
    kind: DomainKind,
    /// Whether Xen reports what is claimed of each node.
    reports_claims: bool,
    slots: [Slot; SLOTS],
}

impl<'a> Running<'a> {
    pub fn new(host: &'a Host, kind: DomainKind, reports_claims: bool) -> Self {
        Running {
            host,
            kind,
            reports_claims,
            slots: std::array::from_fn(|_| Slot {
                domain: None,
                domid: NOBODY,
                extents: Vec::new(),
                next: 0,
            }),
        }
    }

    fn create(&mut self, slot: usize) -> Result<u64, Errno> {
        if self.slots[slot].domain.is_some() {
            return Err(Errno::EEXIST);
        }
        let domain = self.host.create_bare(self.kind, 1);
        let domain = domain.map_err(|error| error.errno)?;
        self.slots[slot] = Slot {
            domid: domain.domid,
            domain: Some(domain),
            extents: Vec::new(),
            next: 0,
        };
        Ok(0)
    }

    fn populate(&mut self, slot: usize, order: u32, count: u64, from: From) -> Result<u64, Errno> {
        let slot = &mut self.slots[slot];
        let first = slot.next.next_multiple_of(1 << order);
        let mut frames: Vec<u64> = (0..count).map(|extent| first + (extent << order)).collect();
        let done = (self.host.xen)
            .populate(slot.domid, order, from, &mut frames)
            .map_err(|error| error.errno)?;
        slot.next = first + ((done as u64) << order);
        slot.extents
            .extend(frames[..done].iter().map(|frame| (*frame, order)));
        Ok(done as u64)
    }

    fn free(&mut self, slot: usize, order: u32, count: u64) -> Result<u64, Errno> {
        let slot = &mut self.slots[slot];
        let of_order = (0..slot.extents.len()).rev();
        let of_order = of_order.filter(|extent| slot.extents[*extent].1 == order);
        let chosen: Vec<usize> = of_order.take(count as usize).collect();
        let mut frames: Vec<u64> = chosen.iter().map(|i| slot.extents[*i].0).collect();
        let done = (self.host.xen)
            .decrease(slot.domid, order, &mut frames)
            .map_err(|error| error.errno)?;
        // Descending, so that what is left keeps its place.
        for extent in &chosen[..done] {
            slot.extents.remove(*extent);
        }
        Ok(done as u64)
    }

    /// Host and nodes, which Xen reports by separate calls, at one moment.
    fn memory(&self) -> Result<Memory, Failure> {
        for _ in 0..READINGS {
            let memory = self.host.xen.memory()?;
            if by_node(&memory).iter().sum::<u64>() == memory.host_free_pages {
                return Ok(memory);
            }
        }
        Err(Failure("free pages of nodes and host differ".to_string()))
    }

    /// The counters when so many pages are free, or after some time anyway.
    pub fn counters_when_free(
        &mut self,
        pages: u64,
        at_last: Duration,
    ) -> Result<Counters, Failure> {
        let start = Instant::now();
        while self.memory()?.host_free_pages < pages && start.elapsed() < at_last {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.counters()
    }

    fn destroy(&mut self, slot: usize) -> Result<(), CallError> {
        let slot = &mut self.slots[slot];
        slot.extents.clear();
        match slot.domain.take() {
            Some(domain) => domain.destroy(),
            None => self.host.xen.destroy(slot.domid),
        }
    }
}

impl World for Running<'_> {
    fn apply(&mut self, operation: &Operation) -> Result<u64, Errno> {
        let xen = &self.host.xen;
        let done = |result: Result<(), CallError>| result.map(|()| 0).map_err(|e| e.errno);
        match *operation {
            Operation::Create(slot) => self.create(slot),
            Operation::SetMax(slot, pages) => {
                done(xen.set_max_pages(self.slots[slot].domid, pages))
            }
            Operation::ClaimHost(slot, pages) => {
                done(xen.claim(self.slots[slot].domid, Claim::Host { pages }))
            }
            Operation::ClaimNode(slot, node, pages) => {
                done(xen.claim(self.slots[slot].domid, Claim::Node { node, pages }))
            }
            Operation::ClaimSet(slot, ref set) => {
                done(xen.claim(self.slots[slot].domid, Claim::Set(set)))
            }
            Operation::Populate(slot, order, count, from) => {
                self.populate(slot, order, count, from)
            }
            Operation::Free(slot, order, count) => self.free(slot, order, count),
            Operation::SetNodeAffinity(slot, nodes) => {
                done(xen.set_node_affinity(self.slots[slot].domid, nodes))
            }
            Operation::Destroy(slot) => done(self.destroy(slot)),
        }
    }

    fn counters(&mut self) -> Result<Counters, Failure> {
        let memory = self.memory()?;
        let listed = self.host.xen.domains()?;
        let mut domains = Domains::default();
        for (slot, figures) in self.slots.iter().zip(&mut domains) {
            if let Some(domain) = listed.iter().find(|domain| domain.domid == slot.domid) {
                *figures = Some(Figures {
                    tot_pages: domain.tot_pages,
                    outstanding_pages: domain.outstanding_pages,
                    max_pages: domain.max_pages,
                    affinity: self.host.affinity(domain.domid)?,
                });
            }
        }
        Ok(Counters {
            free_pages: memory.host_free_pages,
            outstanding_pages: memory.host_outstanding_pages,
            free_by_node: by_node(&memory),
            claimed_by_node: match self.reports_claims {
                true => claimed_by_node(&memory),
                false => Vec::new(),
            },
            domains,
        })
    }
}
