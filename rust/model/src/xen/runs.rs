//! Pages by their addresses: runs of adjacent pages, and what a domain holds of a node.

/// The order of the largest extent that Xen allocates.
pub const MAX_ORDER: u32 = 18;

/// The largest extent that Xen allocates: 1 GiB.
pub const MAX_EXTENT_PAGES: u64 = 1 << MAX_ORDER;

/// Adjacent pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub first: u64,
    pub pages: u64,
}

impl Run {
    /// The page after the last.
    pub fn end(self) -> u64 {
        self.first + self.pages
    }

    /// Takes off its end the largest aligned block of at most `most` pages: its order.
    fn pop_block(&mut self, most: u64) -> Option<Run> {
        let pages = self.pages.min(most);
        let order = pages.checked_ilog2()?.min(self.end().trailing_zeros());
        let pages = 1 << order.min(MAX_ORDER);
        self.pages -= pages;
        Some(Run {
            first: self.end(),
            pages,
        })
    }

    /// The aligned blocks that it consists of, the last one first: as few as there can be.
    pub fn blocks(mut self) -> impl Iterator<Item = (u64, u32)> {
        std::iter::from_fn(move || {
            let block = self.pop_block(MAX_EXTENT_PAGES)?;
            Some((block.first, block.pages.trailing_zeros()))
        })
    }
}

/// Pages that something holds of one node, in the order in which it got them.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    runs: Vec<Run>,
    pages: u64,
}

impl Held {
    /// How many.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Adds pages.
    pub fn push(&mut self, run: Run) {
        self.pages += run.pages;
        match self.runs.last_mut() {
            _ if run.pages == 0 => (),
            // What the heap gives next lies mostly below what it gave last.
            Some(last) if run.end() == last.first => {
                last.first = run.first;
                last.pages += run.pages;
            }
            Some(last) if last.end() == run.first => last.pages += run.pages,
            Some(_) | None => self.runs.push(run),
        }
    }

    /// Adds pages as those that it got first, so that they go last.
    pub fn push_first(&mut self, run: Run) {
        self.pages += run.pages;
        self.runs.insert(0, run);
    }

    /// Takes away up to `most` adjacent pages of those it got last.
    pub fn pop(&mut self, most: u64) -> Option<Run> {
        let last = self.runs.last_mut().filter(|_| most > 0)?;
        let pages = last.pages.min(most);
        let run = Run {
            first: last.end() - pages,
            pages,
        };
        last.pages -= pages;
        if last.pages == 0 {
            self.runs.pop();
        }
        self.pages -= pages;
        Some(run)
    }

    /// The pages, run by run.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_falls_apart_into_aligned_blocks() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            let (address_bits, size_bits) = (rng.u32(1..24), rng.u32(1..22));
            let run = Run {
                first: rng.u64(0..1 << address_bits),
                pages: rng.u64(0..1 << size_bits),
            };
            let mut end = run.end();
            for (first, order) in run.blocks() {
                assert_eq!(first + (1 << order), end);
                assert_eq!(first % (1 << order), 0);
                end = first;
            }
            assert_eq!(end, run.first, "{run:?}");
        }
    }

    #[test]
    fn what_is_held_comes_back() {
        let mut rng = fastrand::Rng::with_seed(2);
        let mut held = Held::default();
        let mut first = 1 << 40;
        for _ in 0..1000 {
            let pages = rng.u64(0..100);
            first -= pages + rng.u64(0..2);
            held.push(Run { first, pages });
        }
        let mut pages = held.pages();
        assert_eq!(held.runs().iter().map(|run| run.pages).sum::<u64>(), pages);
        while let Some(run) = held.pop(rng.u64(1..1000)) {
            pages -= run.pages;
            assert_eq!(held.pages(), pages);
        }
        assert_eq!((pages, held.runs().len()), (0, 0));
    }
}
