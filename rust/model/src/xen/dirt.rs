//! Which free pages are dirty.

use std::collections::BTreeMap;

use super::runs::Run;

/// Dirty pages, as runs that do not touch.
#[derive(Debug, Clone, Default)]
pub(super) struct Dirt {
    /// The end of each run by its first page.
    ends: BTreeMap<u64, u64>,
    pages: u64,
}

impl Dirt {
    /// Adds pages of which none is dirty yet.
    pub fn add(&mut self, run: Run) {
        if run.pages == 0 {
            return;
        }
        self.pages += run.pages;
        let end = self.ends.remove(&run.end()).unwrap_or(run.end());
        match self.ends.range_mut(..run.first).next_back() {
            Some((_, before)) if *before == run.first => *before = end,
            Some(_) | None => _ = self.ends.insert(run.first, end),
        }
    }

    /// Whether any page of the run is dirty.
    pub fn is_in(&self, run: Run) -> bool {
        let last = self.ends.range(..run.end()).next_back();
        run.pages > 0 && last.is_some_and(|(_, end)| *end > run.first)
    }

    /// Cleans up to `most` dirty pages of the run, the first ones: how many, and the page after
    /// the last of them.
    pub fn clean(&mut self, run: Run, most: u64) -> (u64, u64) {
        let (mut left, mut at) = (most, run.first);
        while left > 0 && self.pages > 0 {
            let Some(dirty) = self.next_in(at, run.end()) else {
                break;
            };
            let cleaned = Run {
                first: dirty.first,
                pages: dirty.pages.min(left),
            };
            self.cut(cleaned);
            left -= cleaned.pages;
            at = cleaned.end();
        }
        (most - left, at)
    }

    /// The first dirty run, or what of it is there, from `at` to `end`.
    fn next_in(&self, at: u64, end: u64) -> Option<Run> {
        let reaching = self.ends.range(..=at).next_back();
        let reaching = reaching.filter(|(_, end)| **end > at);
        let (first, run_end) = reaching.or_else(|| self.ends.range(at..end).next())?;
        let first = (*first).max(at);
        (first < end).then(|| Run {
            first,
            pages: (*run_end).min(end) - first,
        })
    }

    /// Takes pages out of the one run that they are in.
    fn cut(&mut self, cut: Run) {
        let Some((first, end)) = self.ends.range(..=cut.first).next_back() else {
            return;
        };
        let (first, end) = (*first, *end);
        self.pages -= cut.pages;
        self.ends.remove(&first);
        if first < cut.first {
            self.ends.insert(first, cut.first);
        }
        if cut.end() < end {
            self.ends.insert(cut.end(), end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_a_flag_for_each_page() {
        let mut rng = fastrand::Rng::with_seed(1);
        let (mut dirt, mut flags) = (Dirt::default(), [false; 64]);
        for _ in 0..20_000 {
            let first = rng.usize(0..64);
            let pages = rng.usize(0..=64 - first);
            let run = Run {
                first: first as u64,
                pages: pages as u64,
            };
            let flagged = &mut flags[first..first + pages];
            let any = flagged.iter().any(|flag| *flag);
            assert_eq!(dirt.is_in(run), any);
            if !any && rng.bool() {
                flagged.fill(true);
                dirt.add(run);
            } else if any {
                let most = rng.usize(1..64);
                let (mut cleaned, mut at) = (0, first);
                for (i, flag) in flagged.iter_mut().enumerate() {
                    if *flag && cleaned < most {
                        (*flag, cleaned, at) = (false, cleaned + 1, first + i + 1);
                    }
                }
                let answer = dirt.clean(run, most as u64);
                assert_eq!(answer, (cleaned as u64, at as u64));
            }
            let count = flags.iter().filter(|flag| **flag).count();
            assert_eq!(dirt.pages, count as u64);
        }
    }
}
