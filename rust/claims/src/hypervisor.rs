//! What the protocol asks of a hypervisor: the calls, their errors, a clock.
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

/// A hypervisor, and the clock beside it.
///
/// Implementations answer with Xen's errnos and change nothing when they fail. They are called
/// from several threads at once.
pub trait Hypervisor: Send + Sync {
    /// Nodes, distances and CPUs.
    fn topology(&self) -> Result<Topology, CallError>;

    /// Free, claimed and outstanding pages; nothing owed or held back.
    fn memory(&self) -> Result<Memory, CallError>;

    /// All domains, ascending, the control domain included.
    fn domains(&self) -> Result<Vec<DomainInfo>, CallError>;

    /// The nodes from which a domain's memory is preferably taken.
    fn node_affinity(&self, domid: Domid) -> Result<NodeSet, CallError>;

    /// Sets the nodes from which a domain's memory is preferably taken; `None`: automatic, Xen
    /// derives them from the affinity of the domain's vCPUs.
    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError>;

    /// Sets the soft or hard affinity of one vCPU.
    fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), CallError>;

    /// Claims memory anywhere on the host so that the domain can grow to `pages` in all; 0
    /// cancels what is left of a claim of any kind.
    fn claim_host(&self, domid: Domid, pages: u64) -> Result<(), CallError>;

    /// Claims memory of one node so that the domain can grow to `pages` in all; 0 cancels.
    /// ENOSYS where the hypervisor, or the library in this process, has no such call.
    fn claim_node(&self, domid: Domid, node: usize, pages: u64) -> Result<(), CallError>;

    /// Claims memory of several nodes at once, all or nothing: of each node as many pages as are
    /// told, beside those that the domain has. Releases what the domain has claimed before; no
    /// nodes only release. ENOSYS where the hypervisor, or the library in this process, has no
    /// such call.
    fn claim_set(&self, domid: Domid, set: &[NodePages]) -> Result<(), CallError>;

    /// The domain's pages of memory on each node, from node 0 on. ENOSYS where the hypervisor, or
    /// the library in this process, does not tell.
    fn pages_by_node(&self, domid: Domid) -> Result<Vec<u64>, CallError>;

    /// When claims are consumed; [`Accounting::Late`] unless it is known to be otherwise.
    fn accounting(&self) -> Accounting;

    /// Whether a claim on a single node is kept from everybody, pools and Xen itself included, as
    /// every claim of a set is. XenServer 9's is not.
    fn node_claims_bind_all(&self) -> bool {
        false
    }

    /// Time since some fixed instant.
    fn now(&self) -> Duration;

    /// Lets time pass.
    fn sleep(&self, time: Duration);
}

/// A shared hypervisor is one.
impl<H: Hypervisor + ?Sized> Hypervisor for Arc<H> {
    fn topology(&self) -> Result<Topology, CallError> {
        (**self).topology()
    }

    fn memory(&self) -> Result<Memory, CallError> {
        (**self).memory()
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, CallError> {
        (**self).domains()
    }

    fn node_affinity(&self, domid: Domid) -> Result<NodeSet, CallError> {
        (**self).node_affinity(domid)
    }

    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError> {
        (**self).set_node_affinity(domid, nodes)
    }

    fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), CallError> {
        (**self).set_vcpu_affinity(domid, vcpu, affinity, cpus)
    }

    fn claim_host(&self, domid: Domid, pages: u64) -> Result<(), CallError> {
        (**self).claim_host(domid, pages)
    }

    fn claim_node(&self, domid: Domid, node: usize, pages: u64) -> Result<(), CallError> {
        (**self).claim_node(domid, node, pages)
    }

    fn claim_set(&self, domid: Domid, set: &[NodePages]) -> Result<(), CallError> {
        (**self).claim_set(domid, set)
    }

    fn pages_by_node(&self, domid: Domid) -> Result<Vec<u64>, CallError> {
        (**self).pages_by_node(domid)
    }

    fn accounting(&self) -> Accounting {
        (**self).accounting()
    }

    fn node_claims_bind_all(&self) -> bool {
        (**self).node_claims_bind_all()
    }

    fn now(&self) -> Duration {
        (**self).now()
    }

    fn sleep(&self, time: Duration) {
        (**self).sleep(time)
    }
}
