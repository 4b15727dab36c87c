//! Asking which kinds of claims a hypervisor has: for a domain that is placed, and without one.

use crate::error::Error;
use crate::hypervisor::{CallError, Claim, Domid, Errno, Hypervisor};
use crate::kinds::Known;
use crate::ledger::Claimed;
use crate::placing::Placing;
use crate::protocol::Protocol;
use crate::state::State;

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

    /// Whether a claim of this kind can be made for the domain; `None` if the hypervisor does not
    /// say. What is not known is asked by cancelling a claim that is not there.
    pub(crate) fn has(
        &self,
        claim: Claimed,
        placing: &mut Placing,
        state: &mut State,
    ) -> Option<bool> {
        if placing.without.contains(&claim) {
            return Some(false);
        }
        if let Some(certain) = state.kinds.of(claim).and_then(|known| known.certain()) {
            return Some(certain);
        }
        let has = self.answered(claim, placing.domid());
        match has {
            // In doubt only a claim that is there is believed.
            Some(true) => {
                if let Some(known @ Known::Unknown) = state.kinds.of(claim) {
                    *known = Known::Present;
                }
            }
            Some(false) => self.give_up(claim, placing, state),
            None => (),
        }
        has
    }

    /// Whether Xen answers, for this domain and now, that it has no claims on single nodes. That
    /// this toolstack may not ask is no answer: the one before it may have claimed.
    pub(crate) fn denies_node_claims(&self, domid: Domid) -> bool {
        if !self.capabilities.node_claims {
            return true;
        }
        match self.release_on_node(domid) {
            Ok(()) => false,
            Err(error) => match error.errno {
                Errno::ENOSYS | Errno::EOPNOTSUPP => true,
                Errno::EINVAL => self.alive(domid) == Some(true),
                _ => false,
            },
        }
    }

    /// Releases a claim on a single node that is not there.
    fn release_on_node(&self, domid: Domid) -> Result<(), CallError> {
        let node = self.online().lowest().unwrap_or(0);
        self.hypervisor.claim(domid, Claim::Node { node, pages: 0 })
    }

    fn answered(&self, claim: Claimed, domid: Domid) -> Option<bool> {
        let answer = match claim {
            Claimed::Not | Claimed::OnHost => return None,
            Claimed::OnNode => self.release_on_node(domid),
            Claimed::InSet => self.hypervisor.claim(domid, Claim::Set(&[])),
        };
        match answer {
            Ok(()) => Some(true),
            Err(error) if error.errno == Errno::ENOENT => Some(true),
            Err(error) if error.is_unavailable() => Some(false),
            Err(error) if error.errno == Errno::EINVAL && self.alive(domid) == Some(true) => {
                Some(false)
            }
            Err(_) => None,
        }
    }

    /// Claims of this kind are not made for this domain any more.
    pub(crate) fn give_up(&self, claim: Claimed, placing: &mut Placing, state: &mut State) {
        placing.without.insert(claim);
        if let Some(known) = state.kinds.of(claim) {
            known.refused(placing.domid());
        }
    }
}

/// Whether there is a kind of claims, by what releasing one that is not there was answered. The
/// control domain lives, so that EINVAL is about the call, not about the domain. ENOMEM is an
/// answer of the call too: one kind of sets counts the memory that a domain has.
fn there(answer: Result<(), CallError>) -> Option<bool> {
    match answer {
        Ok(()) => Some(true),
        Err(error) if matches!(error.errno, Errno::ENOENT | Errno::ENOMEM) => Some(true),
        Err(error) if error.is_unavailable() || error.errno == Errno::EINVAL => Some(false),
        Err(_) => None,
    }
}
