//! Which nodes of each class are taken, once it is known how many: all such sets are equally near,
//! and the strategy chooses.

use crate::board::Board;
use crate::nodes::{NodeSet, MAX_NODES};
use crate::request::Strategy;
use crate::strategy::{self, Rank};

/// The set that was chosen so far, and what the strategy looks at.
#[derive(Clone, Copy)]
pub(crate) struct Chosen {
    pub set: NodeSet,
    rank: Rank,
    /// Its pages.
    headroom: u64,
    /// The pages of its emptiest node.
    emptiest: u64,
}

/// Places of which a set has so many.
#[derive(Clone, Copy, Default)]
struct Part {
    start: u8,
    end: u8,
    count: u8,
}

/// A search for the set that the strategy prefers among those with so many nodes of each class.
pub(crate) struct Selection<'s, 'a, const N: usize> {
    board: &'s Board<'a, N>,
    strategy: Strategy,
    /// See [`crate::search::Sought::except`].
    except: NodeSet,
    /// Steps that may still be taken.
    pub steps_left: u64,
    /// The set to beat, if any, and then the one that beat it.
    pub chosen: Option<Chosen>,
    /// How many sets were compared with each other.
    pub met: u64,
    parts: [Part; N],
    count: usize,
    /// Nodes of a set.
    size: usize,
    /// The least and most pages that the parts from each on can have.
    least: [u64; N],
    most: [u64; N],
    /// Sets with more pages, or with fewer, are not preferred.
    ceiling: u64,
    floor: u64,
}

/// Nodes on their way to a set.
#[derive(Clone, Copy)]
struct Taken {
    set: NodeSet,
    pages: u64,
    /// The fewest pages of one of them.
    smallest: u64,
}

impl<'s, 'a, const N: usize> Selection<'s, 'a, N> {
    /// Among sets with `counts[c]` nodes of each class `c`; `beat` is as near as they are.
    pub fn new(
        board: &'s Board<'a, N>,
        strategy: Strategy,
        except: NodeSet,
        beat: Option<Chosen>,
        steps_left: u64,
    ) -> Self {
        Selection {
            board,
            strategy,
            except,
            steps_left,
            chosen: beat,
            met: 0,
            parts: [Part::default(); N],
            count: 0,
            size: 0,
            least: [0; N],
            most: [0; N],
            ceiling: u64::MAX,
            floor: 0,
        }
    }

    /// Looks for a set that fits, of which no node can be spared, and that is preferred to
    /// `chosen`.
    pub fn run(&mut self, counts: &[u8; N]) {
        self.size = counts.iter().map(|count| usize::from(*count)).sum();
        for (class, count) in counts.iter().enumerate().take(self.board.classes) {
            if *count > 0 {
                let (start, end) = self.board.places(class);
                self.push(start, end, *count);
            }
        }
        let single = self.chosen.is_some_and(|chosen| chosen.set.len() == 1);
        match (self.strategy, self.size) {
            (Strategy::Pack | Strategy::Spread, _) | (Strategy::Balance, 1) => {
                self.bound(self.chosen);
                self.all();
            }
            // One node comes before several.
            (Strategy::Balance, _) if single => (),
            (Strategy::Balance, _) => self.by_emptiest(),
        }
    }

    fn push(&mut self, start: usize, end: usize, count: u8) {
        self.parts[self.count] = Part {
            start: start as u8,
            end: end as u8,
            count,
        };
        self.count += 1;
    }

    /// What has more pages, or fewer, than the set to beat need not be looked at.
    fn bound(&mut self, beat: Option<Chosen>) {
        (self.ceiling, self.floor) = match (self.strategy, beat) {
            // Of single nodes it counts holes first.
            (Strategy::Balance, _) if self.size == 1 => (u64::MAX, 0),
            (Strategy::Pack | Strategy::Balance, Some(beat)) => (beat.headroom, 0),
            (Strategy::Spread, Some(beat)) => {
                let offer = self.board.offer;
                let least_size_pages = self.board.smallest_pages * self.size as u64;
                let floor =
                    strategy::least_headroom(offer, beat.set, beat.headroom, least_size_pages);
                (u64::MAX, floor)
            }
            (Strategy::Pack | Strategy::Balance | Strategy::Spread, None) => (u64::MAX, 0),
        };
    }

