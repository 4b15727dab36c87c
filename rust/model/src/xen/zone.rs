//! Free memory of one node on one side of the DMA width: buddies by order, clean and dirty.
//!
//! As in Xen two free buddies are always joined, an extent is cut from the smallest block that
//! can give it, and a block that is partly dirty counts as dirty. Where in a block the dirt is, is
//! kept as a number: the dirty pages are taken to be its last ones.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::{Run, MAX_ORDER};

/// Free blocks of one order, by their first page.
#[derive(Debug, Clone)]
enum List {
    /// Blocks that have buddies, which must be found.
    Buddies {
        clean: BTreeSet<u64>,
        /// With how many of their pages are dirty: at least one.
        dirty: BTreeMap<u64, u64>,
    },
    /// Blocks of the largest order, which are never joined.
    Largest {
        clean: Vec<u64>,
        dirty: Vec<(u64, u64)>,
    },
}

impl List {
    fn new(order: u32) -> Self {
        match order {
            MAX_ORDER => List::Largest {
                clean: Vec::new(),
                dirty: Vec::new(),
            },
            _ => List::Buddies {
                clean: BTreeSet::new(),
                dirty: BTreeMap::new(),
            },
        }
    }

    fn len(&self) -> FreeBlocks {
        let (clean, dirty) = match self {
            List::Buddies { clean, dirty } => (clean.len(), dirty.len()),
            List::Largest { clean, dirty } => (clean.len(), dirty.len()),
        };
        FreeBlocks {
            clean: clean as u64,
            dirty: dirty as u64,
        }
    }

    fn insert(&mut self, first: u64, dirty_pages: u64) {
        match (self, dirty_pages) {
            (List::Buddies { clean, .. }, 0) => _ = clean.insert(first),
            (List::Buddies { dirty, .. }, _) => _ = dirty.insert(first, dirty_pages),
            (List::Largest { clean, .. }, 0) => clean.push(first),
            (List::Largest { dirty, .. }, _) => dirty.push((first, dirty_pages)),
        }
    }

    fn pop_clean(&mut self) -> Option<u64> {
        match self {
            List::Buddies { clean, .. } => clean.pop_last(),
            List::Largest { clean, .. } => clean.pop(),
        }
    }

    fn pop_dirty(&mut self) -> Option<(u64, u64)> {
        match self {
            List::Buddies { dirty, .. } => dirty.pop_last(),
            List::Largest { dirty, .. } => dirty.pop(),
        }
    }

    fn last_dirty(&mut self) -> Option<(u64, &mut u64)> {
        match self {
            List::Buddies { dirty, .. } => {
                let entry = dirty.last_entry()?;
                Some((*entry.key(), entry.into_mut()))
            }
            List::Largest { dirty, .. } => dirty.last_mut().map(|(first, pages)| (*first, pages)),
        }
    }

    /// Removes that block, if it is there: how many of its pages are dirty.
    fn remove(&mut self, first: u64) -> Option<u64> {
        match self {
            List::Buddies { clean, dirty } => match clean.remove(&first) {
                true => Some(0),
                false => dirty.remove(&first),
            },
            List::Largest { .. } => None,
        }
    }

    /// Every block, and whether it is dirty.
    fn every(&self) -> Vec<(u64, bool)> {
        let (clean, dirty): (Vec<u64>, Vec<u64>) = match self {
            List::Buddies { clean, dirty } => (
                clean.iter().copied().collect(),
                dirty.keys().copied().collect(),
            ),
            List::Largest { clean, dirty } => (
                clean.clone(),
                dirty.iter().map(|(first, _)| *first).collect(),
            ),
        };
        let of = |blocks: Vec<u64>, dirty| blocks.into_iter().map(move |first| (first, dirty));
        of(clean, false).chain(of(dirty, true)).collect()
    }
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
            lists: (0..=MAX_ORDER).map(List::new).collect(),
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

    /// Takes up to `count` extents of `order` from the block that the next one would be cut from,
    /// unless that is dirty in part; and how many of their pages are dirty.
    pub fn take_run(&mut self, order: u32, count: u64, dirty_too: bool) -> Option<(Run, u64)> {
        let usable = self.usable(dirty_too) >> order;
        if usable == 0 || count == 0 {
            return None;
        }
        let has = order + usable.trailing_zeros();
        let block = self.remove_any(has)?;
        let pages = match block.dirty_pages {
            dirty if dirty == 0 || dirty == 1 << has => (count << order).min(1 << has),
            _ => 0,
        };
        let kept = (1 << has) - pages;
        self.restore(block.first, kept, block.dirty_pages.min(kept));
        let run = Run {
            first: block.first + kept,
            pages,
        };
        (pages > 0).then_some((run, block.dirty_pages.min(pages)))
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
                let Some((first, dirty)) = self.lists[order as usize].last_dirty() else {
                    break;
                };
                let now = left.min(*dirty);
                left -= now;
                if now < *dirty {
                    *dirty -= now;
                    self.dirty_pages -= now;
                    continue;
                }
                self.lists[order as usize].pop_dirty();
                self.removed(order, now);
                self.insert(order, first, 0);
            }
        }
        cleaned
    }

    /// Free blocks of an order.
    pub fn blocks(&self, order: u32) -> FreeBlocks {
        self.lists[order as usize].len()
    }

    /// Every free block: its first page and its order.
    pub fn every_block(&self) -> impl Iterator<Item = (u64, u32, bool)> + '_ {
        let blocks = |(list, order): (&List, u32)| {
            let every = list.every().into_iter();
            every.map(move |(first, dirty)| (first, order, dirty))
        };
        self.lists.iter().zip(0..).flat_map(blocks)
    }

    /// Takes a block of exactly that order, a clean one if there is one.
    fn remove_any(&mut self, order: u32) -> Option<Block> {
        let list = &mut self.lists[order as usize];
        let block = match list.pop_clean() {
            Some(first) => Block {
                first,
                dirty_pages: 0,
            },
            None => {
                let (first, dirty_pages) = list.pop_dirty()?;
                Block { first, dirty_pages }
            }
        };
        self.removed(order, block.dirty_pages);
        Some(block)
    }

    /// Takes that block, if it is free: how many of its pages are dirty.
    fn remove(&mut self, order: u32, first: u64) -> Option<u64> {
        let dirty_pages = self.lists[order as usize].remove(first)?;
        self.removed(order, dirty_pages);
        Some(dirty_pages)
    }

    fn removed(&mut self, order: u32, dirty_pages: u64) {
        self.free_pages -= 1 << order;
        self.dirty_pages -= dirty_pages;
        self.mark(order);
    }

    fn insert(&mut self, order: u32, first: u64, dirty_pages: u64) {
        self.lists[order as usize].insert(first, dirty_pages);
        self.free_pages += 1 << order;
        self.dirty_pages += dirty_pages;
        self.mark(order);
    }

    fn mark(&mut self, order: u32) {
        let FreeBlocks { clean, dirty } = self.lists[order as usize].len();
        let set = |orders: u32, on: bool| orders & !(1 << order) | u32::from(on) << order;
        self.clean_orders = set(self.clean_orders, clean > 0);
        self.orders = set(self.orders, clean + dirty > 0);
    }
}
