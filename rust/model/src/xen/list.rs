//! Free blocks of one order, clean and dirty.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::MAX_ORDER;

/// What of a block is dirty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dirty {
    /// From which of its pages on it counts as dirty.
    pub from: u64,
    /// Whether all are from there on. If not, those that are are among the zone's dirt.
    pub every: bool,
}

impl Dirty {
    /// A block of which every page is dirty.
    pub const WHOLLY: Dirty = Dirty {
        from: 0,
        every: true,
    };

    /// The same of a block of so many pages that begins so many pages later, and is within.
    pub fn of_part(self, before: u64, pages: u64) -> Option<Dirty> {
        let from = self.from.saturating_sub(before);
        (from < pages).then_some(Dirty { from, ..self })
    }
}

/// Free blocks of one order, by their first page.
#[derive(Debug, Clone)]
pub(super) enum List {
    /// Blocks that have buddies, which must be found.
    Buddies {
        clean: BTreeSet<u64>,
        dirty: BTreeMap<u64, Dirty>,
    },
    /// Blocks of the largest order, which are never joined.
    Largest {
        clean: Vec<u64>,
        dirty: Vec<(u64, Dirty)>,
    },
}

impl List {
    pub fn new(order: u32) -> Self {
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

    pub fn len(&self) -> FreeBlocks {
        let (clean, dirty) = match self {
            List::Buddies { clean, dirty } => (clean.len(), dirty.len()),
            List::Largest { clean, dirty } => (clean.len(), dirty.len()),
        };
        FreeBlocks {
            clean: clean as u64,
            dirty: dirty as u64,
        }
    }

    pub fn insert(&mut self, first: u64, what: Option<Dirty>) {
        match (self, what) {
            (List::Buddies { clean, .. }, None) => _ = clean.insert(first),
            (List::Buddies { dirty, .. }, Some(what)) => _ = dirty.insert(first, what),
            (List::Largest { clean, .. }, None) => clean.push(first),
            (List::Largest { dirty, .. }, Some(what)) => dirty.push((first, what)),
        }
    }

    pub fn pop_clean(&mut self) -> Option<u64> {
        match self {
            List::Buddies { clean, .. } => clean.pop_last(),
            List::Largest { clean, .. } => clean.pop(),
        }
    }

    pub fn pop_dirty(&mut self) -> Option<(u64, Dirty)> {
        match self {
            List::Buddies { dirty, .. } => dirty.pop_last(),
            List::Largest { dirty, .. } => dirty.pop(),
        }
    }

    pub fn last_dirty(&mut self) -> Option<(u64, &mut Dirty)> {
        match self {
            List::Buddies { dirty, .. } => {
                let entry = dirty.last_entry()?;
                Some((*entry.key(), entry.into_mut()))
            }
            List::Largest { dirty, .. } => dirty.last_mut().map(|(first, what)| (*first, what)),
        }
    }

    /// Removes that block, if it is there.
    pub fn remove(&mut self, first: u64) -> Option<Option<Dirty>> {
        match self {
            List::Buddies { clean, dirty } => match clean.remove(&first) {
                true => Some(None),
                false => dirty.remove(&first).map(Some),
            },
            List::Largest { .. } => None,
        }
    }

    /// Every block, and whether it is dirty.
    pub fn every(&self) -> Vec<(u64, bool)> {
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

/// Free blocks of one order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FreeBlocks {
    /// Without a dirty page.
    pub clean: u64,
    /// With some.
    pub dirty: u64,
}
