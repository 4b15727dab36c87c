//! How many nodes of each class the nearest sets of one size have, by branch and bound.

use std::cmp::Ordering;

use crate::board::{bits, Board};
use crate::incumbent::{distance, grown, reduced};
use crate::nodes::NodeSet;
use crate::offer::Amount;
use crate::order::Order;
use crate::plan::Distance;
use crate::request::Strategy;
use crate::search::{Sought, EXACT_NODES};
use crate::selection::{Chosen, Selection};

/// Steps that are spent on equally near sets, on hosts of more than 16 nodes, once none can be
/// closer; more where the budget is large.
const STEPS_AMONG_EQUALS: u64 = 200;

/// Classes from whose emptiest nodes sets are grown before the search.
const SEEDS: usize = 2;

/// Nodes on their way to a set: how many of each class.
#[derive(Clone, Copy)]
struct Partial<const N: usize> {
    counts: [u8; N],
    /// The sum of distances over their ordered pairs.
    cost: u32,
    /// The most that so many nodes of these classes have.
    have: Amount,
    /// The least pages that they have.
    least_pages: u64,
    /// What a node of each class would add to `cost`, its own excepted.
    cross: [u16; N],
}

/// A search for the nearest sets of a size, and among equally near ones for the one that the
/// strategy prefers.
pub(crate) struct Counts<'b, 'a, const N: usize> {
    board: &'b Board<'a, N>,
    strategy: Strategy,
    /// See [`Sought::except`].
    except: NodeSet,
    /// Steps that may still be taken.
    pub steps_left: u64,
    /// Of these the ones that may be taken once no set can be closer.
    steps_among_equals: u64,
    /// The nearest distance known; what is farther need not be looked at.
    pub best: Distance,
    /// A set that is as near.
    known: NodeSet,
    /// The preferred set of those as near as `best` that were met.
    chosen: Option<Chosen>,
    /// How many of those were compared.
    pub equals: u64,
    size: usize,
    /// How many nodes of each class the sets have that were met before; see [`Counts::like`].
    met: [u8; N],
    /// The sum of distances that a set of this size must not exceed, and none is below.
    limit: u32,
    lower: u32,
}

impl<'b, 'a, const N: usize> Counts<'b, 'a, N> {
    /// Starts from `witness`, a set that fits; reduced it is not the one that is not sought.
    pub fn new(board: &'b Board<'a, N>, sought: &Sought, witness: NodeSet) -> Self {
        let known = reduced(board.offer, witness);
        Counts {
            board,
            strategy: sought.strategy,
            except: sought.except,
            steps_left: sought.budget_steps,
            steps_among_equals: match board.universe.len() {
                0..=EXACT_NODES => u64::MAX,
                _ => STEPS_AMONG_EQUALS.max(sought.budget_steps / 200),
            },
            best: distance(board.offer, known),
            known,
            chosen: None,
            equals: 0,
            size: 0,
            met: [0; N],
            limit: 0,
            lower: 0,
        }
    }

    /// Makes do with nothing farther than what grows by nearest nodes, unless the best known is at
    /// `lower`, which none can be below.
    pub fn grow_from(&mut self, lower: Distance) {
        for seed in 0..self.board.classes.min(SEEDS) {
            if self.best.compare_averages(&lower).is_le() {
                return;
            }
            if let Some(set) = grown(self.board, seed) {
                self.start_from(set);
            }
        }
    }

    /// Makes do with nothing farther than this set, which fits, reduced.
    pub fn start_from(&mut self, set: NodeSet) {
        let set = reduced(self.board.offer, set);
        let distance = distance(self.board.offer, set);
        if distance.compare_averages(&self.best).is_lt() && set != self.except {
            (self.known, self.best) = (set, distance);
        }
    }

    /// The nearest set that was found.
    pub fn nearest(&self) -> NodeSet {
        self.chosen.map_or(self.known, |chosen| chosen.set)
    }

    /// Meets the irreducible sets of `size` nodes that are as near as the best known; none is
    /// below `lower`. Whether it got through before the steps ended; it did, too, where nothing can
    /// be closer and only the steps among equals ended.
    pub fn of_size(&mut self, size: usize, lower: u32) -> bool {
        self.size = size;
        self.lower = lower;
        self.limit = limit(&self.best, size);
        let none = Partial {
            counts: [0; N],
            cost: 0,
            have: Amount::default(),
            least_pages: 0,
            cross: [0; N],
        };
        let all = match self.board.classes {
            64.. => u64::MAX,
            classes => (1 << classes) - 1,
        };
        self.extend(&none, all, size);
        self.steps_left > 0
    }

    /// Meets the sets that have as many nodes of each class as `set`, so that [`Counts::of_size`],
    /// which is to follow with the same `lower`, starts from them.
    pub fn like(&mut self, set: NodeSet, lower: u32) {
        self.size = set.len();
        self.lower = lower;
        self.limit = limit(&self.best, self.size);
        let mut counts = [0; N];
        for (class, count) in counts.iter_mut().enumerate().take(self.board.classes) {
            let (start, end) = self.board.places(class);
            let taken = (start..end).filter(|place| set.contains(self.board.node(*place)));
            *count = taken.count() as u8;
        }
        let cost = distance(self.board.offer, set).sum;
        self.meet(&counts, cost as u32);
        self.met = counts;
    }

    /// Takes steps; whether more may be taken.
    fn spend(&mut self, steps: u64) -> bool {
        self.steps_left = self.steps_left.saturating_sub(steps);
        if self.none_closer() {
            self.steps_among_equals = self.steps_among_equals.saturating_sub(steps);
        }
        self.steps_left > 0 && !self.enough()
    }

