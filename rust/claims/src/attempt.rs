//! Which placement something belongs to: of which handle, and which attempt at its domain.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;
use crate::hypervisor::Domid;
use crate::state::State;

/// A number that no other attempt in this process has, and no handle; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(u64);

impl Number {
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Number(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// An attempt to place a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub handle: Number,
    pub number: Number,
    pub domid: Domid,
}

impl State {
    /// Ends every attempt at the domain that has begun.
    pub fn void(&mut self, domid: Domid) {
        self.voided.insert(domid, Number::next());
    }

    /// Whether the domain was abandoned since the attempt began.
    pub fn is_void(&self, attempt: Attempt) -> bool {
        (self.voided.get(&attempt.domid)).is_some_and(|voided| *voided > attempt.number)
    }

    /// Whether the attempt's build is in flight.
    pub fn is_current(&self, attempt: Attempt) -> bool {
        let build = self.builds.get(&attempt.domid);
        build.is_some_and(|build| build.attempt == attempt)
    }

    /// Refuses what does not belong to a build in flight of this handle. `what` is the value.
    pub fn check_current(&self, attempt: Attempt, what: &str) -> Result<(), Error> {
        if self.is_current(attempt) && !self.is_void(attempt) {
            return Ok(());
        }
        let because = match self.builds.get(&attempt.domid) {
            _ if attempt.handle != self.handle => "was placed through another handle",
            Some(build) if build.attempt != attempt => "was placed again since",
            _ if self.built.get(&attempt.domid) == Some(&attempt) => "has been built",
            _ if self.is_void(attempt) => "was abandoned since",
            _ => "was destroyed since, and its number is another domain's now",
        };
        Err(Error::Conflict {
            domid: attempt.domid,
            why: format!(
                "the {what} value is of an attempt that is over: the domain {because}; use that of \
                 this handle's last attempt"
            ),
        })
    }
}
