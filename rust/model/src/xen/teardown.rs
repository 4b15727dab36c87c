//! The end of a domain: its claim goes at once, its pages over a long time.

use std::time::Duration;

use claims::{Domid, Errno};

use super::runs::Held;
use super::{Finding, Xen, MAX_EXTENT_PAGES};

/// The pace of destruction, which domains that die at the same time share, and of scrubbing.
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
    /// How many free pages of each node its idle CPUs clean in a second; 0 if none is idle.
    pub scrubbed_pages_per_second: u64,
    /// For each 1 GiB of dirty memory that a domain is given: it is cleaned before it is assigned.
    pub cleaning_time_per_gib: Duration,
}

impl Default for Timing {
    /// Destruction as measured, about 17 GiB/s. Scrubbing is taken to run at 8 GiB/s on a node, and
    /// on a CPU.
    fn default() -> Self {
        Timing {
            quiet: Duration::from_millis(200),
            pool_time_per_gib: Duration::from_millis(300),
            memory_time_per_gib: Duration::from_micros(58_824),
            grace: Duration::from_millis(500),
            mapped_pages: 0,
            scrubbed_pages_per_second: 8 << 18,
            cleaning_time_per_gib: Duration::from_millis(125),
        }
    }
}

/// Pages that are freed in one step.
const CHUNK_PAGES: u64 = MAX_EXTENT_PAGES;

/// How often Xen checks whether what kept a domain has been given back.
const HELD_POLL: Duration = Duration::from_millis(10);

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

    /// Lets time pass until `now`: domains that are being destroyed give their pages back, and
    /// idle CPUs scrub.
    pub fn advance_to(&mut self, now: Duration) {
        while let Some((due, domid)) = self.next_step.filter(|(due, _)| *due <= now) {
            self.now = self.now.max(due);
            self.scrub_until(self.now);
            self.tear_down(domid);
            self.find_next_step();
        }
        self.now = self.now.max(now);
        self.scrub_until(self.now);
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
        let kept = timing.mapped_pages.max(domain.foreign_pages);
        let held_on = domain.foreign_pages > 0 || domain.inflight.iter().any(|pages| *pages > 0);
        let shared = |time_per_gib: Duration, pages: u64| {
            let nanos = time_per_gib.as_nanos() as u64 * sharing;
            Duration::from_nanos(nanos * pages / CHUNK_PAGES)
        };
        let (stage, wait) = match stage {
            Stage::Pool => match self.free_pool(domid) {
                0 => (Stage::Memory, Duration::ZERO),
                freed => (Stage::Pool, shared(timing.pool_time_per_gib, freed)),
            },
            Stage::Memory => match self.free_chunk(domid, kept) {
                0 => (Stage::Dying, Duration::ZERO),
                freed => (Stage::Memory, shared(timing.memory_time_per_gib, freed)),
            },
            Stage::Dying => (Stage::Dead, timing.grace),
            // An extent in flight, or a page that is mapped elsewhere, keeps the domain.
            Stage::Dead if held_on => (Stage::Dead, HELD_POLL),
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
        let mut pool = std::mem::take(&mut domain.pool);
        let freed = chunk(&pool, 0);
        for (held, freed) in pool.iter_mut().zip(&freed) {
            let mut left = *freed;
            while let Some(run) = held.pop(left) {
                left -= run.pages;
                self.put(run, true);
            }
        }
        if let Some(domain) = self.domains.get_mut(&domid) {
            domain.pool = pool;
        }
        freed.iter().sum()
    }

    /// Frees up to a chunk of the domain's memory, but for `keep` pages: how many.
    fn free_chunk(&mut self, domid: Domid, keep: u64) -> u64 {
        let Some(domain) = self.domains.get_mut(&domid) else {
            return 0;
        };
        let freed = chunk(&domain.pages, keep);
        let mut extra_pages = freed.iter().sum::<u64>().min(domain.extra_pages);
        domain.extra_pages -= extra_pages;
        for (node, freed) in freed.iter().enumerate() {
            let extra = extra_pages.min(*freed);
            extra_pages -= extra;
            // They cannot fail: the domain is there.
            _ = self.put_memory(domid, node, extra);
            _ = self.free_memory(domid, node, freed - extra);
        }
        freed.iter().sum()
    }

    fn bury(&mut self, domid: Domid) {
        while self.free_chunk(domid, 0) > 0 {}
        if let Some(domain) = self.domains.remove(&domid) {
            self.put_all(&domain.structures);
            self.leaked_pages += domain.claim.outstanding_pages;
            if domain.claim.outstanding_pages > 0 {
                self.findings.note(Finding::Leaked);
            }
        }
    }
}

/// Up to a chunk of what is held, but for `keep` pages, of each node in proportion.
fn chunk(held: &[Held], keep: u64) -> Vec<u64> {
    let total: u64 = held.iter().map(Held::pages).sum();
    let whole = total.saturating_sub(keep).min(CHUNK_PAGES);
    let mut left = whole;
    // Each part is at most what the node has, because the whole is at most the total.
    let part = |held: &Held| {
        let part =
            (u128::from(held.pages()) * u128::from(whole)).div_ceil(u128::from(total.max(1)));
        let part = (part as u64).min(left);
        left -= part;
        part
    };
    held.iter().map(part).collect()
}
