//! Operations on domains as data, and the counters that they move: what the running Xen does can
//! be set beside what anything else does that takes the same operations.

use claims::{CallError, Errno, Hypervisor};
use planner::NodeSet;
use xen::{DomainKind, From};

use crate::host::{by_node, Domain, Host};
use crate::report::{ensure, Failure, Found};

/// Something that is done to the domain in a slot, of which there are [`SLOTS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A new domain without memory and vCPUs; the slot must be empty.
    Create(usize),
    /// Sets the most pages that it may have.
    SetMax(usize, u64),
    /// A claim on the host, or its end.
    ClaimHost(usize, u64),
    /// Populates extents: order, how many, from where.
    Populate(usize, u32, u64, From),
    /// Frees the last extents of an order that it has: order, how many.
    Free(usize, u32, u64),
    /// Sets its node affinity, or gives it back.
    SetNodeAffinity(usize, Option<NodeSet>),
    /// Destroys it, and waits for all of its memory.
    Destroy(usize),
}

/// Domains that there are at most.
pub const SLOTS: usize = 4;

/// Total and outstanding pages of the domain in each slot.
pub type Domains = [Option<(u64, u64)>; SLOTS];

/// The counters that operations move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    pub free_pages: u64,
    pub outstanding_pages: u64,
    pub free_by_node: Vec<u64>,
    pub domains: Domains,
}

/// Where operations are done.
pub trait World {
    /// Does one: the extents that were had or freed, 0 where it is not about extents. ESRCH if the
    /// slot is empty, EEXIST if it must be.
    fn apply(&mut self, operation: &Operation) -> Result<u64, Errno>;

    /// The counters, once free memory has settled.
    fn counters(&mut self) -> Result<Counters, Failure>;
}

/// A domain, and the extents that it has: frame and order.
struct Slot {
    domain: Domain,
    extents: Vec<(u64, u32)>,
    /// The guest frame that is populated next.
    next: u64,
}

/// The running Xen.
pub struct Running<'a> {
    host: &'a Host,
    kind: DomainKind,
    slots: [Option<Slot>; SLOTS],
}

impl<'a> Running<'a> {
    pub fn new(host: &'a Host, kind: DomainKind) -> Self {
        Running {
            host,
            kind,
            slots: std::array::from_fn(|_| None),
        }
    }

    fn slot(&mut self, slot: usize) -> Result<&mut Slot, Errno> {
        (self.slots.get_mut(slot).and_then(Option::as_mut)).ok_or(Errno::ESRCH)
    }

    fn create(&mut self, slot: usize) -> Result<u64, Errno> {
        if self.slots.get(slot).ok_or(Errno::ERANGE)?.is_some() {
            return Err(Errno::EEXIST);
        }
        let domain = self.host.create(self.kind, 1, 0).map_err(|_| Errno::EIO)?;
        self.slots[slot] = Some(Slot {
            domain,
            extents: Vec::new(),
            next: 0,
        });
        Ok(0)
    }

    fn populate(&mut self, slot: usize, order: u32, count: u64, from: From) -> Result<u64, Errno> {
        let host = self.host;
        let slot = self.slot(slot)?;
        let first = slot.next.next_multiple_of(1 << order);
        let mut frames: Vec<u64> = (0..count).map(|extent| first + (extent << order)).collect();
        let done = host
            .xen
            .populate(slot.domain.domid, order, from, &mut frames)
            .map_err(|error| error.errno)?;
        slot.next = first + ((done as u64) << order);
        slot.extents
            .extend(frames[..done].iter().map(|frame| (*frame, order)));
        Ok(done as u64)
    }

    fn free(&mut self, slot: usize, order: u32, count: u64) -> Result<u64, Errno> {
        let host = self.host;
        let slot = self.slot(slot)?;
        let of_order = (0..slot.extents.len()).rev();
        let of_order = of_order.filter(|extent| slot.extents[*extent].1 == order);
        let chosen: Vec<usize> = of_order.take(count as usize).collect();
        let mut frames: Vec<u64> = chosen.iter().map(|i| slot.extents[*i].0).collect();
        let done = host
            .xen
            .decrease(slot.domain.domid, order, &mut frames)
            .map_err(|error| error.errno)?;
        // Descending, so that what is left keeps its place.
        for extent in &chosen[..done] {
            slot.extents.remove(*extent);
        }
        Ok(done as u64)
    }
}

