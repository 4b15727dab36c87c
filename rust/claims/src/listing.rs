//! What a look at the host tells without placing anything: its memory as the next placement
//! would see it, which domains have memory claimed, and where their memory is.

use planner::{Host, NodeSet};

use crate::error::Error;
use crate::hypervisor::{CallError, Domid, Errno, Hypervisor};
use crate::ledger::view;
use crate::protocol::Protocol;

/// Memory that a domain has claimed and not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainClaim {
    /// The domain.
    pub domid: Domid,
    /// What is left of its claim.
    pub outstanding_pages: u64,
    /// The nodes that owe it: its node affinity, as far as the host has it.
    pub nodes: NodeSet,
    /// Whether this process is building it. If not, another one is, or the claim is nobody's and
    /// [`Protocol::abandon`] releases it.
    pub being_built: bool,
}

/// Where a domain's memory is, beside where Xen prefers to take it from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainAudit {
    /// The domain.
    pub domid: Domid,
    /// Its node affinity, as far as the host has it.
    pub nodes: NodeSet,
    /// Pages that it has.
    pub tot_pages: u64,
    /// What is left of its claim.
    pub outstanding_pages: u64,
    /// Its memory on each node, where the hypervisor tells.
    pub pages_by_node: Option<Vec<u64>>,
    /// Of these, on nodes that are not in its affinity.
    pub elsewhere_pages: Option<u64>,
    /// Whether this process is building it.
    pub being_built: bool,
}

/// Pages that are on none of `nodes`.
pub(crate) fn elsewhere(pages_by_node: &[u64], nodes: NodeSet) -> u64 {
    let pages = pages_by_node.iter().enumerate();
    let others = pages.filter(|(node, _)| !nodes.contains(*node));
    others.map(|(_, pages)| pages).sum()
}

/// What a call on a domain answers, unless the domain vanished in between.
fn unless_gone<T>(domid: Domid, answer: Result<T, CallError>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.errno, Errno::ESRCH | Errno::EINVAL) => Ok(None),
        Err(error) => Err(Error::call(domid, "reading its node affinity")(error)),
    }
}

impl<H: Hypervisor> Protocol<H> {
    /// The domain's pages on each node, where the hypervisor counts them.
    pub(crate) fn pages_by_node(&self, domid: Domid) -> Option<Vec<u64>> {
        let counts = self.capabilities.pages_by_node;
        counts.then(|| self.hypervisor.pages_by_node(domid).ok())?
    }

    /// The host as the next placement would see it: with what domains have claimed owed by the
    /// nodes of their affinity, and the room for pools of this process's builds held back.
    pub fn host(&self) -> Result<Host, Error> {
        let mut builds = self.lock().builds.clone();
        Ok(view(&self.hypervisor, &self.topology, &mut builds)?.host)
    }

    /// Every domain that has memory claimed, whoever claimed it, in the order of their numbers.
    pub fn claims(&self) -> Result<Vec<DomainClaim>, Error> {
        let domains = (self.hypervisor.domains()).map_err(Error::reading("listing domains"))?;
        // After the domains: a build that begins in between is known then.
        let builds = self.status().builds;
        let mut claims = Vec::new();
        for domain in domains.iter().filter(|d| d.outstanding_pages > 0) {
            let domid = domain.domid;
            let nodes = self.hypervisor.node_affinity(domid);
            let Some(nodes) = unless_gone(domid, nodes)? else {
                continue;
            };
            claims.push(DomainClaim {
                domid,
                outstanding_pages: domain.outstanding_pages,
                nodes: nodes.intersection(self.online()),
                being_built: builds.contains(&domid),
            });
        }
        Ok(claims)
    }

    /// Every domain, the control domain included, in the order of their numbers: where its memory
    /// is, as far as the hypervisor tells, and where it is preferred.
    pub fn audit(&self) -> Result<Vec<DomainAudit>, Error> {
        let domains = (self.hypervisor.domains()).map_err(Error::reading("listing domains"))?;
        // After the domains: a build that begins in between is known then.
        let builds = self.status().builds;
        let mut audits = Vec::new();
        for domain in domains.iter().filter(|domain| !domain.dying) {
            let domid = domain.domid;
            let nodes = self.hypervisor.node_affinity(domid);
            let Some(nodes) = unless_gone(domid, nodes)? else {
                continue;
            };
            let nodes = nodes.intersection(self.online());
            let pages_by_node = self.pages_by_node(domid);
            audits.push(DomainAudit {
                domid,
                nodes,
                tot_pages: domain.tot_pages,
                outstanding_pages: domain.outstanding_pages,
                elsewhere_pages: pages_by_node.as_ref().map(|pages| elsewhere(pages, nodes)),
                pages_by_node,
                being_built: builds.contains(&domid),
            });
        }
        Ok(audits)
    }
}
