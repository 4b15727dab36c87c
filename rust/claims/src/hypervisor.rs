//! What the protocol asks of a hypervisor: the list of calls, their errors, a clock.
//!
//! The modelled Xen and the real one are interchangeable behind [`Hypervisor`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use planner::{CpuSet, Memory, NodeSet, Topology};

/// A domain's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domid(pub u16);

impl fmt::Display for Domid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", self.0)
    }
}

/// An error number of Xen, which are Linux's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident = $number:literal),+ $(,)?) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "`")]
            pub const $name: Errno = Errno($number);)+

            /// The errno of that symbolic name, if it is one that Xen's calls return.
            pub fn by_name(name: &str) -> Option<Errno> {
                match name {
                    $(stringify!($name) => Some(Errno::$name),)+
                    _ => None,
                }
            }

            /// The symbolic name, if it is one that Xen's calls return.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EIO = 5, E2BIG = 7, EAGAIN = 11, ENOMEM = 12, EACCES = 13,
    EFAULT = 14, EBUSY = 16, EEXIST = 17, ENODEV = 19, EINVAL = 22, ENOSPC = 28, ERANGE = 34,
    ENOSYS = 38, EOVERFLOW = 75, EOPNOTSUPP = 95, ENOBUFS = 105, ETIMEDOUT = 110,
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A call that the hypervisor refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {errno}")]
pub struct CallError {
    /// The call, named as in libxenctrl, such as `xc_domain_claim_pages`.
    pub call: &'static str,
    /// What it answered.
    pub errno: Errno,
}

impl CallError {
    /// Whether there is nothing of the call's kind, or nothing that this toolstack may use.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(
            self.errno,
            Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM | Errno::EACCES
        )
    }
}

/// A domain as the hypervisor lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainInfo {
    /// Its number.
    pub domid: Domid,
    /// Whether it is dead and waits for its last pages. Xen does not show it earlier: a domain
    /// that is still giving its memory back looks alive, and its `tot_pages` fall.
    pub dying: bool,
    /// Pages that it has.
    pub tot_pages: u64,
    /// Pages that it has claimed and not yet taken.
    pub outstanding_pages: u64,
    /// Pages that it may have at most.
    pub max_pages: u64,
}

/// When a hypervisor takes allocated pages off a domain's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accounting {
    /// In the same step in which they leave the free memory (Xen 4.19 and later, as patched).
    AtAllocation,
    /// Later, when they are assigned to the domain (4.17, 4.18): in between, free less
    /// outstanding is too small by one extent for each domain being built.
    Late,
}

/// Whether vCPUs prefer CPUs or are bound to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Affinity {
    /// Preferred.
    Soft,
    /// Bound.
    Hard,
}

/// Pages of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodePages {
    /// Its number.
    pub node: usize,
    /// How many.
    pub pages: u64,
}

/// What is claimed for a domain. Nothing of a kind releases what the domain has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim<'a> {
    /// Memory anywhere on the host, so that the domain can grow to `pages` in all; 0 releases a
    /// claim of any kind.
    Host {
        /// Pages that the domain then has, or has claimed.
        pages: u64,
    },
    /// Memory of one node likewise; 0 releases.
    Node {
        /// The node.
        node: usize,
        /// Pages that the domain then has, or has claimed.
        pages: u64,
    },
    /// Memory of several nodes at once, all or nothing: of each node so many pages beside those
    /// that the domain has. It replaces what the domain has claimed; no nodes release.
    Set(&'a [NodePages]),
}

/// What a hypervisor is like. What it is not known to have is what costs only time or precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// When claims are consumed; [`Accounting::Late`] unless it is known to be otherwise.
    pub accounting: Accounting,
    /// Whether a claim on a single node is kept from everybody, pools and Xen itself included, as
    /// every claim of a set is. XenServer 9's is not.
    pub node_claims_bind_all: bool,
    /// Whether the library in this process has the call for [`Claim::Node`]; Xen may still refuse
    /// it. A call that is not there is never made.
    pub node_claims: bool,
    /// The same of [`Claim::Set`].
    pub claim_sets: bool,
    /// The same of [`Hypervisor::pages_by_node`].
    pub pages_by_node: bool,
}

calls! {
    /// Nodes, distances and CPUs.
    Topology: topology() -> Topology = "xc_numainfo";

    /// Free, claimed and outstanding pages, as Xen counts them.
    Memory: memory() -> Memory = "xc_physinfo";

    /// All domains, ascending, the control domain included.
    Domains: domains() -> Vec<DomainInfo> = "xc_domain_getinfolist";

    /// The nodes from which a domain's memory is preferably taken.
    NodeAffinity: node_affinity(domid: Domid) -> NodeSet = "xc_domain_node_getaffinity";

    /// Sets the nodes from which a domain's memory is preferably taken; `None`: automatic, Xen
    /// derives them from the affinity of the domain's vCPUs.
    SetNodeAffinity: set_node_affinity(domid: Domid, nodes: Option<NodeSet>) -> ()
        = "xc_domain_node_setaffinity";

    /// Sets the soft or hard affinity of one vCPU.
    SetVcpuAffinity: set_vcpu_affinity<'a>(
        domid: Domid, vcpu: u32, affinity: Affinity, cpus: &'a CpuSet
    ) -> () = "xc_vcpu_setaffinity";

    /// Claims memory for a domain, or releases what it has claimed. ENOSYS where there are no
    /// claims of that kind.
    Claim: claim<'a>(domid: Domid, claim: Claim<'a>) -> ()
        = "xc_domain_claim_pages" | "xc_domain_claim_pages_node" | "xc_domain_claim_memory";

    /// The domain's pages of memory on each node, from node 0 on. ENOSYS where the hypervisor does
    /// not count them.
    PagesByNode: pages_by_node(domid: Domid) -> Vec<u64> = "xc_domain_numa_get_node_pages";
}

impl Call<'_> {
    /// Which of the call's names it goes by.
    const fn kind(&self) -> usize {
        let Call::Claim { claim, .. } = self else {
            return 0;
        };
        match claim {
            Claim::Host { .. } => 0,
            Claim::Node { .. } => 1,
            Claim::Set(_) => 2,
        }
    }
}

/// A hypervisor that passes every call on to another, and may refuse calls or change answers.
pub trait Intercept: Send + Sync {
    /// The other.
    type Inner: Hypervisor + ?Sized;

    /// The other.
    fn inner(&self) -> &Self::Inner;

    /// Comes before each call. The call is not made where this is an error.
    fn before(&self, _call: &Call<'_>) -> Result<(), CallError> {
        Ok(())
    }

    /// Comes after each call, made or not.
    fn after(&self, _answer: Answer<'_>) {}

    /// Comes before each sleep.
    fn before_sleep(&self, _time: Duration) {}

    /// What its clock shows when the other's shows `now`.
    fn time(&self, now: Duration) -> Duration {
        now
    }
}

/// A shared hypervisor is one.
impl<H: Hypervisor + ?Sized> Intercept for Arc<H> {
    type Inner = H;

    fn inner(&self) -> &H {
        self
    }
}
