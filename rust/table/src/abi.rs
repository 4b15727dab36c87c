//! The layout that the core and a provider of hypercalls agree on, in Rust.
//!
//! `xenopsd_numa_hypervisor.h` is the same in C and says what each call does; a test compares
//! the two.

use std::ffi::{c_int, c_void};

use planner::MAX_BYTES;

/// The version of the layout. It changes only when an existing member does; new calls are added
/// at the end, and [`XenopsdNumaHypervisor::size`] tells who has them.
pub const ABI_VERSION: u32 = 1;

/// An unreachable distance; an unknown node, core or socket.
pub const NONE: u32 = u32::MAX;

/// The node set that returns a domain's node affinity to Xen.
pub const AUTOMATIC: u64 = u64::MAX;

/// vCPUs prefer the CPUs.
pub const AFFINITY_SOFT: u32 = 0;

/// vCPUs are bound to the CPUs.
pub const AFFINITY_HARD: u32 = 1;

/// Claims are consumed when pages are assigned to the domain.
pub const ACCOUNTING_LATE: u32 = 0;

/// Claims are consumed in the step in which pages leave the free memory.
pub const ACCOUNTING_AT_ALLOCATION: u32 = 1;

/// The most pages that any count may have.
pub(crate) const MAX_PAGES: u64 = planner::pages_down(MAX_BYTES);

/// The first number that is no domain's (Xen's `DOMID_FIRST_RESERVED`).
pub(crate) const FIRST_RESERVED_DOMID: u16 = 0x7ff0;

/// A CPU; each member may be [`NONE`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XenopsdNumaCpu {
    /// Its node.
    pub node: u32,
    /// Its core, an opaque number.
    pub core: u32,
    /// Its socket, an opaque number.
    pub socket: u32,
}

/// The memory of a node.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct XenopsdNumaNode {
    /// The span, holes included.
    pub size_pages: u64,
    /// Free pages, claimed ones included.
    pub free_pages: u64,
    /// Pages that claims on this very node hold.
    pub claimed_pages: u64,
    /// 1; 0 if the node is offline, the other members then mean nothing.
    pub online: u32,
    /// 0.
    pub reserved: u32,
}

/// The memory of the host.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct XenopsdNumaHost {
    /// Free pages, claimed ones included.
    pub free_pages: u64,
    /// Pages that claims of any kind hold.
    pub outstanding_pages: u64,
}

/// A domain.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct XenopsdNumaDomain {
    /// Pages that it has.
    pub tot_pages: u64,
    /// Pages that it has claimed and not yet taken.
    pub outstanding_pages: u64,
    /// Pages that it may have at most.
    pub max_pages: u64,
    /// Its number.
    pub domid: u32,
    /// 1 if it is dead and waits for its last pages, else 0.
    pub dying: u32,
}

/// Pages of a node.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct XenopsdNumaNodePages {
    /// How many.
    pub pages: u64,
    /// Its number.
    pub node: u32,
    /// 0.
    pub reserved: u32,
}

// Of all calls below: the context is the table's own, nothing of a pointer is kept, and `Table` is
// the only caller.

/// `int topology(context, &nodes, distances, &cpu_count, cpus)`.
// SAFETY: all four can be written to, the arrays as far as the header says.
pub type TopologyCall =
    unsafe extern "C" fn(*mut c_void, *mut u32, *mut u32, *mut u32, *mut XenopsdNumaCpu) -> c_int;

/// `int memory(context, &node_count, nodes, &host)`.
// SAFETY: all three can be written to, the nodes as far as their count says.
pub type MemoryCall = unsafe extern "C" fn(
    *mut c_void,
    *mut u32,
    *mut XenopsdNumaNode,
    *mut XenopsdNumaHost,
) -> c_int;

/// `int domains(context, first, &count, domains)`.
// SAFETY: both can be written to, the domains as far as their count says.
pub type DomainsCall =
    unsafe extern "C" fn(*mut c_void, u32, *mut u32, *mut XenopsdNumaDomain) -> c_int;

/// `int node_affinity(context, domid, &nodes)`.
// SAFETY: the word of nodes can be written to.
pub type NodeAffinityCall = unsafe extern "C" fn(*mut c_void, u32, *mut u64) -> c_int;

