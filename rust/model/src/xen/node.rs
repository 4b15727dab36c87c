//! Free memory of a node: its zones.

use std::ops::Range;

use super::heap::base;
use super::runs::Run;
use super::zone::{Block, Zone};

/// Free memory of a node.
#[derive(Debug, Clone)]
pub(super) struct NodeHeap {
    /// In the order in which they are used, that of the highest addresses first.
    zones: Vec<Zone>,
    /// The first page of each of them.
    firsts: Vec<u64>,
    /// How many of them are above the DMA width.
    above: usize,
}

/// Which zones of a node are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Only memory above the DMA width.
    High,
    /// All, but first that above it.
    All,
}

impl NodeHeap {
    /// The first `free_pages` pages of a node, of which those before `low_pages` are under the
    /// DMA width. They are one zone on each side of it.
    pub fn new(node: usize, free_pages: u64, low_pages: u64) -> Self {
        let mut heap = NodeHeap {
            zones: vec![Zone::default(); 2],
            firsts: vec![base(node) + low_pages, base(node)],
            above: 1,
        };
        let first = base(node);
        let pages = free_pages;
        heap.give(Run { first, pages }, false);
        heap
    }

    /// These frames of a node, which are clean. The zones are those of Xen: one for each width of
    /// a frame's number. From frame `dma` on they are above the DMA width.
    pub fn with_frames(node: usize, frames: &[Range<u64>], dma: u64) -> Self {
        let end = frames.iter().map(|range| range.end).max().unwrap_or(1);
        // Frames 0 and 1 are of one zone.
        let widths = (0..=end.max(1).ilog2()).rev();
        let firsts: Vec<u64> = widths.map(|width| 1 << width & !1).collect();
        let mut heap = NodeHeap {
            zones: vec![Zone::default(); firsts.len()],
            above: firsts.iter().filter(|first| **first >= dma).count(),
            firsts: firsts.iter().map(|first| base(node) + first).collect(),
        };
        for range in frames {
            let run = Run {
                first: base(node) + range.start,
                pages: range.end - range.start,
            };
            heap.give(run, false);
        }
        heap
    }

    /// The zones in the order in which they are used.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    pub fn zones_mut(&mut self) -> &mut [Zone] {
        &mut self.zones
    }

    /// The zones, and whether each is under the DMA width.
    pub fn sides(&self) -> impl Iterator<Item = (&Zone, bool)> {
        let zones = self.zones.iter().enumerate();
        zones.map(|(i, zone)| (zone, i >= self.above))
    }

    /// The zones that are looked at.
    pub fn reached(&self, reach: Reach) -> &[Zone] {
        match reach {
            Reach::High => &self.zones[..self.above],
            Reach::All => &self.zones,
        }
    }

    pub fn reached_mut(&mut self, reach: Reach) -> &mut [Zone] {
        match reach {
            Reach::High => &mut self.zones[..self.above],
            Reach::All => &mut self.zones,
        }
    }

    pub fn free_pages(&self, reach: Reach) -> u64 {
        self.reached(reach).iter().map(Zone::free_pages).sum()
    }

    pub fn dirty_pages(&self) -> u64 {
        self.zones.iter().map(Zone::dirty_pages).sum()
    }

    pub fn has(&self, order: u32, reach: Reach, dirty_too: bool) -> bool {
        let mut zones = self.reached(reach).iter();
        zones.any(|zone| zone.has(order, dirty_too))
    }

    pub fn take(&mut self, order: u32, reach: Reach, dirty_too: bool) -> Option<Block> {
        let mut zones = self.reached_mut(reach).iter_mut();
        zones.find_map(|zone| zone.take(order, dirty_too))
    }

    /// Frees pages.
    pub fn give(&mut self, run: Run, dirty: bool) {
        let mut left = run;
        for (zone, first) in self.zones.iter_mut().zip(&self.firsts) {
            let pages = left.end().saturating_sub(*first).min(left.pages);
            left.pages -= pages;
            let first = left.end();
            zone.give(Run { first, pages }, dirty);
        }
    }
}
