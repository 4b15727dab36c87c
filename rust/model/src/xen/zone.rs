//! Free memory of one node on one side of the DMA width: buddies by order, clean and dirty.
//!
//! As in Xen two free buddies are always joined, an extent is cut from the smallest block that
//! can give it, and a block that is partly dirty counts as dirty. Where in a block the dirt is, is
//! kept as a number: the dirty pages are taken to be its last ones.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::{Run, MAX_ORDER};

/// Free blocks of one order, by their first page.
#[derive(Debug, Clone, Default)]
struct List {
    clean: BTreeSet<u64>,
    /// With how many of their pages are dirty: at least one.
    dirty: BTreeMap<u64, u64>,
}

/// Free pages, in blocks.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    lists: Vec<List>,
    /// A bit for each order that has a clean block, and for each that has any.
    clean_orders: u32,
    orders: u32,
    free_pages: u64,
    dirty_pages: u64,
}

/// A block that left the free memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub first: u64,
    pub dirty_pages: u64,
}

/// Free blocks of one order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FreeBlocks {
    /// Without a dirty page.
    pub clean: u64,
    /// With some.
    pub dirty: u64,
}

impl Zone {
    /// All of `run`, clean.
    pub fn new(run: Run) -> Self {
        let mut zone = Zone {
            lists: vec![List::default(); MAX_ORDER as usize + 1],
            clean_orders: 0,
            orders: 0,
            free_pages: 0,
            dirty_pages: 0,
        };
        zone.give(run, false);
        zone
    }

    /// Free pages.
    pub fn free_pages(&self) -> u64 {
        self.free_pages
    }

    /// Free pages that are dirty.
    pub fn dirty_pages(&self) -> u64 {
        self.dirty_pages
    }

    /// Whether it can give an extent of `order`; a clean one, unless dirty ones will do.
    pub fn has(&self, order: u32, dirty_too: bool) -> bool {
        self.usable(dirty_too) >> order != 0
    }

    fn usable(&self, dirty_too: bool) -> u32 {
        match dirty_too {
            true => self.orders,
            false => self.clean_orders,
        }
    }

    /// Takes an extent of `order`; a clean one, unless dirty ones will do.
    pub fn take(&mut self, order: u32, dirty_too: bool) -> Option<Block> {
        let usable = self.usable(dirty_too) >> order;
        if usable == 0 {
            return None;
        }
        let mut has = order + usable.trailing_zeros();
        let mut block = self.remove_any(has)?;
        // The upper half goes on, and with it the dirt.
        while has > order {
            has -= 1;
            let half = 1 << has;
            let upper = block.dirty_pages.min(half);
            self.insert(has, block.first, block.dirty_pages - upper);
            block = Block {
                first: block.first + half,
                dirty_pages: upper,
            };
        }
        Some(block)
    }

    /// Takes up to `count` single pages, dirty or not: exactly those that as many calls would take
    /// one by one. How many of them were dirty.
    pub fn take_singles(&mut self, count: u64, mut taken: impl FnMut(Run)) -> u64 {
        let mut left = count;
        let mut dirty_pages = 0;
        while left > 0 && self.orders != 0 {
            let order = self.orders.trailing_zeros();
            let Some(block) = self.remove_any(order) else {
                break;
            };
            let pages = (1 << order).min(left);
            let kept = (1 << order) - pages;
            let dirty = block.dirty_pages.min(pages);
            taken(Run {
                first: block.first + kept,
                pages,
            });
            left -= pages;
            dirty_pages += dirty;
            self.restore(block.first, kept, block.dirty_pages - dirty);
        }
        dirty_pages
    }

    /// Puts the first pages of a block back, of which the last are dirty. They have no buddy to
    /// be joined with.
    fn restore(&mut self, first: u64, pages: u64, dirty_pages: u64) {
        let mut dirty_left = dirty_pages;
        for (first, order) in (Run { first, pages }).blocks() {
            let dirty = dirty_left.min(1 << order);
            dirty_left -= dirty;
            self.insert(order, first, dirty);
        }
    }