    /// The sets with the emptiest node come first: each node in turn is taken for the emptiest,
    /// by falling pages, until some set with such a node does.
    fn by_emptiest(&mut self) {
        let (parts, count) = (self.parts, self.count);
        let mut heads = [0; N];
        for (head, part) in heads.iter_mut().zip(&parts[..count]) {
            *head = part.end;
        }
        loop {
            let left = (0..count).filter(|i| heads[*i] - parts[*i].start >= parts[*i].count);
            let pages = |i: &usize| self.board.pages(heads[*i] as usize - 1);
            let Some(at) = left.max_by_key(pages) else {
                break;
            };
            heads[at] -= 1;
            let place = heads[at] as usize;
            let pages = self.board.pages(place);
            let beat = self.chosen.filter(|chosen| chosen.emptiest == pages);
            if self.chosen.is_some_and(|chosen| chosen.emptiest > pages) || self.steps_left == 0 {
                break;
            }
            self.count = 0;
            for i in 0..count {
                let count = parts[i].count - u8::from(i == at);
                if count > 0 {
                    self.push(parts[i].start.into(), heads[i].into(), count);
                }
            }
            self.push(place, place + 1, 1);
            self.bound(beat);
            self.all();
        }
    }

    /// Goes over all sets of the parts.
    fn all(&mut self) {
        let (mut least, mut most) = (0, 0);
        for i in (0..self.count).rev() {
            let (range, count) = self.range(i);
            if range.1 - range.0 < count {
                return;
            }
            least += self.board.least_pages(range, count);
            most += self.board.most_pages(range, count);
            (self.least[i], self.most[i]) = (least, most);
        }
        let taken = Taken {
            set: NodeSet::EMPTY,
            pages: 0,
            smallest: u64::MAX,
        };
        self.part(0, taken);
    }

    fn range(&self, part: usize) -> ((usize, usize), usize) {
        let Part { start, end, count } = self.parts[part];
        ((start as usize, end as usize), count as usize)
    }

    fn part(&mut self, part: usize, taken: Taken) {
        if part == self.count {
            self.meet(taken);
        } else {
            let (range, count) = self.range(part);
            self.walk(part, range, count, taken);
        }
    }

    /// Takes `count` of the places from `start` to before `end` of a part, in every way that may
    /// lead to a preferred set.
    fn walk(&mut self, part: usize, (start, end): (usize, usize), count: usize, taken: Taken) {
        if count == 0 {
            return self.part(part + 1, taken);
        }
        let (mut least, mut most) = match part + 1 < self.count {
            true => (self.least[part + 1], self.most[part + 1]),
            false => (0, 0),
        };
        least += taken.pages + self.board.least_pages((start, end), count);
        most += taken.pages + self.board.most_pages((start, end), count);
        let need = self.board.offer.need.pages;
        if most < need || most < self.floor || least > self.ceiling {
            return;
        }
        // Where only pages bind, the set without its smallest node must fall short of them.
        let pages_alone = self.board.pages_alone(self.size);
        if pages_alone && taken.smallest < u64::MAX && least - taken.smallest >= need {
            return;
        }
        let mut first = start;
        if part + 1 == self.count && count == 1 && self.board.upwards {
            // The first that suffices, by bisection.
            let mut last = end;
            while first < last {
                let middle = (first + last) / 2;
                match taken.pages + self.board.pages(middle) >= need {
                    true => last = middle,
                    false => first = middle + 1,
                }
            }
        }
        for place in first..=end - count {
            // Of nodes that offer the same the lowest come first.
            if place > first && self.board.same(place) {
                continue;
            }
            self.steps_left = self.steps_left.saturating_sub(1);
            if self.steps_left == 0 {
                return;
            }
            let pages = self.board.pages(place);
            if self.board.upwards && taken.pages + pages > self.ceiling {
                return;
            }
            let taken = Taken {
                set: taken.set.with(self.board.node(place)),
                pages: taken.pages + pages,
                smallest: taken.smallest.min(pages),
            };
            self.walk(part, (place + 1, end), count - 1, taken);
        }
    }

    fn meet(&mut self, taken: Taken) {
        if taken.set == self.except || !self.suits(&taken) {
            return;
        }
        self.met += 1;
        let offer = self.board.offer;
        let rank = strategy::rank(offer, self.strategy, taken.set);
        if self.chosen.is_some_and(|chosen| chosen.rank <= rank) {
            return;
        }
        let chosen = Chosen {
            set: taken.set,
            rank,
            headroom: taken.pages,
            emptiest: (taken.set.iter())
                .map(|node| offer.nodes[node].pages)
                .max()
                .unwrap_or(0),
        };
        self.chosen = Some(chosen);
        self.bound(Some(chosen));
    }

    /// Whether the set fits and none of its nodes can be spared.
    fn suits(&self, taken: &Taken) -> bool {
        let need = self.board.offer.need.pages;
        match self.board.even {
            Some(count) => {
                taken.pages >= need
                    && self.size >= count
                    && (self.size == count || taken.pages - taken.smallest < need)
            }
            None => taken.pages >= need && self.board.offer.irreducible(taken.set),
        }
    }
}

const _: () = assert!(MAX_NODES <= u8::MAX as usize);