impl World for Running<'_> {
    fn apply(&mut self, operation: &Operation) -> Result<u64, Errno> {
        let host = self.host;
        let xen = &host.xen;
        let done = |result: Result<(), CallError>| result.map(|()| 0).map_err(|e| e.errno);
        match *operation {
            Operation::Create(slot) => self.create(slot),
            Operation::SetMax(slot, pages) => {
                done(xen.set_max_pages(self.slot(slot)?.domain.domid, pages))
            }
            Operation::ClaimHost(slot, pages) => {
                done(xen.claim_host(self.slot(slot)?.domain.domid, pages))
            }
            Operation::Populate(slot, order, count, from) => {
                self.populate(slot, order, count, from)
            }
            Operation::Free(slot, order, count) => self.free(slot, order, count),
            Operation::SetNodeAffinity(slot, nodes) => {
                done(xen.set_node_affinity(self.slot(slot)?.domain.domid, nodes))
            }
            Operation::Destroy(slot) => {
                let found = self.slots.get_mut(slot).and_then(Option::take);
                done(found.ok_or(Errno::ESRCH)?.domain.destroy())
            }
        }
    }

    fn counters(&mut self) -> Result<Counters, Failure> {
        let memory = self.host.settled()?;
        let listed = self.host.xen.domains()?;
        let figures = |slot: &Option<Slot>| {
            let domid = slot.as_ref()?.domain.domid;
            let domain = listed.iter().find(|domain| domain.domid == domid)?;
            Some((domain.tot_pages, domain.outstanding_pages))
        };
        Ok(Counters {
            free_pages: memory.host_free_pages,
            outstanding_pages: memory.host_outstanding_pages,
            free_by_node: by_node(&memory),
            domains: std::array::from_fn(|slot| figures(&self.slots[slot])),
        })
    }
}

/// Pages that a domain costs beside its memory, at most.
const DOMAIN_PAGES: u64 = 600;

/// An operation of a random sequence on a host with these nodes.
fn random(random: &mut fastrand::Rng, nodes: &[usize]) -> Operation {
    let slot = random.usize(0..SLOTS);
    let node = random.choice(nodes).copied().unwrap_or(0);
    let pages = random.u64(0..=1 << 15);
    match random.u32(0..12) {
        0 | 1 => Operation::Create(slot),
        2 | 3 => Operation::SetMax(slot, pages * 2),
        4 | 5 => Operation::ClaimHost(slot, pages),
        6 => Operation::ClaimHost(slot, 0),
        7 | 8 => {
            let (order, count) =
                [(9, random.u64(1..16)), (0, random.u64(1..600))][random.usize(0..2)];
            let from =
                [From::Anywhere, From::Preferably(node), From::Exactly(node)][random.usize(0..3)];
            Operation::Populate(slot, order, count, from)
        }
        9 => Operation::Free(slot, [0, 9][random.usize(0..2)], random.u64(1..300)),
        10 => Operation::SetNodeAffinity(slot, random.bool().then_some(NodeSet::one(node))),
        _ => Operation::Destroy(slot),
    }
}

/// Random operations keep what must hold of the counters.
pub fn keep_the_counters(host: &Host, seed: u64, count: u32) -> Found {
    let mut source = fastrand::Rng::with_seed(seed);
    let nodes = host.nodes_with_memory()?;
    let mut world = Running::new(host, host.kinds[0]);
    let start = world.counters()?;
    let (mut accepted, mut refused) = (0, 0);
    for step in 0..count {
        let operation = random(&mut source, &nodes);
        match world.apply(&operation) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
        if step % 16 != 0 && step + 1 != count {
            continue;
        }
        let now = world.counters()?;
        let living = now.domains.iter().flatten();
        let (had, claimed) = living.fold((0, 0), |(had, claimed), (total, outstanding)| {
            (had + total, claimed + outstanding)
        });
        ensure!(
            claimed == now.outstanding_pages,
            "seed {seed}, step {step}: {claimed} and {} are claimed",
            now.outstanding_pages
        );
        let on_nodes: u64 = now.free_by_node.iter().sum();
        ensure!(
            on_nodes == now.free_pages,
            "seed {seed}, step {step}: {on_nodes} and {} are free",
            now.free_pages
        );
        let missing = (now.free_pages + had).abs_diff(start.free_pages);
        ensure!(
            missing <= DOMAIN_PAGES * SLOTS as u64,
            "seed {seed}, step {step}: {missing} pages are missing or too many"
        );
    }
    Ok(format!(
        "seed {seed}: {accepted} were done, {refused} refused"
    ))
}
