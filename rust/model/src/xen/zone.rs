//! Free memory of one node in one range of addresses: buddies by order, clean and dirty.
//!
//! As in Xen two free buddies are always joined, an extent is cut from the smallest block that
//! can give it, and a block that is partly dirty counts as dirty: from its first dirty page on, so
//! that what is cut from there counts as dirty even if no page of it is.

use super::dirt::Dirt;
use super::list::{Dirty, FreeBlocks, List};
use super::runs::{Run, MAX_ORDER};

/// Free pages, in blocks.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    lists: Vec<List>,
    /// A bit for each order that has a clean block, and for each that has a dirty one.
    clean_orders: u32,
    dirty_orders: u32,
    free_pages: u64,
    dirty_pages: u64,
    /// The dirty pages of blocks that are dirty in part.
    dirt: Dirt,
}

/// An extent that left the free memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub first: u64,
    pub dirty_pages: u64,
}

impl Default for Zone {
    /// Without any free page.
    fn default() -> Self {
        Zone {
            lists: (0..=MAX_ORDER).map(List::new).collect(),
            clean_orders: 0,
            dirty_orders: 0,
            free_pages: 0,
            dirty_pages: 0,
            dirt: Dirt::default(),
        }
    }
}

impl Zone {
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
            true => self.clean_orders | self.dirty_orders,
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
        let (mut first, mut what) = self.remove_any(has)?;
        // The upper half goes on.
        while has > order {
            has -= 1;
            let half = 1 << has;
            self.insert(has, first, what.and_then(|what| what.of_part(0, half)));
            what = what.and_then(|what| what.of_part(half, half));
            first += half;
        }
        let pages = 1 << order;
        let dirty_pages = self.leaves(Run { first, pages }, pages, what);
        Some(Block { first, dirty_pages })
    }

    /// Takes note that the last pages of a block of so many leave: how many of them are dirty.
    fn leaves(&mut self, run: Run, pages: u64, what: Option<Dirty>) -> u64 {
        let dirty_pages = match what {
            None => 0,
            Some(Dirty { from, every: true }) => run.pages.min(pages - from),
            Some(Dirty { every: false, .. }) => self.dirt.clean(run, run.pages).0,
        };
        self.dirty_pages -= dirty_pages;
        dirty_pages
    }

    /// Takes up to `count` extents of `order` from the block that the next one would be cut from,
    /// unless that is dirty in part; and how many of their pages are dirty.
    pub fn take_run(&mut self, order: u32, count: u64, dirty_too: bool) -> Option<(Run, u64)> {
        let usable = self.usable(dirty_too) >> order;
        if usable == 0 || count == 0 {
            return None;
        }
        let has = order + usable.trailing_zeros();
        let (first, what) = self.remove_any(has)?;
        let pages = match what {
            None | Some(Dirty { from: 0, .. }) => (count << order).min(1 << has),
            Some(_) => 0,
        };
        let kept = (1 << has) - pages;
        self.restore(first, kept, what);
        let run = Run {
            first: first + kept,
            pages,
        };
        (pages > 0).then(|| (run, self.leaves(run, 1 << has, what)))
    }

    /// Takes up to `count` single pages, dirty or not: exactly those that as many calls would take
    /// one by one. How many of them were dirty.
    pub fn take_singles(&mut self, count: u64, mut taken: impl FnMut(Run)) -> u64 {
        let mut left = count;
        let mut dirty_pages = 0;
        while left > 0 && self.usable(true) != 0 {
            let order = self.usable(true).trailing_zeros();
            let Some((first, what)) = self.remove_any(order) else {
                break;
            };
            let pages = (1 << order).min(left);
            let kept = (1 << order) - pages;
            let run = Run {
                first: first + kept,
                pages,
            };
            taken(run);
            left -= pages;
            dirty_pages += self.leaves(run, 1 << order, what);
            self.restore(first, kept, what);
        }
        dirty_pages
    }

    /// Puts the first pages of a block back. They have no buddy to be joined with.
    fn restore(&mut self, start: u64, pages: u64, what: Option<Dirty>) {
        for (first, order) in (Run {
            first: start,
            pages,
        })
        .blocks()
        {
            let before = first - start;
            let what = what.and_then(|what| what.of_part(before, 1 << order));
            self.insert(order, first, what);
        }
    }

    /// Frees pages.
    pub fn give(&mut self, run: Run, dirty: bool) {
        if dirty {
            self.dirty_pages += run.pages;
        }
        for (first, order) in run.blocks() {
            self.give_block(first, order, dirty.then_some(Dirty::WHOLLY));
        }
    }

    fn give_block(&mut self, mut first: u64, mut order: u32, mut what: Option<Dirty>) {
        while order < MAX_ORDER {
            let half = 1 << order;
            let Some(buddy) = self.remove(order, first ^ half) else {
                break;
            };
            let (lower, upper) = match first & half {
                0 => (what, buddy),
                _ => (buddy, what),
            };
            first &= !half;
            what = match (lower, upper) {
                (None, None) => None,
                (None, Some(upper)) => Some(Dirty {
                    from: upper.from + half,
                    ..upper
                }),
                (Some(Dirty { every: true, .. }), Some(Dirty::WHOLLY)) => lower,
                (Some(lower), upper) => {
                    self.note(first, half, Some(lower));
                    self.note(first + half, half, upper);
                    Some(Dirty {
                        every: false,
                        ..lower
                    })
                }
            };
            order += 1;
        }
        self.insert(order, first, what);
    }

    /// Puts what is dirty of a block among the dirt, for it becomes a part of one that is dirty
    /// here and there.
    fn note(&mut self, first: u64, pages: u64, what: Option<Dirty>) {
        if let Some(Dirty { from, every: true }) = what {
            self.dirt.add(Run {
                first: first + from,
                pages: pages - from,
            });
        }
    }

    /// Cleans up to `budget` dirty pages, the largest blocks first: how many it cleaned. What only
    /// counts as dirty may be left, for once no page is dirty nobody looks.
    pub fn scrub(&mut self, budget: u64) -> u64 {
        let mut left = budget.min(self.dirty_pages);
        let cleaned = left;
        self.dirty_pages -= cleaned;
        while left > 0 && self.dirty_orders != 0 {
            let order = self.dirty_orders.ilog2();
            let Some((first, what)) = self.lists[order as usize].last_dirty() else {
                break;
            };
            let run = Run {
                first: first + what.from,
                pages: (1 << order) - what.from,
            };
            if what.every {
                let now = run.pages.min(left);
                left -= now;
                what.from += now;
                if now < run.pages {
                    continue;
                }
            } else {
                let (now, at) = self.dirt.clean(run, left);
                left -= now;
                if self.dirt.is_in(run) {
                    what.from = at - first;
                    continue;
                }
            }
            self.lists[order as usize].pop_dirty();
            self.removed(order);
            self.insert(order, first, None);
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
    fn remove_any(&mut self, order: u32) -> Option<(u64, Option<Dirty>)> {
        let list = &mut self.lists[order as usize];
        let block = match list.pop_clean() {
            Some(first) => (first, None),
            None => list.pop_dirty().map(|(first, what)| (first, Some(what)))?,
        };
        self.removed(order);
        Some(block)
    }

    /// Takes that block, if it is free.
    fn remove(&mut self, order: u32, first: u64) -> Option<Option<Dirty>> {
        let what = self.lists[order as usize].remove(first)?;
        self.removed(order);
        Some(what)
    }

    fn removed(&mut self, order: u32) {
        self.free_pages -= 1 << order;
        self.mark(order);
    }

    fn insert(&mut self, order: u32, first: u64, what: Option<Dirty>) {
        self.lists[order as usize].insert(first, what);
        self.free_pages += 1 << order;
        self.mark(order);
    }

    fn mark(&mut self, order: u32) {
        let FreeBlocks { clean, dirty } = self.lists[order as usize].len();
        let set = |orders: u32, on: bool| orders & !(1 << order) | u32::from(on) << order;
        self.clean_orders = set(self.clean_orders, clean > 0);
        self.dirty_orders = set(self.dirty_orders, dirty > 0);
    }
}
