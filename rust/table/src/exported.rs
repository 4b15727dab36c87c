//! Any [`Hypervisor`] as a table of C functions.

use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::time::Duration;

use claims::{Accounting, Affinity, CallError, Claim, Domid, Errno, Hypervisor, NodePages};
use planner::{CpuSet, NodeSet, MAX_CPUS, MAX_NODES};

use crate::abi::*;
use crate::caught::caught;
use crate::error::TableError;
use crate::table::Table;

/// A [`Hypervisor`] and its table, which is good for as long as this lives. A panic of the
/// hypervisor is answered as EIO.
#[derive(Debug)]
pub struct Exported<H> {
    table: Arc<XenopsdNumaHypervisor>,
    hypervisor: Arc<H>,
}

impl<H: Hypervisor> Exported<H> {
    /// The table of `hypervisor`.
    pub fn new(hypervisor: H) -> Self {
        let hypervisor = Arc::new(hypervisor);
        let has = hypervisor.capabilities();
        let table = Arc::new(XenopsdNumaHypervisor {
            abi_version: ABI_VERSION,
            size: size_of::<XenopsdNumaHypervisor>() as u32,
            context: Arc::as_ptr(&hypervisor).cast_mut().cast(),
            topology: Some(topology::<H>),
            memory: Some(memory::<H>),
            domains: Some(domains::<H>),
            node_affinity: Some(node_affinity::<H>),
            set_node_affinity: Some(set_node_affinity::<H>),
            set_vcpu_affinity: Some(set_vcpu_affinity::<H>),
            claim_host: Some(claim_host::<H>),
            capabilities: Some(capabilities::<H>),
            claim_node: has.node_claims.then_some(claim_node::<H>),
            claim_set: has.claim_sets.then_some(claim_set::<H>),
            pages_by_node: has.pages_by_node.then_some(pages_by_node::<H>),
            now: Some(now::<H>),
            sleep: Some(sleep::<H>),
        });
        Exported { table, hypervisor }
    }

    /// The table's address.
    pub fn as_ptr(&self) -> *const XenopsdNumaHypervisor {
        Arc::as_ptr(&self.table)
    }

    /// The hypervisor itself.
    pub fn hypervisor(&self) -> &H {
        &self.hypervisor
    }

    /// The hypervisor as it looks through its table.
    pub fn table(&self) -> Result<Table<'_>, TableError> {
        // SAFETY: the table is well-formed and lives as long as `self`.
        unsafe { Table::new(self.as_ptr()) }
    }
}

/// Runs a call, and makes an errno of what goes wrong in it.
///
/// # Safety
/// `context` must be that of an [`Exported<H>`] that still lives.
// SAFETY: the caller has the context that the table was made with.
unsafe fn run<H: Hypervisor>(
    context: *mut c_void,
    call: impl FnOnce(&H) -> Result<(), Errno>,
) -> c_int {
    // SAFETY: by the contract of this function.
    let hypervisor = unsafe { &*context.cast_const().cast::<H>() };
    match caught(|| call(hypervisor)) {
        Ok(Ok(())) => 0,
        Ok(Err(errno)) if errno.0 > 0 => errno.0,
        Ok(Err(_)) | Err(_) => Errno::EIO.0,
    }
}

fn errno(error: CallError) -> Errno {
    error.errno
}

fn domid(number: u32) -> Result<Domid, Errno> {
    u16::try_from(number).map(Domid).map_err(|_| Errno::ESRCH)
}

/// Writes `entries` into an array with room for `*count`.
///
/// # Safety
/// `count` must be readable and writable, `array` writable for `*count` entries.
// SAFETY: the caller gives as much room as the header says.
unsafe fn write<T>(
    entries: impl ExactSizeIterator<Item = T>,
    count: *mut u32,
    array: *mut T,
) -> Result<(), Errno> {
    // SAFETY: by the contract of this function.
    let room = unsafe { count.read() } as usize;
    let length = entries.len();
    if length > room {
        return Err(Errno::ENOBUFS);
    }
    for (i, entry) in entries.take(length).enumerate() {
        // SAFETY: `i` is below `length`, for which there is room.
        unsafe { array.add(i).write(entry) };
    }
    // SAFETY: by the contract of this function.
    unsafe { count.write(length as u32) };
    Ok(())
}

