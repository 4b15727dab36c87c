//! A modelled Xen that several callers share: a hypervisor for the claim protocol, and what a
//! toolstack does around it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claims::{
    Accounting, Affinity, Call, CallError, Capabilities, Claim, DomainInfo, Domid, Errno,
    Hypervisor,
};
use planner::{CpuSet, Host, Memory, NodeSet, Topology, MAX_NODES};

use crate::builder::Builder;
use crate::flavour::{Consume, Flavour, NodeClaims};
use crate::xen::{Target, Xen};

/// A [`Xen`] behind a lock. Clones are the same Xen.
#[derive(Debug, Clone)]
pub struct Model {
    xen: Arc<Mutex<Xen>>,
}

impl Model {
    /// A Xen that has the nodes, CPUs and free memory of `host`; nothing is claimed. Its clock
    /// starts at 0 and moves only when it is made to.
    pub fn new(host: &Host, flavour: Flavour) -> Self {
        Model::of(Xen::new(host, flavour))
    }

    /// `xen`, shared.
    pub fn of(xen: Xen) -> Self {
        Model {
            xen: Arc::new(Mutex::new(xen)),
        }
    }

    /// Takes one step of the Xen, or several that nothing may come between.
    pub fn with<T>(&self, step: impl FnOnce(&mut Xen) -> T) -> T {
        step(&mut self.xen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new domain, its maximum memory set, without pool and vCPUs.
    pub fn create_domain(&self, vcpus: u32, max_pages: u64) -> Result<Domid, Errno> {
        self.with(|xen| {
            let domid = xen.create(vcpus)?;
            xen.set_max(domid, max_pages)?;
            Ok(domid)
        })
    }

    /// Fills the domain's pool, and creates its vCPUs if it has none: what comes between placing
    /// and pinning it.
    pub fn set_pool(&self, domid: Domid, pages: u64) -> Result<(), Errno> {
        self.with(|xen| {
            xen.fill_pool(domid, pages, u64::MAX)?;
            match xen.has_vcpus(domid)? {
                true => Ok(()),
                false => xen.create_vcpus(domid),
            }
        })
    }

    /// Populates memory as a domain builder does, by 1 GiB, 2 MiB and 4 KiB extents, of
    /// `exact_node` if it is given: the pages that could be had.
    pub fn populate(&self, domid: Domid, pages: u64, exact_node: Option<usize>) -> u64 {
        let mut builder = Builder::flat(pages);
        self.with(|xen| {
            let mut populated = 0;
            while let Ok(Some(extent)) = builder.take(xen, domid, exact_node) {
                let pages = extent.pages();
                if xen.assign(extent).is_err() {
                    break;
                }
                populated += pages;
            }
            populated
        })
    }

    /// Starts to destroy the domain. Its claim is released at once, its memory as time passes.
    pub fn destroy(&self, domid: Domid) -> Result<(), Errno> {
        self.with(|xen| xen.destroy(domid))
    }

    /// Lets virtual time pass.
    pub fn advance(&self, time: Duration) {
        self.with(|xen| xen.advance_to(xen.now() + time));
    }

    /// Free pages, claimed ones included.
    pub fn free_pages(&self) -> u64 {
        self.with(|xen| xen.physinfo().free_pages)
    }

    /// Pages that claims hold.
    pub fn outstanding_pages(&self) -> u64 {
        self.with(|xen| xen.physinfo().outstanding_pages)
    }

    /// The domain's memory by node, without pool and structures.
    pub fn domain_pages(&self, domid: Domid) -> Vec<(usize, u64)> {
        self.with(|xen| xen.domain_pages(domid))
    }

    fn call<T>(
        &self,
        call: Call<'_>,
        step: impl FnOnce(&mut Xen) -> Result<T, Errno>,
    ) -> Result<T, CallError> {
        let call = call.name();
        self.with(step).map_err(|errno| CallError { call, errno })
    }
}

/// A claim on one node by whichever call the flavour has for it.
fn claim_node(xen: &mut Xen, domid: Domid, node: usize, pages: u64) -> Result<(), Errno> {
    match (xen.flavour().node_claims, pages) {
        (NodeClaims::None | NodeClaims::Xs9 | NodeClaims::Set(_), _) => {
            xen.claim_node(domid, node, pages)
        }
        (NodeClaims::V4 { .. }, 0) => xen.claim_v4(domid, Target::Host, 0),
        (NodeClaims::V4 { .. }, _) => xen.claim_v4(domid, Target::Node(node), pages),
    }
}

impl Hypervisor for Model {
    fn topology(&self) -> Result<Topology, CallError> {
        self.call(Call::Topology {}, |xen| {
            xen.up().map(|()| xen.topology().as_ref().clone())
        })
    }

    fn memory(&self) -> Result<Memory, CallError> {
        self.call(Call::Memory {}, |xen| {
            xen.up()?;
            let mut memory = xen.memory();
            // Only XenServer 9 reports what is claimed on a node.
            let reported = xen.flavour().node_claims == NodeClaims::Xs9;
            for node in memory.nodes.iter_mut().flatten().filter(|_| !reported) {
                node.claimed_pages = 0;
            }
            Ok(memory)
        })
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, CallError> {
        self.call(Call::Domains {}, |xen| xen.up().map(|()| xen.domains()))
    }

    fn node_affinity(&self, domid: Domid) -> Result<NodeSet, CallError> {
        self.call(Call::NodeAffinity { domid }, |xen| xen.node_affinity(domid))
    }

    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError> {
        self.call(Call::SetNodeAffinity { domid, nodes }, |xen| {
            xen.set_node_affinity(domid, nodes.unwrap_or(NodeSet::first(MAX_NODES)))
        })
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
        self.call(call, |xen| {
            xen.set_vcpu_affinity(domid, vcpu, affinity, cpus)
        })
    }

    fn claim(&self, domid: Domid, claim: Claim<'_>) -> Result<(), CallError> {
        self.call(Call::Claim { domid, claim }, |xen| match claim {
            Claim::Host { pages } => xen.claim_host(domid, pages),
            Claim::Node { node, pages } => claim_node(xen, domid, node, pages),
            Claim::Set(set) => xen.claim_shares(domid, set),
        })
    }

    fn pages_by_node(&self, domid: Domid) -> Result<Vec<u64>, CallError> {
        self.call(Call::PagesByNode { domid }, |xen| {
            if xen.flavour().node_claims != NodeClaims::Xs9 {
                return Err(Errno::ENOSYS);
            }
            xen.up()?;
            if !xen.domains().iter().any(|domain| domain.domid == domid) {
                return Err(Errno::ESRCH);
            }
            let mut pages = vec![0; xen.topology().node_count()];
            for (node, on_node) in xen.domain_pages(domid) {
                pages[node] = on_node;
            }
            Ok(pages)
        })
    }

    fn capabilities(&self) -> Capabilities {
        let flavour = self.with(|xen| xen.flavour());
        Capabilities {
            accounting: match flavour.consume {
                Consume::AtAllocation => Accounting::AtAllocation,
                Consume::AtAssign => Accounting::Late,
            },
            node_claims_bind_all: match flavour.node_claims {
                NodeClaims::None | NodeClaims::Xs9 | NodeClaims::Set(_) => false,
                NodeClaims::V4 { .. } => true,
            },
            // All calls are there, and are refused by the flavours that have no such claims.
            node_claims: true,
            claim_sets: true,
            pages_by_node: true,
        }
    }

    fn now(&self) -> Duration {
        self.with(|xen| xen.now())
    }

    fn sleep(&self, time: Duration) {
        self.advance(time);
    }
}
