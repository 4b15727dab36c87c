//! What happens beside the VMs: Xen takes pages for itself, balloons move, pages stay mapped.

use std::time::Duration;

use claims::Domid;
use fastrand::Rng;
use model::Xen;

/// The most that Xen takes from its heap at a time for what is no domain's.
const NOISE_PAGES: u64 = 64;

/// How often a balloon gives pages back.
const BALLOON_STEP: Duration = Duration::from_millis(50);

/// Pages of 2 MiB.
const PIECE_PAGES: u64 = 1 << 9;

/// Xen takes a few pages for itself, or gives all of them back.
#[derive(Debug)]
pub(super) struct Noise {
    rng: Rng,
    has_pages: u64,
    most_pages: u64,
}

impl Noise {
    pub fn new(most_pages: u64, seed: u64) -> Self {
        Noise {
            rng: Rng::with_seed(seed),
            has_pages: 0,
            most_pages,
        }
    }

    /// How long until the next.
    pub fn event(&mut self, xen: &mut Xen) -> Duration {
        let pages = self.rng.u64(0..=NOISE_PAGES);
        let nodes: Vec<usize> = xen.topology().online().iter().collect();
        let node = nodes.get(self.rng.usize(0..nodes.len().max(1)));
        match (self.has_pages + pages > self.most_pages, node) {
            (true, _) => {
                xen.free_unowned();
                self.has_pages = 0;
            }
            (false, Some(node)) if xen.take_unowned(*node, pages).is_ok() => {
                self.has_pages += pages;
            }
            // Nothing is lost: the noise can do without.
            (false, Some(_) | None) => (),
        }
        Duration::from_micros(self.rng.u64(100_000..=3_000_000))
    }
}

/// A domain gives memory back.
#[derive(Debug)]
pub(super) struct Balloon {
    domid: Option<Domid>,
    node: Option<usize>,
    left_pages: u64,
    step_pages: u64,
    /// In pieces of 2 MiB with as much between them.
    scattered: bool,
}

impl Balloon {
    pub fn new(
        domid: Option<Domid>,
        node: Option<usize>,
        pages: u64,
        pages_per_second: u64,
        scattered: bool,
    ) -> Self {
        let step = pages_per_second * BALLOON_STEP.as_millis() as u64 / 1000;
        Balloon {
            domid,
            node,
            left_pages: pages,
            step_pages: step.max(1),
            scattered,
        }
    }

    /// How long until the next; nothing if it has ended.
    pub fn event(&mut self, xen: &mut Xen) -> Option<Duration> {
        let domid = self.domid?;
        let has = xen.domain_pages(domid);
        let most = has.iter().max_by_key(|(_, pages)| *pages);
        let node = self.node.or(most.map(|(node, _)| *node))?;
        let there = has
            .iter()
            .find(|(n, _)| *n == node)
            .map_or(0, |(_, pages)| *pages);
        let pages = self.step_pages.min(self.left_pages).min(there);
        let freed = match self.scattered {
            true => xen.free_scattered(domid, node, pages, PIECE_PAGES),
            false => xen.free(domid, node, pages),
        };
        self.left_pages -= pages;
        (pages > 0 && self.left_pages > 0 && freed.is_ok()).then_some(BALLOON_STEP)
    }
}

/// Others map pages of a domain for some time.
#[derive(Debug)]
pub(super) struct Mapping {
    domid: Option<Domid>,
    pages: u64,
    time: Duration,
    mapped: bool,
}

impl Mapping {
    pub fn new(domid: Option<Domid>, pages: u64, time: Duration) -> Self {
        Mapping {
            domid,
            pages,
            time,
            mapped: false,
        }
    }

    /// How long until they are unmapped; nothing if they are.
    pub fn event(&mut self, xen: &mut Xen) -> Option<Duration> {
        let domid = self.domid?;
        if self.mapped {
            // A domain that is gone has none.
            _ = xen.unmap_foreign(domid);
            return None;
        }
        self.mapped = true;
        xen.map_foreign(domid, self.pages)
            .is_ok()
            .then_some(self.time)
    }
}
