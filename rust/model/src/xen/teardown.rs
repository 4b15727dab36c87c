//! The end of a domain: its claim goes at once, its pages over a long time.

use std::time::Duration;

use claims::{Domid, Errno};

use super::{PerNode, Xen};

/// The pace of destruction. Domains that die at the same time share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Before the first page is freed.
    pub quiet: Duration,
    /// For each 1 GiB of pool.
    pub pool_time_per_gib: Duration,
    /// For each 1 GiB of memory.
    pub memory_time_per_gib: Duration,
    /// From dead to gone: while pages are still mapped elsewhere.
    pub grace: Duration,
    /// How many pages of memory are still mapped elsewhere, and freed only then.
    pub mapped_pages: u64,
}

impl Default for Timing {
    /// As measured: about 17 GiB/s.
    fn default() -> Self {
        Timing {
            quiet: Duration::from_millis(200),
            pool_time_per_gib: Duration::from_millis(300),
            memory_time_per_gib: Duration::from_micros(58_824),
            grace: Duration::from_millis(500),
            mapped_pages: 0,
        }
    }
}

/// Pages that are freed in one step.
const CHUNK_PAGES: u64 = 1 << 18;

/// How often it is looked whether extents that left the heap have come back.
const INFLIGHT_POLL: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Pool,
    Memory,
    Dying,
    Dead,
}

/// How far the destruction of a domain is.
#[derive(Debug, Clone)]
pub(super) struct Teardown {
    stage: Stage,
    due: Duration,
}

impl Teardown {
    pub fn is_dead(&self) -> bool {
        self.stage == Stage::Dead
    }
}

impl Xen {
    /// Starts to destroy a domain. Its claim is released at once; the rest takes time.
    pub fn destroy(&mut self, domid: Domid) -> Result<(), Errno> {
        self.up()?;
        let due = self.now + self.timing.quiet;
        let domain = self.known_mut(domid)?;
        if domid.0 == 0 {
            return Err(Errno::EINVAL);
        }
        if !domain.is_alive() {
            return Ok(());
        }
        domain.teardown = Some(Teardown {
            stage: Stage::Pool,
            due,
        });
        self.find_next_step();
        self.release(domid)
    }

    /// Lets time pass until `now`: domains that are being destroyed give their pages back.
    pub fn advance_to(&mut self, now: Duration) {
        while let Some((due, domid)) = self.next_step.filter(|(due, _)| *due <= now) {
            self.now = self.now.max(due);
            self.tear_down(domid);
            self.find_next_step();
        }
        self.now = self.now.max(now);
    }

    /// Whether a domain is being destroyed.
    pub fn is_tearing_down(&self) -> bool {
        self.next_step.is_some()
    }

    fn find_next_step(&mut self) {
        self.next_step = (self.domains.iter())
            .filter_map(|(domid, domain)| Some((domain.teardown.as_ref()?.due, *domid)))
            .min();
    }

    fn tear_down(&mut self, domid: Domid) {
        let timing = self.timing;
        let sharing = self.domains.values().filter(|d| !d.is_alive()).count() as u64;
        let Some(domain) = self.domains.get_mut(&domid) else {
            return;
        };
        let Some(Teardown { stage, .. }) = domain.teardown else {
            return;
        };
        let shared = |time_per_gib: Duration, pages: u64| {
            let nanos = time_per_gib.as_nanos() as u64 * sharing;
            Duration::from_nanos(nanos * pages / CHUNK_PAGES)
        };
        let (stage, wait) = match stage {
            Stage::Pool => match self.free_pool(domid) {
                0 => (Stage::Memory, Duration::ZERO),
                freed => (Stage::Pool, shared(timing.pool_time_per_gib, freed)),
            },
            Stage::Memory => match self.free_chunk(domid, timing.mapped_pages) {
                0 => (Stage::Dying, Duration::ZERO),
                freed => (Stage::Memory, shared(timing.memory_time_per_gib, freed)),
            },
            Stage::Dying => (Stage::Dead, timing.grace),
            // The call that has an extent in its hands holds on to the domain.
            Stage::Dead if domain.inflight.iter().any(|pages| *pages > 0) => {
                (Stage::Dead, INFLIGHT_POLL)
            }
            Stage::Dead => return self.bury(domid),
        };
        let due = self.now + wait;
        if let Some(domain) = self.domains.get_mut(&domid) {
            domain.teardown = Some(Teardown { stage, due });
        }
    }

    /// Frees up to a chunk of the domain's pool: how many pages.
    fn free_pool(&mut self, domid: Domid) -> u64 {
        let Some(domain) = self.domains.get_mut(&domid) else {
            return 0;
        };
        let freed = chunk(&domain.pool, 0);
        for (has, freed) in domain.pool.iter_mut().zip(&freed) {
            *has -= freed;
        }
        self.put_all(&freed);
        freed.iter().sum()
    }

    /// Frees up to a chunk of the domain's memory, but for `keep` pages: how many.
    fn free_chunk(&mut self, domid: Domid, keep: u64) -> u64 {
        let Some(domain) = self.domains.get_mut(&domid) else {
            return 0;
        };
        let freed = chunk(&domain.pages, keep);
        let mut extra = vec![0; freed.len()];
        for ((has, freed), extra) in domain.pages.iter_mut().zip(&freed).zip(&mut extra) {
            *extra = domain.extra_pages.min(*freed);
            domain.extra_pages -= *extra;
            *has -= *extra;
        }
        self.put_all(&extra);
        for (node, (freed, extra)) in freed.iter().zip(&extra).enumerate() {
            // It cannot fail: the domain is there.
            let _ = self.free_memory(domid, node, freed - extra);
        }
        freed.iter().sum()
    }

    fn bury(&mut self, domid: Domid) {
        while self.free_chunk(domid, 0) > 0 {}
        if let Some(domain) = self.domains.remove(&domid) {
            self.put_all(&domain.structures);
            self.leaked_pages += domain.outstanding_pages;
        }
    }
}

/// Up to a chunk of `pages`, but for `keep` of them, of each node in proportion.
fn chunk(pages: &PerNode, keep: u64) -> PerNode {
    let total: u64 = pages.iter().sum();
    let whole = total.saturating_sub(keep).min(CHUNK_PAGES);
    let mut left = whole;
    // Each part is at most what the node has, because the whole is at most the total.
    let part = |has: &u64| {
        let part = has.saturating_mul(whole).div_ceil(total.max(1)).min(left);
        left -= part;
        part
    };
    pages.iter().map(part).collect()
}
