//! What can go wrong between a toolstack and a hypervisor, with its figures and what to do.

use std::time::Duration;

use planner::{Bytes, Invalid, Refusal};

use crate::hypervisor::{CallError, Domid};

/// A failure of the protocol.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The host has not got the memory, and none is being given back.
    #[error(
        "domain {}: the host is full: {} needed, {} free and unclaimed after the reserve, waited \
         {:.1} s; shut something down or ask for less",
        domid.0,
        Bytes::of_pages(*needed_pages),
        Bytes::of_pages(*available_pages),
        waited.as_secs_f64()
    )]
    HostFull {
        /// The domain.
        domid: Domid,
        /// Memory and overhead.
        needed_pages: u64,
        /// Free, less claimed, held back and reserved.
        available_pages: u64,
        /// For memory to be given back.
        waited: Duration,
    },
    /// The policy is strict, and no node will do.
    #[error("domain {}: {refusal}; make room on a node, or relax the policy", domid.0)]
    Refused {
        /// The domain.
        domid: Domid,
        /// Why, and by how much.
        refusal: Refusal,
    },
    /// The hypervisor refused a call for a reason that the protocol does not expect.
    #[error(
        "{}{doing}: {source}",
        domid.map_or(String::new(), |domid| format!("domain {}: ", domid.0))
    )]
    Call {
        /// The call and its errno.
        source: CallError,
        /// The domain, if the call was about one.
        domid: Option<Domid>,
        /// What was attempted, with its figures, and what to do.
        doing: String,
    },
    /// The domain has a claim that cannot be undone without risk.
    #[error("domain {}: {why}; destroy it", domid.0)]
    MustDestroy {
        /// The domain.
        domid: Domid,
        /// What is wrong.
        why: String,
    },
    /// The claim is not what was asked, because the domain had taken pages before.
    #[error(
        "domain {}: a claim of {} left {} outstanding, because it had taken pages before; place it \
         right after its maximum memory is set",
        domid.0,
        Bytes::of_pages(*asked_pages),
        Bytes::of_pages(*outstanding_pages)
    )]
    TooLate {
        /// The domain.
        domid: Domid,
        /// Its memory.
        asked_pages: u64,
        /// What the claim came to.
        outstanding_pages: u64,
    },
    /// The domain was abandoned while it was being placed.
    #[error(
        "domain {}: it was abandoned while it was being placed; nothing is claimed for it",
        domid.0
    )]
    Cancelled {
        /// The domain.
        domid: Domid,
    },
    /// Builds in flight, or placements that came before, did not end in time.
    #[error(
        "domain {}: waited {} s in vain for {}: {why}",
        domid.0,
        waited.as_secs(),
        waited_for(builds, waiters)
    )]
    Busy {
        /// The domain that waited.
        domid: Domid,
        /// The domains being built.
        builds: Vec<Domid>,
        /// The domains that came before and wait themselves.
        waiters: Vec<Domid>,
        /// Why it had to wait for them.
        why: &'static str,
        /// How long it waited.
        waited: Duration,
    },
    /// The domain is not in the state that the call needs. Nothing was changed.
    #[error("domain {}: {why}", domid.0)]
    Conflict {
        /// The domain.
        domid: Domid,
        /// The state that it is in, and what to do.
        why: String,
    },
    /// A value that cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

fn waited_for(builds: &[Domid], waiters: &[Domid]) -> String {
    let list = |domids: &[Domid]| {
        let domids: Vec<String> = domids.iter().map(|domid| domid.0.to_string()).collect();
        domids.join(", ")
    };
    match (builds, waiters) {
        ([], []) => "what other processes build or claim".to_string(),
        (builds, []) => format!("the builds of domains {}", list(builds)),
        ([], waiters) => format!("the waiting domains {}", list(waiters)),
        (builds, waiters) => {
            let (builds, waiters) = (list(builds), list(waiters));
            format!("the builds of domains {builds} and the waiting {waiters}")
        }
    }
}

impl Error {
    pub(crate) fn call(domid: Domid, doing: impl Into<String>) -> impl FnOnce(CallError) -> Error {
        let doing = doing.into();
        move |source| Error::Call {
            source,
            domid: Some(domid),
            doing,
        }
    }

    pub(crate) fn reading(doing: &str) -> impl FnOnce(CallError) -> Error + '_ {
        move |source| Error::Call {
            source,
            domid: None,
            doing: doing.to_string(),
        }
    }
}
