//! Which kinds of claims a hypervisor has, asked without a domain to place.

use crate::error::Error;
use crate::hypervisor::{CallError, Claim, Domid, Errno, Hypervisor};
use crate::kinds::is_unavailable;
use crate::protocol::Protocol;

/// The control domain, which is always there, and for which nobody claims memory.
const CONTROL: Domid = Domid(0);

/// Which kinds of claims there are; `None`: the hypervisor gave no answer, or was not asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Probed {
    /// Claims on the host.
    pub host: Option<bool>,
    /// Claims on single nodes, be it as sets of one.
    pub node: Option<bool>,
    /// Claims on several nodes at once.
    pub set: Option<bool>,
}

impl<H: Hypervisor> Protocol<H> {
    /// Asks by releasing claims of the control domain that are not there, which changes nothing
    /// on any Xen. If it has some after all, nothing is asked. What placements go by is found by
    /// them, not here.
    pub fn probe(&self) -> Result<Probed, Error> {
        let domains = (self.hypervisor.domains()).map_err(Error::reading("listing domains"))?;
        let control = domains.iter().find(|domain| domain.domid == CONTROL);
        if !control.is_some_and(|domain| domain.outstanding_pages == 0 && !domain.dying) {
            return Ok(Probed::default());
        }
        let ask = |claim| there(self.hypervisor.claim(CONTROL, claim));
        let set = match self.capabilities.claim_sets {
            true => ask(Claim::Set(&[])),
            false => Some(false),
        };
        let node = match (set, self.online().lowest()) {
            // A set may be of one node.
            (Some(true), _) => Some(true),
            _ if !self.capabilities.node_claims => Some(false),
            (_, Some(node)) => ask(Claim::Node { node, pages: 0 }),
            (_, None) => None,
        };
        let host = ask(Claim::Host { pages: 0 });
        Ok(Probed { host, node, set })
    }
}

/// Whether there is a kind of claims, by what releasing one that is not there was answered. The
/// control domain lives, so that EINVAL is about the call, not about the domain. ENOMEM is an
/// answer of the call too: one kind of sets counts the memory that a domain has.
fn there(answer: Result<(), CallError>) -> Option<bool> {
    match answer {
        Ok(()) => Some(true),
        Err(error) if matches!(error.errno, Errno::ENOENT | Errno::ENOMEM) => Some(true),
        Err(error) if is_unavailable(&error) || error.errno == Errno::EINVAL => Some(false),
        Err(_) => None,
    }
}
