//! In which order classes are tried for the nodes that a set still lacks, and whether those that
//! are left can still be near enough.
//!
//! Nodes add their distances to the nodes that are there, and those between each other, which are
//! at least what the tightest set of so many nodes has. Where the nodes that add least have not got
//! the pages, pages are given a price: what nodes add less what their pages are worth, and the
//! worth of the pages that are short, is never more than what a set with the pages adds
//! (Lagrange's bound). The price is what the nodes with most pages add more than the nearest ones,
//! by the page.

use crate::board::{bits, Board, WHOLE_WEIGHT};

/// A distance of 1 in values, so that prices can be finer.
const SCALE: i32 = 32;

/// A key is a value, of less than 2²⁵ either way, and a class in its lowest bits.
const CLASS_BITS: u32 = 6;
const MOST_WORTH: i32 = (1 << 24) - 1;

/// Classes by what a node of theirs adds, the pages priced.
pub(crate) struct Order<const N: usize> {
    /// How many nodes are added.
    more: usize,
    /// By rising values: what a node adds, scaled, less what its pages are worth; and its class.
    keys: [i32; N],
    count: usize,
    /// What a weight of 1 costs, and what the pages that are short are worth.
    price: i32,
    worth: i64,
}

/// Some nodes: what they add, and the weight of their pages.
#[derive(Clone, Copy)]
struct Sum {
    added: i64,
    weight: i64,
}

impl<const N: usize> Order<N> {
    /// Of the classes `candidates`, of which `more` nodes with `short_pages` are wanted; `cross` is
    /// what a node of each class adds by its distances to the nodes that are there.
    pub fn new(
        board: &Board<N>,
        cross: &[u16; N],
        candidates: u64,
        more: usize,
        short_pages: u64,
    ) -> Self {
        let mut added = [0; N];
        for (added, cross) in added.iter_mut().zip(cross) {
            *added = SCALE * i32::from(*cross);
        }
        let mut order = Order {
            more,
            keys: [0; N],
            count: candidates.count_ones() as usize,
            price: 0,
            worth: 0,
        };
        order.sort(board, &added, candidates);
        if short_pages > 0 {
            order.find_price(board, &added, candidates, board.short_weight(short_pages));
        }
        order
    }

    /// Sorts by the values at the present price.
    fn sort(&mut self, board: &Board<N>, added: &[i32; N], candidates: u64) {
        let mut keys = [0; N];
        for (class, key) in keys.iter_mut().enumerate() {
            let value = added[class] - self.price * board.weights()[class];
            let wanted = candidates >> class & 1 == 1;
            *key = if wanted {
                value << CLASS_BITS | class as i32
            } else {
                i32::MAX
            };
        }
        if N <= 16 {
            // Without branches, which would be guessed wrong half of the time.
            let mut places = [0i32; N];
            for other in keys {
                for (place, key) in places.iter_mut().zip(keys) {
                    *place += i32::from(other < key);
                }
            }
            for (place, key) in places.into_iter().zip(keys) {
                self.keys[place as usize % N] = key;
            }
        } else {
            let mut count = 0;
            for class in bits(candidates) {
                self.keys[count] = keys[class];
                count += 1;
            }
            self.keys[..count].sort_unstable();
        }
    }

    fn find_price(&mut self, board: &Board<N>, added: &[i32; N], candidates: u64, short: i32) {
        let nearest = self.first(board, added);
        if nearest.weight >= short.into() {
            return;
        }
        let largest = self.largest(board, added, candidates);
        let weight = largest.weight - nearest.weight;
        if weight <= 0 || largest.added < nearest.added {
            return;
        }
        let price = (largest.added - nearest.added) / weight;
        self.price = price.min((MOST_WORTH / WHOLE_WEIGHT as i32).into()) as i32;
        self.worth = i64::from(self.price) * i64::from(short);
        self.sort(board, added, candidates);
    }

    /// The nodes that come first.
    fn first(&self, board: &Board<N>, added: &[i32; N]) -> Sum {
        let classes = (0..self.count).map(|at| self.class(at));
        self.sum(board, added, classes)
    }

    /// The nodes with most pages, or about those.
    fn largest(&self, board: &Board<N>, added: &[i32; N], candidates: u64) -> Sum {
        self.sum(board, added, bits(candidates))
    }

    fn sum(&self, board: &Board<N>, added: &[i32; N], classes: impl Iterator<Item = usize>) -> Sum {
        let mut sum = Sum {
            added: 0,
            weight: 0,
        };
        let mut left = self.more;
        for class in classes {
            let taken = left.min(board.most[class].into());
            sum.added += i64::from(added[class]) * taken as i64;
            sum.weight += i64::from(board.weights()[class]) * taken as i64;
            left -= taken;
            if left == 0 {
                break;
            }
        }
        sum
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The class at a place of the order.
    pub fn class(&self, at: usize) -> usize {
        self.keys[at] as usize % (1 << CLASS_BITS)
    }

    /// Whether nodes of the classes from `at` on may be no farther than `room` from what is there.
    pub fn near_enough(&self, board: &Board<N>, at: usize, room: i64) -> bool {
        let (mut sum, mut left) = (self.worth, self.more);
        for at in at..self.count {
            let taken = left.min(board.most[self.class(at)].into());
            sum += i64::from(self.keys[at] >> CLASS_BITS) * taken as i64;
            left -= taken;
            if left == 0 {
                return sum <= room * i64::from(SCALE);
            }
        }
        false
    }
}
