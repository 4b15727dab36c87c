//! The frames that a domain has memory at, and of which node that memory is.
//!
//! The model knows how many pages of each node a domain has, and not which; so a machine frame is
//! a name here that is used once, and has the node in its high bits.

use std::collections::BTreeMap;

/// How far the machine frames of two nodes are apart, as a power of two.
const NODE_SHIFT: u32 = 36;

/// The first of so many machine frames of a node that nothing was at yet; aligned to their number,
/// which is a power of two.
pub fn machine_frame(unused: &mut u64, node: usize, pages: u64) -> u64 {
    let first = unused.next_multiple_of(pages);
    *unused = first + pages;
    (node as u64) << NODE_SHIFT | first
}

#[derive(Debug, Clone, Copy)]
struct Range {
    pages: u64,
    node: usize,
}

/// Ranges by their first frame; they do not overlap.
#[derive(Debug, Default)]
pub struct Frames {
    ranges: BTreeMap<u64, Range>,
}

impl Frames {
    /// Puts an extent there. What was there before is still the domain's, and at no frame.
    pub fn put(&mut self, first: u64, pages: u64, node: usize) {
        self.cut(first);
        self.cut(first + pages);
        let covered: Vec<u64> = (self.ranges.range(first..first + pages))
            .map(|(first, _)| *first)
            .collect();
        for first in covered {
            self.ranges.remove(&first);
        }
        self.ranges.insert(first, Range { pages, node });
    }

    /// Takes what is at these frames: nodes and pages. `None`, and nothing is changed, if one of
    /// them has no memory.
    pub fn take(&mut self, first: u64, pages: u64) -> Option<Vec<(usize, u64)>> {
        let end = first.checked_add(pages)?;
        self.cut(first);
        self.cut(end);
        let found: Vec<(u64, Range)> = (self.ranges.range(first..end))
            .map(|(first, range)| (*first, *range))
            .collect();
        if found.iter().map(|(_, range)| range.pages).sum::<u64>() != pages {
            return None;
        }
        for (first, _) in &found {
            self.ranges.remove(first);
        }
        Some(
            found
                .iter()
                .map(|(_, range)| (range.node, range.pages))
                .collect(),
        )
    }

    /// Makes a range end at `frame` and another begin there, if one goes across it.
    fn cut(&mut self, frame: u64) {
        let Some((first, range)) = self.ranges.range_mut(..frame).next_back() else {
            return;
        };
        let before = frame - first;
        if range.pages > before {
            let rest = Range {
                pages: range.pages - before,
                node: range.node,
            };
            range.pages = before;
            self.ranges.insert(frame, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_taken_once_in_any_pieces() {
        let mut frames = Frames::default();
        frames.put(512, 512, 0);
        frames.put(1024, 512, 1);
        assert_eq!(frames.take(1000, 100), Some(vec![(0, 24), (1, 76)]));
        assert_eq!(frames.take(1000, 1), None);
        assert_eq!(frames.take(512, 488), Some(vec![(0, 488)]));
        assert_eq!(frames.take(512, 488), None);
        assert_eq!(frames.take(1100, 435), Some(vec![(1, 435)]));
        assert_eq!(frames.take(1534, 2), None);
        assert_eq!(frames.take(1535, 2), None);
        assert_eq!(frames.take(1535, 1), Some(vec![(1, 1)]));
        assert_eq!(frames.take(u64::MAX, 2), None);
    }

    #[test]
    fn what_is_put_elsewhere_on_top_replaces() {
        let mut frames = Frames::default();
        frames.put(0, 16, 0);
        frames.put(4, 4, 1);
        assert_eq!(frames.take(0, 16), Some(vec![(0, 4), (1, 4), (0, 8)]));
    }

    #[test]
    fn machine_frames_are_aligned_and_new() {
        let mut unused = 0;
        assert_eq!(machine_frame(&mut unused, 0, 1), 0);
        assert_eq!(machine_frame(&mut unused, 1, 512), 1 << NODE_SHIFT | 512);
        assert_eq!(machine_frame(&mut unused, 0, 1), 1024);
    }
}
