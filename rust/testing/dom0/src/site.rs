//! The checks of the protocol that hold on any hypervisor, on the running one: the same source as
//! on the model.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claims::{Accounting, Affinity, CallError, DomainInfo, Domid, Errno, Hypervisor, NodePages};
use planner::{CpuSet, Memory, NodeSet, Topology};
use xen::{DomainKind, From, Xen};

use crate::everywhere::{self, bench::Site};
use crate::host::{populate, Host};
use crate::report::Report;
use crate::seen::Seen;

/// The running Xen, without the domains of earlier checks. Clones are the same.
#[derive(Clone)]
struct Running {
    created: Arc<Created>,
    kind: DomainKind,
    /// Whether it has claims on nodes, and whether these are sets.
    node_claims: (bool, bool),
}

/// The domains of one check, which go with it.
struct Created {
    xen: Arc<Xen>,
    domains: Mutex<Vec<(Domid, u32)>>,
}

impl Drop for Created {
    fn drop(&mut self) {
        let domains = self.domains.get_mut();
        for (domid, _) in domains.unwrap_or_else(PoisonError::into_inner) {
            // Whatever is left is found by the next check, whose figures will not be right.
            let _ = self.xen.destroy(*domid);
        }
    }
}

impl Running {
    fn xen(&self) -> &Xen {
        &self.created.xen
    }

    fn vcpus(&self, domid: Domid) -> Option<u32> {
        let domains = self.created.domains.lock();
        let domains = domains.unwrap_or_else(PoisonError::into_inner);
        let found = domains.iter().find(|(created, _)| *created == domid);
        found.map(|(_, vcpus)| *vcpus)
    }
}

impl Site for Running {
    fn node_claims(&self) -> bool {
        self.node_claims.0
    }

    fn claim_sets(&self) -> bool {
        self.node_claims.1
    }

    fn create_domain(&self, vcpus: u32, max_pages: u64) -> Result<Domid, Errno> {
        let create = || {
            let domid = self.xen().create_domain(self.kind, vcpus)?;
            let domains = self.created.domains.lock();
            (domains.unwrap_or_else(PoisonError::into_inner)).push((domid, vcpus));
            self.xen().set_max_pages(domid, max_pages)?;
            Ok(domid)
        };
        create().map_err(|error: CallError| error.errno)
    }

    fn set_pool(&self, domid: Domid, pages: u64) -> Result<(), Errno> {
        let vcpus = self.vcpus(domid).ok_or(Errno::ESRCH)?;
        let set = || {
            if self.kind != DomainKind::Pv {
                self.xen().set_pool_pages(domid, pages)?;
            }
            self.xen().create_vcpus(domid, vcpus)
        };
        set().map_err(|error: CallError| error.errno)
    }

    fn populate(&self, domid: Domid, pages: u64, exact_node: Option<usize>) -> u64 {
        let from = exact_node.map_or(From::Anywhere, From::Exactly);
        populate(self.xen(), domid, pages, from).map_or(0, |populated| populated.pages)
    }
}

impl Hypervisor for Running {
    fn topology(&self) -> Result<Topology, CallError> {
        self.xen().topology()
    }

    fn memory(&self) -> Result<Memory, CallError> {
        self.xen().memory()
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, CallError> {
        self.xen().domains()
    }

    fn node_affinity(&self, domid: Domid) -> Result<NodeSet, CallError> {
        self.xen().node_affinity(domid)
    }

    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError> {
        self.xen().set_node_affinity(domid, nodes)
    }

    fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), CallError> {
        self.xen().set_vcpu_affinity(domid, vcpu, affinity, cpus)
    }

    fn claim_host(&self, domid: Domid, pages: u64) -> Result<(), CallError> {
        self.xen().claim_host(domid, pages)
    }

    fn claim_node(&self, domid: Domid, node: usize, pages: u64) -> Result<(), CallError> {
        self.xen().claim_node(domid, node, pages)
    }

    fn claim_set(&self, domid: Domid, set: &[NodePages]) -> Result<(), CallError> {
        self.xen().claim_set(domid, set)
    }

    fn pages_by_node(&self, domid: Domid) -> Result<Vec<u64>, CallError> {
        self.xen().pages_by_node(domid)
    }

    fn accounting(&self) -> Accounting {
        self.xen().accounting()
    }

    fn now(&self) -> Duration {
        self.xen().now()
    }

    fn sleep(&self, time: Duration) {
        self.xen().sleep(time)
    }
}

pub fn run(host: &Host, report: &mut Report) {
    let node_claims = match Seen::of(host) {
        Ok(seen) => (seen.node_claims || seen.claim_sets, seen.claim_sets),
        Err(failure) => return report.check("claims on nodes are asked for", || Err(failure)),
    };
    println!(
        "# claims on nodes: {}, as sets: {}",
        node_claims.0, node_claims.1
    );
    let pvh = host.kinds.contains(&DomainKind::Pvh);
    let kind = if pvh { DomainKind::Pvh } else { DomainKind::Pv };
    let open = || {
        // Nothing of the check before is still being given back.
        if let Err(failure) = host.settled() {
            println!("# {}", failure.0);
        }
        Running {
            created: Arc::new(Created {
                xen: host.xen.clone(),
                domains: Mutex::default(),
            }),
            kind,
            node_claims,
        }
    };
    macro_rules! on_the_running_xen {
        ($($file:ident::$check:ident),+ $(,)?) => {
            $(report.check(&stringify!($check).replace('_', " "), || {
                everywhere::$file::$check(&open);
                Ok(String::new())
            });)+
        };
    }
    everywhere::every_check!(on_the_running_xen);
}
