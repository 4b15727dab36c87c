//! Whether it is worth waiting for memory: as long as some is being given back.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::hypervisor::{DomainInfo, Domid};

/// How long nothing may move, with no domain seen dying, before waiting is given up.
const STAGNATION: Duration = Duration::from_secs(3);

/// The first and the longest time between two looks.
const FIRST_POLL: Duration = Duration::from_millis(100);
const LONGEST_POLL: Duration = Duration::from_secs(1);

/// Watches a host that is short of memory.
#[derive(Debug)]
pub(crate) struct Watch {
    since: Duration,
    last_progress: Duration,
    poll: Duration,
    unclaimed_pages: i64,
    tot_pages: BTreeMap<Domid, u64>,
}

impl Watch {
    /// Starts to watch at `now`.
    pub fn new(now: Duration, unclaimed_pages: i64, domains: &[DomainInfo]) -> Self {
        Watch {
            since: now,
            last_progress: now,
            poll: FIRST_POLL,
            unclaimed_pages,
            tot_pages: tot_pages(domains),
        }
    }

    /// How long it has been watched.
    pub fn waited(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    /// Looks again: how long to wait before the next look, or `None` if it is not worth it.
    ///
    /// Xen shows a domain as dying only when most of its memory is back; until then that its
    /// pages get fewer is the only sign.
    pub fn look(
        &mut self,
        now: Duration,
        at_most: Duration,
        unclaimed_pages: i64,
        domains: &[DomainInfo],
    ) -> Option<Duration> {
        let tot_pages = tot_pages(domains);
        let given_back = self
            .tot_pages
            .iter()
            .any(|(domid, before)| tot_pages.get(domid).is_none_or(|pages| pages < before));
        let dying = domains.iter().any(|domain| domain.dying);
        if given_back || dying || unclaimed_pages > self.unclaimed_pages {
            self.last_progress = now;
        }
        self.unclaimed_pages = unclaimed_pages;
        self.tot_pages = tot_pages;
        let stagnant = now.saturating_sub(self.last_progress) > STAGNATION;
        if stagnant || self.waited(now) >= at_most {
            return None;
        }
        let poll = self.poll;
        self.poll = (poll * 2).min(LONGEST_POLL);
        Some(poll)
    }
}

fn tot_pages(domains: &[DomainInfo]) -> BTreeMap<Domid, u64> {
    domains.iter().map(|d| (d.domid, d.tot_pages)).collect()
}
