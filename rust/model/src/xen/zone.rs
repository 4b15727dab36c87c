//! Free memory of one node in one range of addresses: buddies by order, clean and dirty.
//!
//! As in Xen two free buddies are always joined, an extent is cut from the smallest block that
//! can give it, and a block that is partly dirty counts as dirty: from its first dirty page on, so
//! that what is cut from there counts as dirty even if no page of it is.

use std::collections::{BTreeMap, BTreeSet};

use super::dirt::Dirt;
use super::runs::{Run, MAX_ORDER};

/// From which of a block's pages on it counts as dirty; `None`: it is clean.
type DirtyFrom = Option<u64>;

/// Free blocks of one order, by their first page.
#[derive(Debug, Clone)]
enum List {
    /// Blocks that have buddies, which must be found.
    Buddies {
        clean: BTreeSet<u64>,
        /// With the page from which on they count as dirty.
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

    fn insert(&mut self, first: u64, dirty_from: DirtyFrom) {
        match (self, dirty_from) {
            (List::Buddies { clean, .. }, None) => _ = clean.insert(first),
            (List::Buddies { dirty, .. }, Some(from)) => _ = dirty.insert(first, from),
            (List::Largest { clean, .. }, None) => clean.push(first),
            (List::Largest { dirty, .. }, Some(from)) => dirty.push((first, from)),
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
            List::Largest { dirty, .. } => dirty.last_mut().map(|(first, from)| (*first, from)),
        }
    }

    /// Removes that block, if it is there.
    fn remove(&mut self, first: u64) -> Option<DirtyFrom> {
        match self {
            List::Buddies { clean, dirty } => match clean.remove(&first) {
                true => Some(None),
                false => dirty.remove(&first).map(Some),
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
    dirt: Dirt,
}

/// An extent that left the free memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub first: u64,
    pub dirty_pages: u64,
}

/// The halves of a block that is cut, which are of so many pages.
fn halves(dirty_from: DirtyFrom, half: u64) -> (DirtyFrom, DirtyFrom) {
    let lower = dirty_from.filter(|from| *from < half);
    (lower, dirty_from.map(|from| from.saturating_sub(half)))
}

/// Free blocks of one order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FreeBlocks {
    /// Without a dirty page.
    pub clean: u64,
    /// With some.
    pub dirty: u64,
}

impl Default for Zone {
    /// Without any free page.
    fn default() -> Self {
        Zone {
            lists: (0..=MAX_ORDER).map(List::new).collect(),
            clean_orders: 0,
            orders: 0,
            free_pages: 0,
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
        self.dirt.pages()
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
        let (mut first, mut dirty_from) = self.remove_any(has)?;
        // The upper half goes on.
        while has > order {
            has -= 1;
            let half = 1 << has;
            let (lower, upper) = halves(dirty_from, half);
            self.insert(has, first, lower);
            (first, dirty_from) = (first + half, upper);
        }
        let pages = 1 << order;
        let (dirty_pages, _) = self.dirt.clean(Run { first, pages }, pages);
        Some(Block { first, dirty_pages })
    }

    /// Takes up to `count` extents of `order` from the block that the next one would be cut from,
    /// unless that is dirty in part; and how many of their pages are dirty.
    pub fn take_run(&mut self, order: u32, count: u64, dirty_too: bool) -> Option<(Run, u64)> {
        let usable = self.usable(dirty_too) >> order;
        if usable == 0 || count == 0 {
            return None;
        }
        let has = order + usable.trailing_zeros();
        let (first, dirty_from) = self.remove_any(has)?;
        let pages = match dirty_from {
            None | Some(0) => (count << order).min(1 << has),
            Some(_) => 0,
        };
        let kept = (1 << has) - pages;
        self.restore(first, kept, dirty_from);
        let run = Run {
            first: first + kept,
            pages,
        };
        (pages > 0).then(|| (run, self.dirt.clean(run, pages).0))
    }

    /// Takes up to `count` single pages, dirty or not: exactly those that as many calls would take
    /// one by one. How many of them were dirty.
    pub fn take_singles(&mut self, count: u64, mut taken: impl FnMut(Run)) -> u64 {
        let mut left = count;
        let mut dirty_pages = 0;
        while left > 0 && self.orders != 0 {
            let order = self.orders.trailing_zeros();
            let Some((first, dirty_from)) = self.remove_any(order) else {
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
            dirty_pages += self.dirt.clean(run, pages).0;
            self.restore(first, kept, dirty_from);
        }
        dirty_pages
    }

    /// Puts the first pages of a block back. They have no buddy to be joined with.
    fn restore(&mut self, start: u64, pages: u64, dirty_from: DirtyFrom) {
        for (first, order) in (Run {
            first: start,
            pages,
        })
        .blocks()
        {
            let before = first - start;
            let reaches = |from: &u64| *from < before + (1 << order);
            let from = dirty_from.filter(reaches);
            self.insert(order, first, from.map(|from| from.saturating_sub(before)));
        }
    }

    /// Frees pages.
    pub fn give(&mut self, run: Run, dirty: bool) {
        if dirty {
            self.dirt.add(run);
        }
        for (first, order) in run.blocks() {
            self.give_block(first, order, dirty.then_some(0));
        }
    }

    fn give_block(&mut self, mut first: u64, mut order: u32, mut dirty_from: DirtyFrom) {
        while order < MAX_ORDER {
            let half = 1 << order;
            let Some(buddy) = self.remove(order, first ^ half) else {
                break;
            };
            let (lower, upper) = match first & half {
                0 => (dirty_from, buddy),
                _ => (buddy, dirty_from),
            };
            dirty_from = lower.or(upper.map(|from| from + half));
            first &= !half;
            order += 1;
        }
        self.insert(order, first, dirty_from);
    }

    /// Cleans up to `budget` dirty pages, the largest blocks first: how many it cleaned. What only
    /// counts as dirty may be left, for once no page is dirty nobody looks.
    pub fn scrub(&mut self, budget: u64) -> u64 {
        let mut left = budget.min(self.dirt.pages());
        let cleaned = left;
        for order in (0..=MAX_ORDER).rev() {
            while left > 0 {
                let Some((first, from)) = self.lists[order as usize].last_dirty() else {
                    break;
                };
                let run = Run {
                    first: first + *from,
                    pages: (1 << order) - *from,
                };
                let (now, at) = self.dirt.clean(run, left);
                left -= now;
                if self.dirt.is_in(run) {
                    *from = at - first;
                    continue;
                }
                self.lists[order as usize].pop_dirty();
                self.removed(order);
                self.insert(order, first, None);
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
    fn remove_any(&mut self, order: u32) -> Option<(u64, DirtyFrom)> {
        let list = &mut self.lists[order as usize];
        let block = match list.pop_clean() {
            Some(first) => (first, None),
            None => list.pop_dirty().map(|(first, from)| (first, Some(from)))?,
        };
        self.removed(order);
        Some(block)
    }

    /// Takes that block, if it is free.
    fn remove(&mut self, order: u32, first: u64) -> Option<DirtyFrom> {
        let dirty_from = self.lists[order as usize].remove(first)?;
        self.removed(order);
        Some(dirty_from)
    }

    fn removed(&mut self, order: u32) {
        self.free_pages -= 1 << order;
        self.mark(order);
    }

    fn insert(&mut self, order: u32, first: u64, dirty_from: DirtyFrom) {
        self.lists[order as usize].insert(first, dirty_from);
        self.free_pages += 1 << order;
        self.mark(order);
    }

    fn mark(&mut self, order: u32) {
        let FreeBlocks { clean, dirty } = self.lists[order as usize].len();
        let set = |orders: u32, on: bool| orders & !(1 << order) | u32::from(on) << order;
        self.clean_orders = set(self.clean_orders, clean > 0);
        self.orders = set(self.orders, clean + dirty > 0);
    }
}
