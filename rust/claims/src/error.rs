//! What can go wrong between a toolstack and a hypervisor, with its figures and what to do.

use std::time::Duration;

use planner::{Invalid, Refusal};

use crate::hypervisor::{CallError, Domid};

/// A failure of the protocol.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The host has not got the memory, and none is being given back.
    #[error(
        "{domid}: the host is full: {needed_pages} pages are needed, {available_pages} are free \
         and unclaimed after the reserve, waited {} s; shut something down or ask for less",
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
    #[error("{domid}: {refusal}; free a node, or relax the policy")]
    Refused {
        /// The domain.
        domid: Domid,
        /// Why, and by how much.
        refusal: Refusal,
    },
    /// The hypervisor refused a call for a reason that the protocol does not expect.
    #[error("{}{doing}: {source}", domid.map_or(String::new(), |domid| format!("{domid}: ")))]
    Call {
        /// The call and its errno.
        source: CallError,
        /// The domain, if the call was about one.
        domid: Option<Domid>,
        /// What was attempted, with its figures, and what to do.
        doing: String,
    },
    /// The domain has a claim that cannot be undone without risk.
    #[error("{domid}: {why}; destroy the domain")]
    MustDestroy {
        /// The domain.
        domid: Domid,
        /// What is wrong.
        why: String,
    },
    /// The claim is not what was asked, because the domain had taken pages before.
    #[error(
        "{domid}: a claim of {asked_pages} pages left {outstanding_pages} outstanding, because it \
         had taken pages before; place it right after its maximum memory is set"
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
    #[error("{domid}: it was abandoned while it was being placed; nothing is claimed for it")]
    Cancelled {
        /// The domain.
        domid: Domid,
    },
    /// Builds in flight, or placements that came before, did not end in time.
    #[error(
        "{domid}: waited {} s for {}: {why}",
        waited.as_secs_f64(),
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
    /// A value that cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

fn waited_for(builds: &[Domid], waiters: &[Domid]) -> String {
    let list = |domids: &[Domid]| {
        let domids: Vec<String> = domids.iter().map(Domid::to_string).collect();
        domids.join(", ")
    };
    let builds = (!builds.is_empty()).then(|| format!("the builds of {}", list(builds)));
    let waiters = (!waiters.is_empty()).then(|| format!("the waiting {}", list(waiters)));
    match (builds, waiters) {
        (None, None) => "what other processes build or claim".to_string(),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(builds), Some(waiters)) => format!("{builds} and {waiters}"),
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
