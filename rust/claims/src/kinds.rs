//! Which kinds of claims a hypervisor has, as far as its answers tell.
//!
//! What one domain was answered may be about that domain: a kind is given up only after a second
//! one. A kind whose call does not exist is absent from the start.

use crate::hypervisor::{Capabilities, Domid};
use crate::ledger::Claimed;

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
    pub fn refused(&mut self, domid: Domid) {
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

    pub fn of(&mut self, claim: Claimed) -> Option<&mut Known> {
        match claim {
            Claimed::Not => None,
            Claimed::OnHost => Some(&mut self.host),
            Claimed::OnNode => Some(&mut self.node),
            Claimed::InSet => Some(&mut self.set),
        }
    }
}
