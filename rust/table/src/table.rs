//! A hypervisor behind a table of C functions, none of whose answers is believed unchecked.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use claims::{
    Accounting, Affinity, Call, CallError, Capabilities, Claim, DomainInfo, Domid, Errno,
    Hypervisor, NodePages,
};
use planner::{CpuSet, Memory, NodeSet, Topology, TopologyDescription, MAX_CPUS, MAX_NODES};

use crate::abi::*;
use crate::answer::{check, counted, domain_info, known, node_memory, nonsense, written};
use crate::error::TableError;

/// A [`Hypervisor`] that calls the functions of a table.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    context: Context,
    functions: Functions,
    /// The latest time that the provider's own clock has said.
    latest: Arc<AtomicU64>,
    provider: PhantomData<&'a ()>,
}

#[derive(Debug, Clone, Copy)]
struct Context(*mut c_void);

// SAFETY: the header requires of a provider that its context may be used from any thread.
unsafe impl Send for Context {}

// SAFETY: and from several at once.
unsafe impl Sync for Context {}

/// Domains asked for at once.
const DOMAINS_AT_ONCE: usize = 256;

const SIZE: usize = size_of::<XenopsdNumaHypervisor>();

impl<'a> Table<'a> {
    /// The hypervisor whose table is at `address`, which is read once.
    ///
    /// # Safety
    /// Unless it is null or misaligned, `address` must be that of a readable `abi_version` and
    /// `size`, and of a structure of `size` bytes if these are as they should be. Its functions
    /// must be what `xenopsd_numa_hypervisor.h` says, for as long as `'a`.
    // SAFETY: the caller gives the address of a table that lives as long as this.
    pub unsafe fn new(address: *const XenopsdNumaHypervisor) -> Result<Self, TableError> {
        if address.is_null() {
            return Err(TableError::Null);
        }
        if !address.is_aligned() {
            return Err(TableError::Misaligned {
                address: address.addr(),
                alignment: align_of::<XenopsdNumaHypervisor>(),
            });
        }
        // SAFETY: the caller says that these two can be read. No reference is made before the
        // size is known.
        let (version, size) = unsafe {
            (
                (&raw const (*address).abi_version).read(),
                (&raw const (*address).size).read(),
            )
        };
        if version != ABI_VERSION {
            return Err(TableError::Version { found: version });
        }
        if (size as usize) < LEAST_SIZE {
            return Err(TableError::Size {
                found: size,
                expected: LEAST_SIZE,
            });
        }
        let mut table = MaybeUninit::<XenopsdNumaHypervisor>::zeroed();
        // A function that is cut off is not there.
        let word = size_of::<usize>();
        let known = SIZE.min(size as usize) / word * word;
        // SAFETY: the caller says that `size` bytes can be read; as many, or all that are known
        // here, fit.
        unsafe {
            (table.as_mut_ptr().cast::<u8>()).copy_from_nonoverlapping(address.cast(), known);
        }
        // SAFETY: what was not copied is functions, for which zero is `None`.
        let table = unsafe { table.assume_init() };
        Ok(Table {
            context: Context(table.context),
            functions: Functions::of(&table)?,
            latest: Arc::default(),
            provider: PhantomData,
        })
    }
}