/// The table's functions, each what `hypervisor` is asked.
macro_rules! exported {
    ($(fn $name:ident($hypervisor:ident, $($argument:ident: $kind:ty),+) $body:block)+) => {
        $(
            // SAFETY: as the header asks of the caller: the table's context, room for each answer,
            // and as many entries as are counted.
            unsafe extern "C" fn $name<H: Hypervisor>(
                context: *mut c_void,
                $($argument: $kind),+
            ) -> c_int {
                let call = |$hypervisor: &H| $body;
                // SAFETY: the table's functions are called with its context.
                unsafe { run(context, call) }
            }
        )+
    };
}

exported! {
    fn topology(
        hypervisor, node_count: *mut u32, distances: *mut u32, cpu_count: *mut u32,
        cpus: *mut XenopsdNumaCpu
    ) {
        let topology = hypervisor.topology().map_err(errno)?;
        let nodes = topology.node_count();
        // A topology numbers its cores over the whole host, so they need no socket.
        let all_cpus = (0..topology.cpu_count()).map(|id| match topology.cpu(id) {
            Some((node, core)) => XenopsdNumaCpu {
                node: node as u32,
                core: core as u32,
                socket: 0,
            },
            None => XenopsdNumaCpu {
                node: NONE,
                core: NONE,
                socket: NONE,
            },
        });
        // SAFETY: the caller has room for `*cpu_count` CPUs.
        unsafe { write(all_cpus, cpu_count, cpus)? };
        // SAFETY: the caller can be read from.
        let mut room = unsafe { node_count.read() };
        if nodes > room as usize {
            return Err(Errno::ENOBUFS);
        }
        room = room.saturating_mul(room);
        let all_distances =
            (0..nodes * nodes).map(|i| topology.distance(i / nodes, i % nodes).unwrap_or(NONE));
        // SAFETY: the caller has room for the square of `*node_count` distances.
        unsafe { write(all_distances, &mut room, distances)? };
        // SAFETY: the caller can be written to.
        unsafe { node_count.write(nodes as u32) };
        Ok(())
    }

    fn memory(
        hypervisor, node_count: *mut u32, nodes: *mut XenopsdNumaNode, host: *mut XenopsdNumaHost
    ) {
        let memory = hypervisor.memory().map_err(errno)?;
        let all = memory.nodes.iter().map(|node| match node {
            Some(node) => XenopsdNumaNode {
                size_pages: node.size_pages,
                free_pages: node.free_pages,
                claimed_pages: node.claimed_pages,
                online: 1,
                reserved: 0,
            },
            None => XenopsdNumaNode::default(),
        });
        // SAFETY: the caller has room for `*node_count` nodes.
        unsafe { write(all, node_count, nodes)? };
        let all = XenopsdNumaHost {
            free_pages: memory.host_free_pages,
            outstanding_pages: memory.host_outstanding_pages,
        };
        // SAFETY: the caller has room for the host.
        unsafe { host.write(all) };
        Ok(())
    }

    fn domains(hypervisor, first: u32, count: *mut u32, array: *mut XenopsdNumaDomain) {
        // SAFETY: the caller can be read from.
        let room = unsafe { count.read() } as usize;
        let found: Vec<XenopsdNumaDomain> = hypervisor
            .domains()
            .map_err(errno)?
            .iter()
            .filter(|domain| u32::from(domain.domid.0) >= first)
            .take(room)
            .map(|domain| XenopsdNumaDomain {
                tot_pages: domain.tot_pages,
                outstanding_pages: domain.outstanding_pages,
                max_pages: domain.max_pages,
                domid: u32::from(domain.domid.0),
                dying: u32::from(domain.dying),
            })
            .collect();
        // SAFETY: the caller has room for `*count` domains.
        unsafe { write(found.into_iter(), count, array) }
    }

    fn node_affinity(hypervisor, number: u32, nodes: *mut u64) {
        let found = hypervisor.node_affinity(domid(number)?).map_err(errno)?;
        // SAFETY: the caller has room for the set.
        unsafe { nodes.write(found.bits()) };
        Ok(())
    }

    fn set_node_affinity(hypervisor, number: u32, nodes: u64) {
        let nodes = (nodes != AUTOMATIC).then_some(NodeSet::from_bits(nodes));
        let domid = domid(number)?;
        hypervisor.set_node_affinity(domid, nodes).map_err(errno)
    }

    fn set_vcpu_affinity(
        hypervisor, number: u32, vcpu: u32, affinity: u32, word_count: u32, cpus: *const u64
    ) {
        let affinity = match affinity {
            AFFINITY_SOFT => Affinity::Soft,
            AFFINITY_HARD => Affinity::Hard,
            _ => return Err(Errno::EINVAL),
        };
        if word_count as usize > MAX_CPUS / 64 {
            return Err(Errno::EINVAL);
        }
        let mut set = CpuSet::new();
        for word in 0..word_count as usize {
            // SAFETY: the caller gives `word_count` words.
            let bits = unsafe { cpus.add(word).read() };
            let ones = (0..64).filter(|bit| bits >> bit & 1 == 1);
            ones.for_each(|bit| set.insert(word * 64 + bit));
        }
        let domid = domid(number)?;
        hypervisor
            .set_vcpu_affinity(domid, vcpu, affinity, &set)
            .map_err(errno)
    }

    fn claim_host(hypervisor, number: u32, pages: u64) {
        let claim = Claim::Host { pages };
        hypervisor.claim(domid(number)?, claim).map_err(errno)
    }

    fn claim_node(hypervisor, number: u32, node: u32, pages: u64) {
        let node = node as usize;
        let claim = Claim::Node { node, pages };
        hypervisor.claim(domid(number)?, claim).map_err(errno)
    }

    fn capabilities(hypervisor, capabilities: *mut u64) {
        let has = hypervisor.capabilities();
        let at_allocation = u64::from(has.accounting == Accounting::AtAllocation) * AT_ALLOCATION;
        let bind_all = u64::from(has.node_claims_bind_all) * NODE_CLAIMS_BIND_ALL;
        // SAFETY: the caller has room for the answer.
        unsafe { capabilities.write(at_allocation | bind_all) };
        Ok(())
    }

    fn claim_set(hypervisor, number: u32, count: u32, set: *const XenopsdNumaNodePages) {
        let domid = domid(number)?;
        if count as usize > MAX_NODES {
            return Err(Errno::E2BIG);
        }
        let mut shares = Vec::with_capacity(count as usize);
        for i in 0..count as usize {
            // SAFETY: the caller gives `count` nodes.
            let share = unsafe { set.add(i).read() };
            if share.reserved != 0 {
                return Err(Errno::EINVAL);
            }
            shares.push(NodePages {
                node: share.node as usize,
                pages: share.pages,
            });
        }
        hypervisor.claim(domid, Claim::Set(&shares)).map_err(errno)
    }

    fn pages_by_node(hypervisor, number: u32, node_count: *mut u32, pages: *mut u64) {
        let found = hypervisor.pages_by_node(domid(number)?).map_err(errno)?;
        // SAFETY: the caller has room for `*node_count` nodes.
        unsafe { write(found.into_iter(), node_count, pages) }
    }

    fn now(hypervisor, nanoseconds: *mut u64) {
        let now = u64::try_from(hypervisor.now().as_nanos()).map_err(|_| Errno::EOVERFLOW)?;
        // SAFETY: the caller has room for the time.
        unsafe { nanoseconds.write(now) };
        Ok(())
    }

    fn sleep(hypervisor, nanoseconds: u64) {
        hypervisor.sleep(Duration::from_nanos(nanoseconds));
        Ok(())
    }
}