    /// Whether no set of this size can be closer than the best known.
    fn none_closer(&self) -> bool {
        let pairs = (self.size * self.size) as u64;
        self.best.sum * pairs <= u64::from(self.lower) * self.best.pairs
    }

    /// Whether enough of the equally near sets were met.
    fn enough(&self) -> bool {
        self.steps_among_equals == 0 && self.none_closer()
    }

    /// Meets every set that has `partial` and `more` nodes of the classes `candidates`, which are
    /// all near it.
    fn extend(&mut self, partial: &Partial<N>, candidates: u64, more: usize) {
        let board = self.board;
        let short_pages = board.need.pages.saturating_sub(partial.have.pages);
        let pages_bind = !board.any_have(candidates, more, short_pages);
        let too_little = |classes: u64| {
            let most = || partial.have.plus(board.top(classes, more));
            pages_bind && !most().covers(board.need)
        };
        // Without the class that has most pages it may not do at all, whatever is short.
        if let Some(class) = bits(candidates).next() {
            let others = candidates & !(1 << class);
            if too_little(others) {
                return self.take(partial, class, others & board.near[class], more);
            }
        }
        let short_pages = if pages_bind { short_pages } else { 0 };
        let order = Order::new(board, &partial.cross, candidates, more, short_pages);
        if !self.spend(order.len() as u64) {
            return;
        }
        let between = i64::from(partial.cost) + i64::from(board.matrix().tightest(more));
        let mut left = candidates;
        for at in 0..order.len() {
            let class = order.class(at);
            let room = i64::from(self.limit) - between;
            if !order.near_enough(board, at, room) || too_little(left) {
                return;
            }
            left &= !(1 << class);
            self.take(partial, class, left & board.near[class], more);
            if self.steps_left == 0 || self.enough() {
                return;
            }
        }
    }

    /// As [`Counts::extend`], with nodes of `class` and then of `later`, which are near it.
    fn take(&mut self, partial: &Partial<N>, class: usize, later: u64, more: usize) {
        let board = self.board;
        let room = board.room(later);
        let pages_alone = board.pages_alone(self.size);
        for count in (1..=more.min(board.most[class] as usize)).rev() {
            let remaining = more - count;
            if room < remaining || !self.spend(2) {
                return;
            }
            let nodes = count as u32;
            let pairs = nodes * (nodes - 1) / 2;
            let cross = u32::from(partial.cross[class]);
            let cost = partial.cost + nodes * (10 + cross) + pairs * board.within(class);
            if cost > self.limit {
                continue;
            }
            let have = partial.have.plus(board.most_of(class, count));
            let least_pages = partial.least_pages + board.least_pages(board.places(class), count);
            // Where only pages bind, nothing can come to what has them, and not be spared.
            let enough = remaining > 0 && pages_alone && least_pages >= board.need.pages;
            if enough || remaining == 0 && !have.covers(board.need) {
                continue;
            }
            let mut grown = Partial {
                cost,
                have,
                least_pages,
                ..*partial
            };
            grown.counts[class] = count as u8;
            match remaining {
                0 => self.meet(&grown.counts, cost),
                1 => self.last(&mut grown, class, later),
                _ => {
                    grow(&mut grown.cross, board.pairs(class), nodes);
                    self.extend(&grown, later, remaining);
                }
            }
        }
    }

    /// As [`Counts::extend`] by one node, after nodes of `class`, whose `cross` is yet to be added.
    fn last(&mut self, partial: &mut Partial<N>, class: usize, candidates: u64) {
        let board = self.board;
        let row = board.pairs(class);
        let times = u32::from(partial.counts[class]);
        let (cost, have) = (partial.cost, partial.have);
        for other in bits(candidates) {
            let cross = u32::from(partial.cross[other]) + times * u32::from(row[other]);
            let cost = cost + 10 + cross;
            if cost > self.limit {
                continue;
            }
            let have = have.plus(board.most_of(other, 1));
            if !have.covers(board.need) {
                continue;
            }
            if !self.spend(1) {
                return;
            }
            partial.counts[other] = 1;
            self.meet(&partial.counts, cost);
            partial.counts[other] = 0;
        }
    }

    /// Takes note of the sets with so many nodes of each class.
    fn meet(&mut self, counts: &[u8; N], cost: u32) {
        if *counts == self.met {
            return;
        }
        let distance = Distance {
            maximum: 0,
            sum: cost.into(),
            pairs: (self.size * self.size) as u64,
        };
        let order = distance.compare_averages(&self.best);
        let beat = match order {
            Ordering::Less => None,
            Ordering::Equal => self.chosen,
            Ordering::Greater => return,
        };
        let steps = match self.none_closer() {
            true => self.steps_left.min(self.steps_among_equals),
            false => self.steps_left,
        };
        let mut selection = Selection::new(self.board, self.strategy, self.except, beat, steps);
        selection.run(counts);
        let (chosen, met) = (selection.chosen, selection.met);
        let spent = steps - selection.steps_left;
        if met > 0 {
            self.equals = match order {
                Ordering::Equal => self.equals + met,
                Ordering::Less | Ordering::Greater => met,
            };
            self.best = distance;
            self.chosen = chosen;
            self.limit = limit(&distance, self.size);
        }
        self.spend(spent + self.size as u64);
    }
}

/// The largest sum of distances of `size` nodes that is as near as `best`.
pub(crate) fn limit(best: &Distance, size: usize) -> u32 {
    let pairs = (size * size) as u64;
    (best.sum * pairs / best.pairs).min(u32::MAX.into()) as u32
}

/// Adds `times` a row to the sums.
fn grow<const N: usize>(sums: &mut [u16; N], row: &[u16; N], times: u32) {
    for (sum, added) in sums.iter_mut().zip(row) {
        *sum = sum.wrapping_add(added.wrapping_mul(times as u16));
    }
}