impl Table<'_> {
    /// The domains from `first` on, and whether there may be more.
    fn domains_from(&self, first: u32) -> Result<(Vec<DomainInfo>, bool), CallError> {
        const CALL: &str = Call::Domains {}.name();
        let mut domains = [XenopsdNumaDomain::default(); DOMAINS_AT_ONCE];
        let mut count = DOMAINS_AT_ONCE as u32;
        // SAFETY: the array has room for `count` domains.
        let status = unsafe {
            (self.functions.domains)(self.context.0, first, &mut count, domains.as_mut_ptr())
        };
        check(CALL, status)?;
        let found: Vec<DomainInfo> = written(CALL, &domains, count)?
            .iter()
            .map(|domain| domain_info(CALL, domain))
            .collect::<Result<_, _>>()?;
        // Strictly ascending from `first`: so that asking on comes to an end.
        let mut least = first;
        for domain in &found {
            if u32::from(domain.domid.0) < least {
                return nonsense(CALL);
            }
            least = u32::from(domain.domid.0) + 1;
        }
        Ok((found, count as usize == DOMAINS_AT_ONCE))
    }

    /// What the function for that claim returns, if there is one and a node can have that number.
    fn claimed(&self, domid: u32, claim: Claim<'_>) -> Result<c_int, Errno> {
        let (context, functions) = (self.context.0, &self.functions);
        let node = |node| u32::try_from(node).map_err(|_| Errno::ENOENT);
        match claim {
            // SAFETY: takes no pointer but the provider's own.
            Claim::Host { pages } => Ok(unsafe { (functions.claim_host)(context, domid, pages) }),
            Claim::Node { node: on, pages } => {
                let claim_node = functions.claim_node.ok_or(Errno::ENOSYS)?;
                // SAFETY: takes no pointer but the provider's own.
                Ok(unsafe { claim_node(context, domid, node(on)?, pages) })
            }
            Claim::Set(set) => {
                let claim_set = functions.claim_set.ok_or(Errno::ENOSYS)?;
                let entry = |share: &NodePages| {
                    Ok(XenopsdNumaNodePages {
                        pages: share.pages,
                        node: node(share.node)?,
                        reserved: 0,
                    })
                };
                let set: Vec<_> = set.iter().map(entry).collect::<Result<_, _>>()?;
                // SAFETY: there are as many entries as are counted.
                Ok(unsafe { claim_set(context, domid, set.len() as u32, set.as_ptr()) })
            }
        }
    }
}