    /// Frees pages.
    pub fn give(&mut self, run: Run, dirty: bool) {
        for (first, order) in run.blocks() {
            self.give_block(first, order, if dirty { 1 << order } else { 0 });
        }
    }

    fn give_block(&mut self, mut first: u64, mut order: u32, mut dirty_pages: u64) {
        while order < MAX_ORDER {
            let Some(dirty) = self.remove(order, first ^ (1 << order)) else {
                break;
            };
            first &= !(1 << order);
            dirty_pages += dirty;
            order += 1;
        }
        self.insert(order, first, dirty_pages);
    }

    /// Cleans up to `budget` dirty pages, the largest blocks first: how many it cleaned.
    pub fn scrub(&mut self, budget: u64) -> u64 {
        let mut left = budget.min(self.dirty_pages);
        let cleaned = left;
        for order in (0..=MAX_ORDER).rev() {
            while left > 0 {
                let found = self.lists[order as usize].dirty.last_key_value();
                let Some((first, dirty)) = found.map(|(first, dirty)| (*first, *dirty)) else {
                    break;
                };
                let now = left.min(dirty);
                left -= now;
                self.remove(order, first);
                self.insert(order, first, dirty - now);
            }
        }
        cleaned
    }

    /// Free blocks of an order.
    pub fn blocks(&self, order: u32) -> FreeBlocks {
        let list = &self.lists[order as usize];
        FreeBlocks {
            clean: list.clean.len() as u64,
            dirty: list.dirty.len() as u64,
        }
    }

    /// Every free block: its first page and its order.
    pub fn every_block(&self) -> impl Iterator<Item = (u64, u32, bool)> + '_ {
        self.lists.iter().zip(0..).flat_map(|(list, order)| {
            let clean = list.clean.iter().map(move |first| (*first, order, false));
            clean.chain(list.dirty.keys().map(move |first| (*first, order, true)))
        })
    }

    /// Takes a block of exactly that order, a clean one if there is one.
    fn remove_any(&mut self, order: u32) -> Option<Block> {
        let list = &mut self.lists[order as usize];
        let block = match list.clean.pop_last() {
            Some(first) => Block {
                first,
                dirty_pages: 0,
            },
            None => {
                let (first, dirty_pages) = list.dirty.pop_last()?;
                Block { first, dirty_pages }
            }
        };
        self.removed(order, block.dirty_pages);
        Some(block)
    }

    /// Takes that block, if it is free: how many of its pages are dirty.
    fn remove(&mut self, order: u32, first: u64) -> Option<u64> {
        let list = &mut self.lists[order as usize];
        let dirty_pages = match list.clean.remove(&first) {
            true => 0,
            false => list.dirty.remove(&first)?,
        };
        self.removed(order, dirty_pages);
        Some(dirty_pages)
    }

    fn removed(&mut self, order: u32, dirty_pages: u64) {
        self.free_pages -= 1 << order;
        self.dirty_pages -= dirty_pages;
        self.mark(order);
    }

    fn insert(&mut self, order: u32, first: u64, dirty_pages: u64) {
        let list = &mut self.lists[order as usize];
        match dirty_pages {
            0 => _ = list.clean.insert(first),
            _ => _ = list.dirty.insert(first, dirty_pages),
        }
        self.free_pages += 1 << order;
        self.dirty_pages += dirty_pages;
        self.mark(order);
    }

    fn mark(&mut self, order: u32) {
        let list = &self.lists[order as usize];
        let (clean, dirty) = (!list.clean.is_empty(), !list.dirty.is_empty());
        let set = |orders: u32, on: bool| orders & !(1 << order) | u32::from(on) << order;
        self.clean_orders = set(self.clean_orders, clean);
        self.orders = set(self.orders, clean || dirty);
    }
}
