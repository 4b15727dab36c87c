//! The end of a build, or of an attempt at one: its claim and its node affinity are given back.

use crate::attempt::Attempt;
use crate::config::Claims;
use crate::error::Error;
use crate::hypervisor::{CallError, Claim, DomainInfo, Domid, Errno, Hypervisor};
use crate::ledger::{Affined, Claimed};
use crate::listing::elsewhere;
use crate::placement::Pinned;
use crate::protocol::Protocol;
use crate::state::State;

/// What the end of a build found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Pages claimed and never taken, now cancelled.
    pub unused_pages: u64,
    /// The domain's memory on each node, where the hypervisor tells.
    pub pages_by_node: Option<Vec<u64>>,
    /// Of these, on other nodes than planned; `None` without a plan too.
    pub elsewhere_pages: Option<u64>,
}

impl<H: Hypervisor> Protocol<H> {
    /// Ends a build, good or bad: cancels what is left of the claim and gives node affinity back
    /// to Xen, unless the plan has a node without CPUs, which Xen would not derive.
    ///
    /// A value of an attempt that was abandoned, or of another handle, is [`Error::Conflict`] and
    /// changes nothing; a second call for the same build answers that nothing was left.
    pub fn finish(&self, pinned: Pinned) -> Result<Report, Error> {
        let unused_pages = self.end_build(pinned.attempt)?;
        let Some(unused_pages) = unused_pages else {
            return Ok(Report::default());
        };
        // Whatever keeps Xen from telling, the build has ended well.
        let pages_by_node = self.pages_by_node(pinned.domid());
        let told = pages_by_node.as_ref().zip(pinned.nodes);
        Ok(Report {
            unused_pages,
            elsewhere_pages: told.map(|(pages, planned)| elsewhere(pages, planned)),
            pages_by_node,
        })
    }

    /// Pages claimed and never taken, now cancelled; `None` if nothing was done to the domain.
    fn end_build(&self, attempt: Attempt) -> Result<Option<u64>, Error> {
        let mut state = self.lock();
        let domid = attempt.domid;
        if attempt.handle != state.handle || state.is_void(attempt) {
            state.check_current(attempt, "pinned")?;
        }
        let untouched = (state.builds.get(&domid)).is_some_and(|build| {
            build.attempt == attempt
                && (build.claim, build.affinity) == (Claimed::Not, Affined::Not)
                && state.claims() == Claims::Never
        });
        if untouched {
            state.builds.remove(&domid);
            state.built.insert(domid, attempt);
            return Ok(None);
        }
        let Some(domain) = self.listed(domid)? else {
            // Its number may be another domain's by now, but is not yet.
            if state.is_current(attempt) {
                state.builds.remove(&domid);
            }
            return Ok(None);
        };
        if state.built.get(&domid) == Some(&attempt) {
            return Ok(Some(0));
        }
        state.check_current(attempt, "pinned")?;
        self.end(&mut state, &domain, |affinity| match affinity {
            Some(Affined::ForBuild) => true,
            Some(Affined::Not | Affined::ForGood) | None => false,
        })?;
        state.built.insert(domid, attempt);
        Ok(Some(domain.outstanding_pages))
    }

    /// Cleans up after a domain at any point, known to this process or not: cancels what is left
    /// of its claim and gives node affinity back to Xen. Its placements that are under way end
    /// with [`Error::Cancelled`].
    pub fn abandon(&self, domid: Domid) -> Result<(), Error> {
        let mut state = self.lock();
        state.line.leave(domid);
        state.void(domid);
        let Some(domain) = self.listed(domid)? else {
            state.builds.remove(&domid);
            state.node_claimed.remove(&domid);
            return Ok(());
        };
        self.end(&mut state, &domain, |affinity| match affinity {
            Some(Affined::ForBuild | Affined::ForGood) | None => true,
            Some(Affined::Not) => false,
        })
    }

    /// The domain, if there is still something to end.
    fn listed(&self, domid: Domid) -> Result<Option<DomainInfo>, Error> {
        let domains = (self.hypervisor.domains()).map_err(Error::reading("listing domains"))?;
        // Late accounting lets a dead domain claim, and forgets the domain but not the claim.
        let there = |domain: &DomainInfo| !domain.dying || domain.outstanding_pages > 0;
        let found = domains.into_iter().find(|domain| domain.domid == domid);
        Ok(found.filter(there))
    }

    /// Cancels what is left of a claim. `released` says whether to give back the affinity of a
    /// build, or of a domain that is none of ours and has something claimed.
    fn end(
        &self,
        state: &mut State,
        domain: &DomainInfo,
        released: impl Fn(Option<Affined>) -> bool,
    ) -> Result<(), Error> {
        let (domid, unused_pages) = (domain.domid, domain.outstanding_pages);
        let affinity = state.builds.get(&domid).map(|build| build.affinity);
        if unused_pages > 0 {
            let doing = format!("cancelling its claim of {unused_pages} pages (to be tried again)");
            self.while_alive(self.release(domid), domid)
                .map_err(Error::call(domid, doing))?;
        }
        if (affinity.is_some() || unused_pages > 0) && released(affinity) {
            self.release_affinity(domid)?;
        }
        // On what another process claimed is not told.
        if unused_pages > 0 && affinity.is_none() {
            state.claimed_by_another(domid);
        }
        // Only now: what failed above is done again by the next call.
        state.builds.remove(&domid);
        Ok(())
    }

    /// Releases what the domain has claimed, of whatever kind.
    pub(crate) fn release(&self, domid: Domid) -> Result<(), CallError> {
        self.hypervisor.claim(domid, Claim::Host { pages: 0 })
    }

    /// Gives node affinity back to Xen. Automatic affinity is derived from vCPUs, and a domain that
    /// has none yet would keep the mask that was set, so it gets all nodes first.
    pub(crate) fn release_affinity(&self, domid: Domid) -> Result<(), Error> {
        for nodes in [Some(self.online()), None] {
            self.while_alive(self.hypervisor.set_node_affinity(domid, nodes), domid)
                .map_err(Error::call(domid, "returning its node affinity to Xen"))?;
        }
        Ok(())
    }

    /// A call on a domain that was destroyed meanwhile has nothing left to do.
    fn while_alive(&self, result: Result<(), CallError>, domid: Domid) -> Result<(), CallError> {
        match result {
            Err(error)
                if matches!(error.errno, Errno::ESRCH | Errno::EINVAL)
                    && self.alive(domid) == Some(false) =>
            {
                Ok(())
            }
            result => result,
        }
    }
}
