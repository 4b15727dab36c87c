//! A domain builder's order of business: which extent it asks for next.

use claims::{Domid, Errno};

use crate::xen::{Extent, Kind, Xen, MAX_EXTENT_PAGES};

/// The extents that a builder tries, largest first: 1 GiB, 2 MiB, 4 KiB.
const EXTENTS: [u64; 3] = [MAX_EXTENT_PAGES, 1 << 9, 1];

/// The hole for video memory, which an HVM builder leaves out.
const HOLE: std::ops::Range<u64> = 0xA0..0xC0;

/// Where an HVM domain's memory below 4 GiB ends, and where the rest begins.
const LOW_END: u64 = 0xF_0000;
const HIGH_START: u64 = 0x10_0000;

/// A build under way: ranges of guest memory that are not populated yet. An extent is asked for
/// only where the guest's memory is aligned to it; one that is refused is tried smaller.
#[derive(Debug, Clone)]
pub struct Builder {
    /// In reverse order.
    ranges: Vec<std::ops::Range<u64>>,
}

impl Builder {
    /// Populates `pages` in one aligned piece.
    pub fn flat(pages: u64) -> Self {
        Builder {
            ranges: std::iter::once(0..pages).collect(),
        }
    }

    /// Populates an HVM domain with a device model whose memory is `memory_pages`, video hole
    /// included: 32 pages fewer.
    pub fn hvm(memory_pages: u64) -> Self {
        let low_end = memory_pages.min(LOW_END);
        let high_pages = memory_pages - low_end;
        let low = HOLE.end.min(low_end)..low_end;
        let first = 0..HOLE.start.min(low_end);
        Builder {
            ranges: vec![HIGH_START..HIGH_START + high_pages, low, first],
        }
    }

    /// Pages that are still to be populated.
    pub fn left_pages(&self) -> u64 {
        self.ranges
            .iter()
            .map(|range| range.end - range.start)
            .sum()
    }

    /// Populates extents that are smaller than the largest, as many as can be had in one step up
    /// to `most_pages` pages: how many pages. None where the next extent is to be taken by itself.
    pub fn populate_small(
        &mut self,
        xen: &mut Xen,
        domid: Domid,
        exact_node: Option<usize>,
        most_pages: u64,
    ) -> Result<u64, Errno> {
        let Some(range) = self.ranges.last_mut() else {
            return Ok(0);
        };
        let left = range.end - range.start;
        let fits = |pages: u64| range.start % pages == 0 && left >= pages;
        let [_, medium, small] = EXTENTS;
        let (larger, pages) = match (fits(MAX_EXTENT_PAGES), fits(medium)) {
            (true, _) => return Ok(0),
            (false, true) => (MAX_EXTENT_PAGES, medium),
            (false, false) => (medium, small),
        };
        let until_larger = range.start.next_multiple_of(larger) - range.start;
        let run = match until_larger {
            0 => left,
            until => left.min(until),
        };
        let count = run.min(most_pages) / pages;
        let done = xen.populate_some(domid, pages.trailing_zeros(), count, exact_node)?;
        range.start += done * pages;
        Ok(done * pages)
    }

    /// Takes the next extent for `domid`; `None` when all is populated. ENOMEM if not even a page
    /// can be had; nothing has changed then.
    pub fn take(
        &mut self,
        xen: &mut Xen,
        domid: Domid,
        exact_node: Option<usize>,
    ) -> Result<Option<Extent>, Errno> {
        while self.ranges.last().is_some_and(|range| range.is_empty()) {
            self.ranges.pop();
        }
        let Some(range) = self.ranges.last_mut() else {
            return Ok(None);
        };
        let fits = |pages: u64| range.start % pages == 0 && range.end - range.start >= pages;
        let mut refused = Errno::ENOMEM;
        for pages in EXTENTS.into_iter().filter(|pages| fits(*pages)) {
            match xen.take(domid, Kind::Memory, pages, exact_node) {
                Ok(extent) => {
                    range.start += pages;
                    return Ok(Some(extent));
                }
                Err(errno) => refused = errno,
            }
        }
        Err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hvm_domain_lacks_the_video_hole() {
        for memory_pages in [0xC0, 0xC1, 1 << 18, LOW_END, LOW_END + 1, 87_139_329] {
            let left = Builder::hvm(memory_pages).left_pages();
            assert_eq!(left, memory_pages - 32, "{memory_pages}");
        }
        assert_eq!(Builder::hvm(0xA0).left_pages(), 0xA0);
    }
}
