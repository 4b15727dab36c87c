//! The layout that the core and a provider of hypercalls agree on, in Rust.
//!
//! `xenopsd_numa_hypervisor.h` is the same in C and says what each call does; a test compares
//! the two.

use std::ffi::{c_int, c_void};
use std::mem::offset_of;

use planner::MAX_BYTES;

use crate::error::TableError;

/// The version of the layout. It changes only when an existing member does; new calls are added
/// at the end, and a table whose [`XenopsdNumaHypervisor::size`] ends before one has it not.
pub const ABI_VERSION: u32 = 2;

/// An unreachable distance; an unknown node, core or socket.
pub const NONE: u32 = u32::MAX;

/// The node set that returns a domain's node affinity to Xen.
pub const AUTOMATIC: u64 = u64::MAX;

/// vCPUs prefer the CPUs.
pub const AFFINITY_SOFT: u32 = 0;

/// vCPUs are bound to the CPUs.
pub const AFFINITY_HARD: u32 = 1;

/// Claims are consumed in the step in which pages leave the free memory.
pub const AT_ALLOCATION: u64 = 1 << 0;

/// Claims on single nodes bind everybody.
pub const NODE_CLAIMS_BIND_ALL: u64 = 1 << 1;

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

/// `int capabilities(context, &capabilities)`.
// SAFETY: the capabilities can be written to.
pub type CapabilitiesCall = unsafe extern "C" fn(*mut c_void, *mut u64) -> c_int;

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

/// The structure, and the functions in it once it was checked.
macro_rules! functions {
    (
        required { $($(#[$required_doc:meta])+ $required:ident: $Required:ty,)+ }
        optional { $($(#[$optional_doc:meta])+ $optional:ident: $Optional:ty,)+ }
    ) => {
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
            $($(#[$required_doc])+ pub $required: Option<$Required>,)+
            $($(#[$optional_doc])+ pub $optional: Option<$Optional>,)+
        }

        impl XenopsdNumaHypervisor {
            /// The functions that every table must have.
            pub const REQUIRED: &'static [&'static str] = &[$(stringify!($required)),+];

            /// Each member in the order of the structure, and its offset in bytes.
            pub const MEMBERS: &'static [(&'static str, usize)] = &[
                ("abi_version", offset_of!(Self, abi_version)),
                ("size", offset_of!(Self, size)),
                ("context", offset_of!(Self, context)),
                $((stringify!($required), offset_of!(Self, $required)),)+
                $((stringify!($optional), offset_of!(Self, $optional)),)+
            ];
        }

        /// The functions of a table that has all that it must have.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct Functions {
            $(pub $required: $Required,)+
            $(pub $optional: Option<$Optional>,)+
        }

        impl Functions {
            /// Those of `table`.
            pub fn of(table: &XenopsdNumaHypervisor) -> Result<Self, TableError> {
                let missing = |function| TableError::Missing { function };
                Ok(Functions {
                    $($required: table.$required.ok_or(missing(stringify!($required)))?,)+
                    $($optional: table.$optional,)+
                })
            }
        }
    };
}

functions! {
    required {
        /// Nodes, distances and CPUs.
        topology: TopologyCall,
        /// Memory of the nodes and of the host.
        memory: MemoryCall,
        /// The domains, ascending.
        domains: DomainsCall,
        /// Reads a domain's node affinity.
        node_affinity: NodeAffinityCall,
        /// Sets a domain's node affinity.
        set_node_affinity: SetNodeAffinityCall,
        /// Sets a vCPU's affinity.
        set_vcpu_affinity: SetVcpuAffinityCall,
        /// Claims memory anywhere on the host.
        claim_host: ClaimHostCall,
        /// What the hypervisor is like.
        capabilities: CapabilitiesCall,
    }
    optional {
        /// Claims memory of one node.
        claim_node: ClaimNodeCall,
        /// Claims memory of several nodes at once.
        claim_set: ClaimSetCall,
        /// A domain's memory by node.
        pages_by_node: PagesByNodeCall,
        /// Its own clock; this and the next, or neither.
        now: NowCall,
        /// Lets time pass on that clock.
        sleep: SleepCall,
    }
}

impl Functions {
    /// The provider's own clock: both of its functions or neither.
    pub fn clock(&self) -> Option<(NowCall, SleepCall)> {
        self.now.zip(self.sleep)
    }
}

/// How many bytes of [`XenopsdNumaHypervisor`] every table has: all that is required.
pub(crate) const LEAST_SIZE: usize = offset_of!(XenopsdNumaHypervisor, claim_node);

// SAFETY: the header requires of a provider that `context` may be used, and every call made, from
// any thread, several at once.
unsafe impl Send for XenopsdNumaHypervisor {}

// SAFETY: as above.
unsafe impl Sync for XenopsdNumaHypervisor {}
