//! Which kinds of claims a hypervisor has, as far as its answers tell.
//!
//! What one domain was answered may be about that domain: a kind is given up only after a second
//! one. A kind whose call does not exist is absent from the start.

use crate::hypervisor::{CallError, Capabilities, Claim, Domid, Errno, Hypervisor};
use crate::ledger::Claimed;
use crate::placing::Placing;
use crate::protocol::Protocol;
use crate::state::State;

/// What is known of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    #[default]
    Unknown,
    /// This domain was answered that there are none.
    Doubted(Domid),
    /// Two domains were, or there is no call for them.
    Absent,
    /// There are such claims.
    Present,
}

impl Known {
    /// `domid` was answered that there are no such claims.
    fn refused(&mut self, domid: Domid) {
        *self = match *self {
            Known::Unknown | Known::Present => Known::Doubted(domid),
            Known::Doubted(first) if first == domid => Known::Doubted(first),
            Known::Doubted(_) | Known::Absent => Known::Absent,
        };
    }

    /// Whether there are such claims, if that is known.
    pub fn certain(self) -> Option<bool> {
        match self {
            Known::Unknown | Known::Doubted(_) => None,
            Known::Absent => Some(false),
            Known::Present => Some(true),
        }
    }
}

/// What is known of every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub host: Known,
    pub node: Known,
    pub set: Known,
}

impl Kinds {
    /// What is known before any claim was made.
    pub fn before_any_claim(capabilities: &Capabilities) -> Self {
        let known = |has| if has { Known::Unknown } else { Known::Absent };
        Kinds {
            host: Known::Unknown,
            node: known(capabilities.node_claims),
            set: known(capabilities.claim_sets),
        }
    }

    /// A claim of this kind was there when it was looked at.
    pub fn seen(&mut self, claim: Claimed) {
        if let Some(known) = self.of(claim) {
            *known = Known::Present;
        }
    }

    fn of(&mut self, claim: Claimed) -> Option<&mut Known> {
        match claim {
            Claimed::Not => None,
            Claimed::OnHost => Some(&mut self.host),
            Claimed::OnNode => Some(&mut self.node),
            Claimed::InSet => Some(&mut self.set),
        }
    }
}

/// Whether a call was answered that there is nothing of its kind, or nothing that this toolstack
/// may use.
pub(crate) fn is_unavailable(error: &CallError) -> bool {
    matches!(
        error.errno,
        Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM | Errno::EACCES
    )
}

impl<H: Hypervisor> Protocol<H> {
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
            Err(error) if is_unavailable(&error) => Some(false),
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
