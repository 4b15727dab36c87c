//! What idle CPUs do: they clean free memory.

use std::time::Duration;

use super::{Xen, MAX_EXTENT_PAGES};

/// Nanoseconds in a second.
const SECOND_NANOS: u64 = 1_000_000_000;

impl Xen {
    /// Dirty pages that were taken for domains, since the beginning.
    pub fn taken_dirty_pages(&self) -> u64 {
        self.taken_dirty_pages
    }

    /// How long it takes to clean that many pages before they are assigned.
    pub fn cleaning_time(&self, pages: u64) -> Duration {
        let nanos = u128::from(pages) * self.timing.cleaning_time_per_gib.as_nanos();
        let nanos = nanos / u128::from(MAX_EXTENT_PAGES);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Lets idle CPUs scrub until `until`. Each cleans memory of its own node first; a node
    /// without CPUs is cleaned by those of others, at the same pace.
    pub(super) fn scrub_until(&mut self, until: Duration) {
        if self.heap.iter().all(|heap| heap.dirty_pages() == 0) {
            self.scrubbed_until = until;
            return;
        }
        let pace = self.timing.scrubbed_pages_per_second;
        let elapsed = until.saturating_sub(self.scrubbed_until);
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        // What no u64 holds is more than there is.
        let budget = nanos.saturating_mul(pace) / SECOND_NANOS;
        if budget == 0 && pace > 0 {
            // Less than a page's time is kept for the next time.
            return;
        }
        self.scrubbed_until = until;
        for heap in &mut self.heap {
            let mut left = budget;
            // The lowest zones first, as Xen does.
            for zone in heap.zones_mut().iter_mut().rev() {
                left -= zone.scrub(left);
            }
        }
    }
}
