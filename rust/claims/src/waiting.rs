//! Whether it is worth waiting for memory: as long as some is being given back.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::hypervisor::{DomainInfo, Domid};

/// How long nothing may move before waiting is given up …
const STAGNATION: Duration = Duration::from_secs(3);

/// … how long once something has moved, for whoever has nothing: whoever gives back may pause …
const STAGNATION_AFTER_PROGRESS: Duration = Duration::from_secs(10);

/// … and how long while a domain is dying, which has silent phases.
const STAGNATION_WHILE_DYING: Duration = Duration::from_secs(30);

/// Less than this is no progress: 1 MiB.
const LEAST_PROGRESS_PAGES: u64 = 256;

/// The first and the longest time between two looks.
const FIRST_POLL: Duration = Duration::from_millis(100);
const LONGEST_POLL: Duration = Duration::from_secs(1);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hope {
    /// Enough memory for any plan.
    AnyPlan,
    /// A nearer plan than there is.
    NearerPlan,
}

/// Watches a host that is short of memory. Progress is measured against the best that was seen,
/// so that what only goes up and down is none.
#[derive(Debug)]
pub(crate) struct Watch {
    since: Duration,
    last_progress: Duration,
    poll: Duration,
    most_unclaimed_pages: i64,
    least_tot_pages: BTreeMap<Domid, u64>,
}

impl Watch {
    /// Starts to watch at `now`.
    pub fn new(now: Duration, unclaimed_pages: i64, domains: &[DomainInfo]) -> Self {
        Watch {
            since: now,
            last_progress: now,
            poll: FIRST_POLL,
            most_unclaimed_pages: unclaimed_pages,
            least_tot_pages: domains.iter().map(|d| (d.domid, d.tot_pages)).collect(),
        }
    }

    /// How long it has been watched.
    pub fn waited(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    /// It is short of memory again, after it was not: from now on it is seen whether any moves.
    pub fn short_again(&mut self, now: Duration) {
        self.last_progress = now;
    }

    /// Looks again: how long to wait before the next look, or `None` if it is not worth it.
    pub fn look(
        &mut self,
        now: Duration,
        hope: Hope,
        at_most: Duration,
        unclaimed_pages: i64,
        domains: &[DomainInfo],
    ) -> Option<Duration> {
        if self.progress(unclaimed_pages, domains) {
            self.last_progress = now;
        }
        // One that others keep pages of may be dying for days.
        let gives_back = |d: &DomainInfo| d.dying && d.tot_pages >= LEAST_PROGRESS_PAGES;
        let dying = domains.iter().any(gives_back);
        let progressed = self.last_progress > self.since;
        let patience = match hope {
            Hope::AnyPlan | Hope::NearerPlan if dying => STAGNATION_WHILE_DYING,
            Hope::AnyPlan if progressed => STAGNATION_AFTER_PROGRESS,
            Hope::AnyPlan | Hope::NearerPlan => STAGNATION,
        };
        let stagnant = now.saturating_sub(self.last_progress) > patience;
        if stagnant || self.waited(now) >= at_most {
            return None;
        }
        let poll = self.poll;
        self.poll = (poll * 2).min(LONGEST_POLL);
        Some(poll)
    }

    /// Xen shows a domain as dying only when most of its memory is back; until then that its
    /// pages get fewer is the only sign.
    fn progress(&mut self, unclaimed_pages: i64, domains: &[DomainInfo]) -> bool {
        let mut given_back = false;
        let gone = |domid: &Domid| !domains.iter().any(|domain| domain.domid == *domid);
        self.least_tot_pages.retain(|domid, _| {
            given_back |= gone(domid);
            !gone(domid)
        });
        for domain in domains {
            let least = self
                .least_tot_pages
                .entry(domain.domid)
                .or_insert(domain.tot_pages);
            let fewer = least.saturating_sub(domain.tot_pages);
            if fewer >= LEAST_PROGRESS_PAGES {
                given_back = true;
                *least = domain.tot_pages;
            }
        }
        let risen = unclaimed_pages - self.most_unclaimed_pages >= LEAST_PROGRESS_PAGES as i64;
        if risen {
            self.most_unclaimed_pages = unclaimed_pages;
        }
        risen || given_back
    }
}
