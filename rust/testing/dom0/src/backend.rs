//! The checks of the protocol that hold on any hypervisor, on the running one: the
//! conformance suite.

use std::sync::{Arc, Mutex, PoisonError};

use claims::{CallError, Domid, Errno, Intercept};
use conformance::bench::Backend;
use xen::{DomainKind, From, Xen};

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

impl Backend for Running {
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

impl Intercept for Running {
    type Inner = Xen;

    fn inner(&self) -> &Xen {
        self.xen()
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
        if let Err(failure) = host.steady_memory() {
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
                conformance::$file::$check(&open);
                Ok(String::new())
            });)+
        };
    }
    conformance::every_check!(on_the_running_xen);
}