impl Hypervisor for Table<'_> {
    fn topology(&self) -> Result<Topology, CallError> {
        const CALL: &str = Call::Topology {}.name();
        let mut distances = vec![NONE; MAX_NODES * MAX_NODES];
        let unknown = XenopsdNumaCpu {
            node: NONE,
            core: NONE,
            socket: NONE,
        };
        let mut cpus = vec![unknown; MAX_CPUS];
        let (mut node_count, mut cpu_count) = (MAX_NODES as u32, MAX_CPUS as u32);
        // SAFETY: there is room for `node_count` squared distances and `cpu_count` CPUs.
        let status = unsafe {
            (self.functions.topology)(
                self.context.0,
                &mut node_count,
                distances.as_mut_ptr(),
                &mut cpu_count,
                cpus.as_mut_ptr(),
            )
        };
        check(CALL, status)?;
        let cpus = written(CALL, &cpus, cpu_count)?;
        if node_count == 0 || node_count as usize > MAX_NODES {
            return nonsense(CALL);
        }
        let nodes = node_count as usize;
        let description = TopologyDescription {
            distances: distances
                .chunks(nodes)
                .take(nodes)
                .map(|row| row.iter().map(|distance| known(*distance)).collect())
                .collect(),
            cpu_to_node: cpus.iter().map(|cpu| known(cpu.node)).collect(),
            cpu_to_core: cpus
                .iter()
                .map(|cpu| known(cpu.core).map(i64::from))
                .collect(),
            cpu_to_socket: cpus
                .iter()
                .map(|cpu| known(cpu.socket).map(i64::from))
                .collect(),
        };
        Topology::new(&description.repaired()).or_else(|_| nonsense(CALL))
    }

    fn memory(&self) -> Result<Memory, CallError> {
        const CALL: &str = Call::Memory {}.name();
        let mut nodes = [XenopsdNumaNode::default(); MAX_NODES];
        let mut node_count = MAX_NODES as u32;
        let mut host = XenopsdNumaHost::default();
        // SAFETY: the array has room for `node_count` nodes.
        let status = unsafe {
            (self.functions.memory)(
                self.context.0,
                &mut node_count,
                nodes.as_mut_ptr(),
                &mut host,
            )
        };
        check(CALL, status)?;
        Ok(Memory {
            nodes: written(CALL, &nodes, node_count)?
                .iter()
                .map(|node| node_memory(CALL, node))
                .collect::<Result<_, _>>()?,
            host_free_pages: counted(CALL, host.free_pages)?,
            host_outstanding_pages: counted(CALL, host.outstanding_pages)?,
            host_reserved_pages: 0,
        })
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, CallError> {
        let mut all: Vec<DomainInfo> = Vec::new();
        loop {
            let first = all.last().map_or(0, |domain| u32::from(domain.domid.0) + 1);
            let (found, more) = self.domains_from(first)?;
            all.extend(found);
            if !more {
                return Ok(all);
            }
        }
    }

    fn node_affinity(&self, domid: Domid) -> Result<NodeSet, CallError> {
        let call = Call::NodeAffinity { domid }.name();
        let (mut nodes, domid) = (0, u32::from(domid.0));
        // SAFETY: `nodes` can be written to.
        let status = unsafe { (self.functions.node_affinity)(self.context.0, domid, &mut nodes) };
        check(call, status)?;
        Ok(NodeSet::from_bits(nodes))
    }

    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError> {
        let call = Call::SetNodeAffinity { domid, nodes }.name();
        let nodes = nodes.map_or(AUTOMATIC, NodeSet::bits);
        let domid = u32::from(domid.0);
        // SAFETY: takes no pointer but the provider's own.
        let status = unsafe { (self.functions.set_node_affinity)(self.context.0, domid, nodes) };
        check(call, status)
    }

    fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), CallError> {
        let call = Call::SetVcpuAffinity {
            domid,
            vcpu,
            affinity,
            cpus,
        };
        let call = call.name();
        let affinity = match affinity {
            Affinity::Soft => AFFINITY_SOFT,
            Affinity::Hard => AFFINITY_HARD,
        };
        let mut words = [0; MAX_CPUS / 64];
        let mut word_count = 0;
        for cpu in cpus.iter() {
            let word = cpu / 64;
            match words.get_mut(word) {
                Some(bits) => *bits |= 1 << (cpu % 64),
                None => return check(call, Errno::EINVAL.0),
            }
            word_count = word + 1;
        }
        // SAFETY: the array has at least `word_count` words.
        let status = unsafe {
            (self.functions.set_vcpu_affinity)(
                self.context.0,
                u32::from(domid.0),
                vcpu,
                affinity,
                word_count as u32,
                words.as_ptr(),
            )
        };
        check(call, status)
    }

    fn claim(&self, domid: Domid, claim: Claim<'_>) -> Result<(), CallError> {
        let call = Call::Claim { domid, claim }.name();
        let status = self.claimed(u32::from(domid.0), claim);
        check(call, status.unwrap_or_else(|errno| errno.0))
    }

    fn pages_by_node(&self, domid: Domid) -> Result<Vec<u64>, CallError> {
        let call = Call::PagesByNode { domid }.name();
        let Some(pages_by_node) = self.functions.pages_by_node else {
            return check(call, Errno::ENOSYS.0).map(|()| Vec::new());
        };
        let (mut pages, mut count) = ([0; MAX_NODES], MAX_NODES as u32);
        let domid = u32::from(domid.0);
        // SAFETY: the array has room for `count` nodes.
        let status =
            unsafe { pages_by_node(self.context.0, domid, &mut count, pages.as_mut_ptr()) };
        check(call, status)?;
        (written(call, &pages, count)?.iter())
            .map(|pages| counted(call, *pages))
            .collect()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = 0;
        // SAFETY: `capabilities` can be written to.
        let status = unsafe { (self.functions.capabilities)(self.context.0, &mut capabilities) };
        // Nothing is what costs only time where it is wrong.
        let has = |capability| status == 0 && capabilities & capability != 0;
        Capabilities {
            accounting: match has(AT_ALLOCATION) {
                true => Accounting::AtAllocation,
                false => Accounting::Late,
            },
            node_claims_bind_all: has(NODE_CLAIMS_BIND_ALL),
            node_claims: self.functions.claim_node.is_some(),
            claim_sets: self.functions.claim_set.is_some(),
            pages_by_node: self.functions.pages_by_node.is_some(),
        }
    }

    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        let Some((now, _)) = self.functions.clock() else {
            return START.get_or_init(Instant::now).elapsed();
        };
        let mut nanoseconds = 0;
        // SAFETY: the time can be written to.
        let status = unsafe { now(self.context.0, &mut nanoseconds) };
        // A clock that does not answer, or goes back, stands still.
        let answer = if status == 0 { nanoseconds } else { 0 };
        let latest = self.latest.fetch_max(answer, Ordering::Relaxed);
        Duration::from_nanos(latest.max(answer))
    }

    fn sleep(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let slept = self.functions.clock().is_some_and(|(_, sleep)| {
            // SAFETY: takes no pointer but the provider's own.
            unsafe { sleep(self.context.0, nanoseconds) == 0 }
        });
        if !slept {
            std::thread::sleep(time);
        }
    }
}