/// `int set_node_affinity(context, domid, nodes)`.
// SAFETY: takes no pointer but the context.
pub type SetNodeAffinityCall = unsafe extern "C" fn(*mut c_void, u32, u64) -> c_int;

/// `int set_vcpu_affinity(context, domid, vcpu, affinity, word_count, cpus)`.
// SAFETY: as many words of CPUs as are counted can be read.
pub type SetVcpuAffinityCall =
    unsafe extern "C" fn(*mut c_void, u32, u32, u32, u32, *const u64) -> c_int;

/// `int claim_host(context, domid, pages)`.
// SAFETY: takes no pointer but the context.
pub type ClaimHostCall = unsafe extern "C" fn(*mut c_void, u32, u64) -> c_int;

/// `int claim_node(context, domid, node, pages)`.
// SAFETY: takes no pointer but the context.
pub type ClaimNodeCall = unsafe extern "C" fn(*mut c_void, u32, u32, u64) -> c_int;

/// `int accounting(context, &accounting)`.
// SAFETY: the accounting can be written to.
pub type AccountingCall = unsafe extern "C" fn(*mut c_void, *mut u32) -> c_int;

/// `int claim_set(context, domid, count, set)`.
// SAFETY: as many nodes as are counted can be read.
pub type ClaimSetCall =
    unsafe extern "C" fn(*mut c_void, u32, u32, *const XenopsdNumaNodePages) -> c_int;

/// `int pages_by_node(context, domid, &node_count, pages)`.
// SAFETY: both can be written to, the pages as far as their count says.
pub type PagesByNodeCall = unsafe extern "C" fn(*mut c_void, u32, *mut u32, *mut u64) -> c_int;

/// `int now(context, &nanoseconds)`.
// SAFETY: the time can be written to.
pub type NowCall = unsafe extern "C" fn(*mut c_void, *mut u64) -> c_int;

/// `int sleep(context, nanoseconds)`.
// SAFETY: takes no pointer but the context.
pub type SleepCall = unsafe extern "C" fn(*mut c_void, u64) -> c_int;

/// The calls of a hypervisor. Each answers 0 or a positive Linux errno.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct XenopsdNumaHypervisor {
    /// [`ABI_VERSION`].
    pub abi_version: u32,
    /// The size of this structure in bytes.
    pub size: u32,
    /// The first argument of every call.
    pub context: *mut c_void,
    /// Nodes, distances and CPUs.
    pub topology: Option<TopologyCall>,
    /// Memory of the nodes and of the host.
    pub memory: Option<MemoryCall>,
    /// The domains, ascending.
    pub domains: Option<DomainsCall>,
    /// Reads a domain's node affinity.
    pub node_affinity: Option<NodeAffinityCall>,
    /// Sets a domain's node affinity.
    pub set_node_affinity: Option<SetNodeAffinityCall>,
    /// Sets a vCPU's affinity.
    pub set_vcpu_affinity: Option<SetVcpuAffinityCall>,
    /// Claims memory anywhere on the host.
    pub claim_host: Option<ClaimHostCall>,
    /// Claims memory of one node.
    pub claim_node: Option<ClaimNodeCall>,
    /// When claims are consumed.
    pub accounting: Option<AccountingCall>,
    /// Claims memory of several nodes at once; may be missing, as what follows.
    pub claim_set: Option<ClaimSetCall>,
    /// A domain's memory by node.
    pub pages_by_node: Option<PagesByNodeCall>,
    /// Its own clock.
    pub now: Option<NowCall>,
    /// Lets time pass on that clock.
    pub sleep: Option<SleepCall>,
}

/// How many bytes of [`XenopsdNumaHypervisor`] every table has.
pub(crate) const LEAST_SIZE: usize = std::mem::offset_of!(XenopsdNumaHypervisor, claim_set);

// SAFETY: the header requires of a provider that `context` may be used, and every call made, from
// any thread, several at once.
unsafe impl Send for XenopsdNumaHypervisor {}

// SAFETY: as above.
unsafe impl Sync for XenopsdNumaHypervisor {}
