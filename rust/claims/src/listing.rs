//! What a look at the host tells without placing anything: its memory as the next placement
//! would see it, and which domains have memory claimed.

use planner::{Host, NodeSet};

use crate::error::Error;
use crate::hypervisor::{Domid, Errno, Hypervisor};
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
    /// [`Protocol::abandoned`] releases it.
    pub being_built: bool,
}

impl<H: Hypervisor> Protocol<H> {
    /// The host as the next placement would see it: with what domains have claimed owed by the
    /// nodes of their affinity, and the room for pools of this process's builds held back.
    pub fn host(&self) -> Result<Host, Error> {
        let mut builds = self.lock().builds.clone();
        Ok(view(&self.hypervisor, &self.topology, &mut builds)?.host)
    }

    /// Every domain that has memory claimed, whoever claimed it, in the order of their numbers.
    pub fn claims(&self) -> Result<Vec<DomainClaim>, Error> {
        let builds = self.status().builds;
        let domains = (self.hypervisor.domains()).map_err(Error::reading("listing domains"))?;
        let mut claims = Vec::new();
        for domain in domains.iter().filter(|d| d.outstanding_pages > 0) {
            let domid = domain.domid;
            let nodes = match self.hypervisor.node_affinity(domid) {
                Ok(nodes) => nodes,
                // It vanished in between, and its claim with it.
                Err(error) if matches!(error.errno, Errno::ESRCH | Errno::EINVAL) => continue,
                Err(error) => return Err(Error::call(domid, "reading its node affinity")(error)),
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
}
