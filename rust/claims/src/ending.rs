//! The end of a build, or of an attempt at one: its claim and its node affinity are given back.

use crate::error::Error;
use crate::hypervisor::{CallError, DomainInfo, Domid, Errno, Hypervisor};
use crate::ledger::Affined;
use crate::listing::elsewhere;
use crate::protocol::{Pinned, Protocol};

/// What the end of a build found.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub fn built(&self, pinned: Pinned) -> Result<Report, Error> {
        let unused_pages = self.end(pinned.domid, |affinity| match affinity {
            Some(Affined::ForBuild) => true,
            Some(Affined::Not | Affined::ForGood) | None => false,
        })?;
        // Whatever keeps Xen from telling, the build has ended well.
        let pages_by_node = self.hypervisor.pages_by_node(pinned.domid).ok();
        let told = pages_by_node.as_ref().zip(pinned.nodes);
        Ok(Report {
            unused_pages,
            elsewhere_pages: told.map(|(pages, planned)| elsewhere(pages, planned)),
            pages_by_node,
        })
    }

    /// Cleans up after a domain at any point, known to this process or not: cancels what is left
    /// of its claim and gives node affinity back to Xen.
    pub fn abandoned(&self, domid: Domid) -> Result<(), Error> {
        self.lock().line.leave(domid);
        self.undone(domid)
    }

    /// The same for a placement that goes on, and keeps its place among those that wait.
    pub(crate) fn undone(&self, domid: Domid) -> Result<(), Error> {
        self.end(domid, |affinity| match affinity {
            Some(Affined::ForBuild | Affined::ForGood) | None => true,
            Some(Affined::Not) => false,
        })
        .map(|_| ())
    }

    /// Pages claimed and never taken, now cancelled. `released` says whether to give back the
    /// affinity of a build, or of a domain that is none of ours and has something claimed.
    fn end(&self, domid: Domid, released: impl Fn(Option<Affined>) -> bool) -> Result<u64, Error> {
        let mut state = self.lock();
        let domains = (self.hypervisor.domains()).map_err(Error::reading("listing domains"))?;
        let affinity = state.builds.get(&domid).map(|build| build.affinity);
        // Late accounting lets a dead domain claim, and forgets the domain but not the claim.
        let there = |domain: &&DomainInfo| !domain.dying || domain.outstanding_pages > 0;
        let listed = (domains.iter()).find(|domain| domain.domid == domid && there(domain));
        let Some(&DomainInfo {
            outstanding_pages: unused_pages,
            ..
        }) = listed
        else {
            state.builds.remove(&domid);
            state.node_claimed.remove(&domid);
            return Ok(0);
        };
        if unused_pages > 0 {
            let doing = format!("cancelling its claim of {unused_pages} pages (to be tried again)");
            self.while_alive(self.hypervisor.claim_host(domid, 0), domid)
                .map_err(Error::call(domid, doing))?;
        }
        if (affinity.is_some() || unused_pages > 0) && released(affinity) {
            self.release_affinity(domid)?;
        }
        // On what another process claimed is not told.
        let known = affinity.is_some() || state.claim_sets == Some(true);
        if unused_pages > 0 && !known && state.node_claims != Some(false) {
            state.node_claimed.insert(domid);
        }
        // Only now: what failed above is done again by the next call.
        state.builds.remove(&domid);
        Ok(unused_pages)
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
