//! What a protocol remembers between calls, under its lock.

use std::collections::{BTreeMap, BTreeSet};

use planner::LeftOut;

use crate::attempt::{Attempt, Number};
use crate::config::{Claims, Config};
use crate::error::Error;
use crate::hypervisor::{DomainInfo, Domid};
use crate::kinds::{Kinds, Known};
use crate::ledger::Build;
use crate::line::Line;

/// What Xen cannot tell.
pub(crate) struct State {
    /// Whose it is.
    pub handle: Number,
    pub config: Config,
    pub pending: Option<Claims>,
    pub builds: BTreeMap<Domid, Build>,
    /// Domains that have had a claim on a node.
    pub node_claimed: BTreeSet<Domid>,
    /// Domains that may have had a claim on a node before this handle knew them: those that were
    /// there when it was opened, and those for which another process has claimed.
    /// `None`: not listed yet, as that failed.
    pub inherited: Option<BTreeSet<Domid>>,
    /// The last attempt at each domain whose build ended.
    pub built: BTreeMap<Domid, Attempt>,
    /// When domains were abandoned: attempts with a smaller number are over.
    pub voided: BTreeMap<Domid, Number>,
    pub kinds: Kinds,
    /// Nodes that no plan used at the last look.
    pub left_out: Vec<LeftOut>,
    /// Placements that wait.
    pub line: Line,
}

impl State {
    /// A number that is not listed will be another domain's when it comes again; who is dying is
    /// not built any more.
    pub fn forget_all_but(&mut self, domains: &[DomainInfo]) {
        let alive = |domid| domains.iter().any(|d| d.domid == domid && !d.dying);
        self.builds.retain(|domid, _| alive(*domid));
        let listed: BTreeSet<Domid> = domains.iter().map(|domain| domain.domid).collect();
        self.node_claimed.retain(|domid| listed.contains(domid));
        self.built.retain(|domid, _| listed.contains(domid));
        match &mut self.inherited {
            Some(inherited) => inherited.retain(|domid| listed.contains(domid)),
            None => self.inherited = Some(listed),
        }
    }

    /// Another process has claimed for the domain, on what Xen does not tell.
    pub fn claimed_by_another(&mut self, domid: Domid) {
        // Where domains are not listed yet, all will be taken for older than this handle.
        if let (Some(inherited), true) = (&mut self.inherited, self.kinds.set != Known::Present) {
            inherited.insert(domid);
        }
    }

    /// Whether domains are claimed for: what is switched, as far as the hypervisor has it.
    pub fn claims(&self) -> Claims {
        match (self.config.claims, self.kinds.host) {
            (Claims::Always, Known::Unknown | Known::Doubted(_) | Known::Present) => Claims::Always,
            (Claims::Always, Known::Absent) | (Claims::Never, _) => Claims::Never,
        }
    }

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
