//! A hypervisor behind a table of C functions, none of whose answers is believed unchecked.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use claims::{Accounting, Affinity, CallError, DomainInfo, Domid, Errno, Hypervisor, NodePages};
use planner::{CpuSet, Memory, NodeSet, Topology, TopologyDescription, MAX_CPUS, MAX_NODES};

use crate::abi::*;
use crate::answer::{check, counted, domain_info, known, node_memory, nonsense, written};
use crate::error::TableError;

/// A [`Hypervisor`] that calls the functions of a table.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    context: Context,
    calls: Calls,
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

#[derive(Debug, Clone, Copy)]
struct Calls {
    topology: TopologyCall,
    memory: MemoryCall,
    domains: DomainsCall,
    node_affinity: NodeAffinityCall,
    set_node_affinity: SetNodeAffinityCall,
    set_vcpu_affinity: SetVcpuAffinityCall,
    claim_host: ClaimHostCall,
    claim_node: ClaimNodeCall,
    accounting: AccountingCall,
    claim_set: Option<ClaimSetCall>,
    pages_by_node: Option<PagesByNodeCall>,
    /// Both or neither.
    clock: Option<(NowCall, SleepCall)>,
}

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
            calls: Calls::of(&table)?,
            latest: Arc::default(),
            provider: PhantomData,
        })
    }
}

impl Calls {
    fn of(table: &XenopsdNumaHypervisor) -> Result<Self, TableError> {
        macro_rules! calls {
            ($($function:ident),+) => {
                Calls {
                    $($function: table.$function.ok_or(TableError::Missing {
                        function: stringify!($function),
                    })?,)+
                    claim_set: table.claim_set,
                    pages_by_node: table.pages_by_node,
                    clock: table.now.zip(table.sleep),
                }
            };
        }
        Ok(calls!(
            topology,
            memory,
            domains,
            node_affinity,
            set_node_affinity,
            set_vcpu_affinity,
            claim_host,
            claim_node,
            accounting
        ))
    }
}

impl Table<'_> {
    /// The domains from `first` on, and whether there may be more.
    fn domains_from(&self, first: u32) -> Result<(Vec<DomainInfo>, bool), CallError> {
        const CALL: &str = "xc_domain_getinfolist";
        let mut domains = [XenopsdNumaDomain::default(); DOMAINS_AT_ONCE];
        let mut count = DOMAINS_AT_ONCE as u32;
        // SAFETY: the array has room for `count` domains.
        let status = unsafe {
            (self.calls.domains)(self.context.0, first, &mut count, domains.as_mut_ptr())
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
}

impl Hypervisor for Table<'_> {
    fn topology(&self) -> Result<Topology, CallError> {
        const CALL: &str = "xc_numainfo";
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
            (self.calls.topology)(
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
        const CALL: &str = "xc_physinfo";
        let mut nodes = [XenopsdNumaNode::default(); MAX_NODES];
        let mut node_count = MAX_NODES as u32;
        let mut host = XenopsdNumaHost::default();
        // SAFETY: the array has room for `node_count` nodes.
        let status = unsafe {
            (self.calls.memory)(
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
            host_held_pages: 0,
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
        let (mut nodes, domid) = (0, u32::from(domid.0));
        // SAFETY: `nodes` can be written to.
        let status = unsafe { (self.calls.node_affinity)(self.context.0, domid, &mut nodes) };
        check("xc_domain_node_getaffinity", status)?;
        Ok(NodeSet::from_bits(nodes))
    }

    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError> {
        let nodes = nodes.map_or(AUTOMATIC, NodeSet::bits);
        let domid = u32::from(domid.0);
        // SAFETY: takes no pointer but the provider's own.
        let status = unsafe { (self.calls.set_node_affinity)(self.context.0, domid, nodes) };
        check("xc_domain_node_setaffinity", status)
    }

    fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), CallError> {
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
                None => return check("xc_vcpu_setaffinity", Errno::EINVAL.0),
            }
            word_count = word + 1;
        }
        // SAFETY: the array has at least `word_count` words.
        let status = unsafe {
            (self.calls.set_vcpu_affinity)(
                self.context.0,
                u32::from(domid.0),
                vcpu,
                affinity,
                word_count as u32,
                words.as_ptr(),
            )
        };
        check("xc_vcpu_setaffinity", status)
    }

    fn claim_host(&self, domid: Domid, pages: u64) -> Result<(), CallError> {
        // SAFETY: takes no pointer but the provider's own.
        let status = unsafe { (self.calls.claim_host)(self.context.0, u32::from(domid.0), pages) };
        check("xc_domain_claim_pages", status)
    }

    fn claim_node(&self, domid: Domid, node: usize, pages: u64) -> Result<(), CallError> {
        const CALL: &str = "xc_domain_claim_pages_node";
        let Ok(node) = u32::try_from(node) else {
            return check(CALL, Errno::ENOENT.0);
        };
        let domid = u32::from(domid.0);
        // SAFETY: takes no pointer but the provider's own.
        let status = unsafe { (self.calls.claim_node)(self.context.0, domid, node, pages) };
        check(CALL, status)
    }

    fn claim_set(&self, domid: Domid, set: &[NodePages]) -> Result<(), CallError> {
        const CALL: &str = "xc_domain_claim_memory";
        let Some(claim_set) = self.calls.claim_set else {
            return check(CALL, Errno::ENOSYS.0);
        };
        let entry = |share: &NodePages| {
            u32::try_from(share.node).map(|node| XenopsdNumaNodePages {
                pages: share.pages,
                node,
                reserved: 0,
            })
        };
        let Ok(set) = (set.iter().map(entry)).collect::<Result<Vec<_>, _>>() else {
            return check(CALL, Errno::ENOENT.0);
        };
        let (domid, count) = (u32::from(domid.0), set.len() as u32);
        // SAFETY: there are `count` entries.
        let status = unsafe { claim_set(self.context.0, domid, count, set.as_ptr()) };
        check(CALL, status)
    }

    fn pages_by_node(&self, domid: Domid) -> Result<Vec<u64>, CallError> {
        const CALL: &str = "xc_domain_numa_get_node_pages";
        let Some(pages_by_node) = self.calls.pages_by_node else {
            return check(CALL, Errno::ENOSYS.0).map(|()| Vec::new());
        };
        let (mut pages, mut count) = ([0; MAX_NODES], MAX_NODES as u32);
        let domid = u32::from(domid.0);
        // SAFETY: the array has room for `count` nodes.
        let status =
            unsafe { pages_by_node(self.context.0, domid, &mut count, pages.as_mut_ptr()) };
        check(CALL, status)?;
        (written(CALL, &pages, count)?.iter())
            .map(|pages| counted(CALL, *pages))
            .collect()
    }

    fn accounting(&self) -> Accounting {
        let mut accounting = ACCOUNTING_LATE;
        // SAFETY: `accounting` can be written to.
        let status = unsafe { (self.calls.accounting)(self.context.0, &mut accounting) };
        match (status, accounting) {
            (0, ACCOUNTING_AT_ALLOCATION) => Accounting::AtAllocation,
            // Late is what costs only time where it is wrong.
            _ => Accounting::Late,
        }
    }

    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        let Some((now, _)) = self.calls.clock else {
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
        let slept = self.calls.clock.is_some_and(|(_, sleep)| {
            // SAFETY: takes no pointer but the provider's own.
            unsafe { sleep(self.context.0, nanoseconds) == 0 }
        });
        if !slept {
            std::thread::sleep(time);
        }
    }
}
