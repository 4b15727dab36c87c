//! The nodes of a host as the search for one request sees them: sorted into classes whose nodes
//! are at the same distances from everything, and within a class by what they have free.

use std::cmp::Reverse;

use crate::matrix::Matrix;
use crate::nodes::NodeSet;
use crate::offer::{Amount, Offer};
use crate::request::Strategy;

/// Nodes of a universe, at most `N` on the whole host, within a distance of each other.
///
/// Of a class a set may have any nodes without its distance being another, so the search goes
/// over how many nodes a set has of each class, and then over which.
pub(crate) struct Board<'a, const N: usize> {
    pub offer: &'a Offer<'a>,
    pub universe: NodeSet,
    /// How many classes there are, numbered by the most pages that a node of theirs has.
    pub classes: usize,
    /// The classes near each class, itself excepted, a bit each.
    pub near: [u64; N],
    /// How many nodes of each class may be in one set.
    pub most: [u8; N],
    /// Whether that is 1 for all.
    pub singles: bool,
    /// Whether each class is sorted by pages upwards, or downwards.
    pub upwards: bool,
    /// How many nodes have the CPUs and cores needed, if all nodes give as many.
    pub even: Option<usize>,
    /// The smallest span of a node.
    pub smallest_pages: u64,
    /// What is needed; CPUs and cores only where they are not even.
    pub need: Amount,
    /// The first place of each class, and one after its last.
    start: [u8; N],
    end: [u8; N],
    /// The node at each place.
    node: [u8; N],
    /// The pages at each place, and the sum of those up to and with it.
    pages: [u64; N],
    through: [u64; N],
    /// Whether a place offers the same as the one before it, in the same class.
    same: [bool; N],
    /// See [`Board::top`].
    top: [[Amount; N]; N],
    /// See [`Board::weights`].
    weights: [i32; N],
    /// See [`Board::pairs`].
    pairs: [[u16; N]; N],
}

/// What all the pages that are needed weigh.
pub(crate) const WHOLE_WEIGHT: u64 = 1 << 12;

impl<'a, const N: usize> Board<'a, N> {
    /// Of the nodes of `universe`, of which `near` says which are near each other.
    /// O(nodes²).
    pub fn new(
        offer: &'a Offer<'a>,
        universe: NodeSet,
        near: &[NodeSet],
        strategy: Strategy,
    ) -> Self {
        let even = offer.even(universe);
        let mut board = Board {
            offer,
            universe,
            classes: 0,
            near: [0; N],
            most: [0; N],
            singles: true,
            upwards: match strategy {
                Strategy::Pack | Strategy::Balance => true,
                Strategy::Spread => false,
            },
            even,
            smallest_pages: (universe.iter())
                .map(|node| offer.size_pages[node])
                .min()
                .unwrap_or(0),
            need: match even {
                Some(_) => Amount {
                    pages: offer.need.pages,
                    ..Amount::default()
                },
                None => offer.need,
            },
            start: [0; N],
            end: [0; N],
            node: [0; N],
            pages: [0; N],
            through: [0; N],
            same: [false; N],
            top: [[Amount::default(); N]; N],
            weights: [0; N],
            pairs: [[0; N]; N],
        };
        board.sort();
        board.classify();
        board.relate(near);
        board.rank();
        board
    }

    pub fn matrix(&self) -> &'a Matrix {
        self.offer.topology.matrix()
    }

    /// Puts the nodes into their places.
    fn sort(&mut self) {
        let (offer, matrix) = (self.offer, self.matrix());
        let count = self.universe.len();
        let mut most_of_kind = [0; N];
        for node in self.universe.iter() {
            let most = &mut most_of_kind[matrix.twin(node)];
            *most = offer.nodes[node].pages.max(*most);
        }
        for (place, node) in self.node.iter_mut().zip(self.universe.iter()) {
            *place = node as u8;
        }
        let upwards = self.upwards;
        self.node[..count].sort_unstable_by_key(|node| {
            let node = *node as usize;
            let kind = matrix.twin(node);
            let Amount { pages, cpus, cores } = offer.nodes[node];
            let by_pages = if upwards { pages } else { u64::MAX - pages };
            let alike = (cpus, cores, offer.size_pages[node]);
            (Reverse(most_of_kind[kind]), kind, by_pages, alike, node)
        });
    }

    fn classify(&mut self) {
        let (offer, matrix) = (self.offer, self.matrix());
        let mut sum = 0;
        for place in 0..self.universe.len() {
            let node = self.node(place);
            let before = place.checked_sub(1).map(|before| self.node(before));
            let before = before.filter(|before| matrix.twin(*before) == matrix.twin(node));
            if before.is_none() {
                self.start[self.classes] = place as u8;
                self.classes += 1;
            }
            self.end[self.classes - 1] = place as u8 + 1;
            self.same[place] = before.is_some_and(|before| {
                offer.nodes[before] == offer.nodes[node]
                    && offer.size_pages[before] == offer.size_pages[node]
            });
            sum += offer.nodes[node].pages;
            self.pages[place] = offer.nodes[node].pages;
            self.through[place] = sum;
        }
    }

    fn relate(&mut self, near: &[NodeSet]) {
        let mut class_of = [0; N];
        for class in 0..self.classes {
            class_of[self.matrix().twin(self.one_of(class))] = class as u8;
        }
        for class in 0..self.classes {
            let (start, end) = self.places(class);
            let near = near[self.one_of(class)];
            let many = end - start > 1 && near.contains(self.node(start + 1));
            self.most[class] = if many { (end - start) as u8 } else { 1 };
            self.singles &= !many;
            for other in near.intersection(self.universe).iter() {
                let other = class_of[self.matrix().twin(other)];
                self.near[class] |= 1 << other;
            }
            self.near[class] &= !(1 << class);
            let pairs = self.matrix().pairs(self.one_of(class));
            for other in 0..self.classes {
                self.pairs[class][other] = pairs[self.one_of(other)];
            }
        }
    }

    /// Fills `top`.
    fn rank(&mut self) {
        let mut pages = [0; N];
        let mut cpus = [0; N];
        let mut cores = [0; N];
        let mut count = 0;
        for class in (0..self.classes).rev() {
            let (start, end) = self.places(class);
            for place in start..end {
                let amount = self.offer.nodes[self.node(place)];
                insert(&mut pages, count, amount.pages);
                if self.even.is_none() {
                    insert(&mut cpus, count, amount.cpus);
                    insert(&mut cores, count, amount.cores);
                }
                count += 1;
            }
            let mut sum = Amount::default();
            for i in 0..count {
                sum = sum.plus(Amount {
                    pages: pages[i],
                    cpus: cpus[i],
                    cores: cores[i],
                });
                self.top[class][i] = sum;
            }
            let most = self.most_pages((start, end), 1);
            let need = u128::from(self.offer.need.pages.max(1));
            let parts = u128::from(most).min(need) * u128::from(WHOLE_WEIGHT);
            self.weights[class] = parts.div_ceil(need) as i32;
        }
    }

    /// The node at a place.
    pub fn node(&self, place: usize) -> usize {
        self.node[place] as usize
    }

    /// The pages at a place.
    pub fn pages(&self, place: usize) -> u64 {
        self.pages[place]
    }

    /// Whether a place offers the same as the one before it, in the same class.
    pub fn same(&self, place: usize) -> bool {
        self.same[place]
    }

    /// The places of a class: the first, and one after the last.
    pub fn places(&self, class: usize) -> (usize, usize) {
        (self.start[class] as usize, self.end[class] as usize)
    }

    /// The node of a class that has most pages but for `count` others.
    pub fn emptiest(&self, class: usize, count: usize) -> usize {
        let (start, end) = self.places(class);
        self.node(if self.upwards {
            end - 1 - count
        } else {
            start + count
        })
    }

    /// A node of a class: as near to others as every node of it.
    pub fn one_of(&self, class: usize) -> usize {
        self.node(self.start[class] as usize)
    }

    /// The pages at the places from `start` to before `end`.
    fn between(&self, start: usize, end: usize) -> u64 {
        let before = |place: usize| place.checked_sub(1).map_or(0, |last| self.through[last]);
        before(end) - before(start)
    }

    /// The most pages that `count` of the places from `start` to before `end` of a class have.
    pub fn most_pages(&self, (start, end): (usize, usize), count: usize) -> u64 {
        match self.upwards {
            true => self.between(end - count, end),
            false => self.between(start, start + count),
        }
    }

    /// The least pages that `count` of the places from `start` to before `end` of a class have.
    pub fn least_pages(&self, (start, end): (usize, usize), count: usize) -> u64 {
        match self.upwards {
            true => self.between(start, start + count),
            false => self.between(end - count, end),
        }
    }

    /// The most of each resource that `count` nodes of a class have; CPUs and cores only where
    /// they are not even.
    pub fn most_of(&self, class: usize, count: usize) -> Amount {
        if self.is_plain() && self.even.is_some() {
            return Amount {
                pages: self.pages[class],
                ..Amount::default()
            };
        }
        let (start, end) = self.places(class);
        let mut most = Amount {
            pages: self.most_pages((start, end), count),
            ..Amount::default()
        };
        if self.even.is_none() {
            let (mut cpus, mut cores) = ([0; N], [0; N]);
            for place in start..end {
                let amount = self.offer.nodes[self.node(place)];
                insert(&mut cpus, place - start, amount.cpus);
                insert(&mut cores, place - start, amount.cores);
            }
            most.cpus = cpus[..count].iter().sum();
            most.cores = cores[..count].iter().sum();
        }
        most
    }

    /// The most of each resource that `count` nodes of all these classes together, at least 1, can
    /// have, and maybe more; nothing of what there are not so many nodes of. CPUs and cores only
    /// where they are not even.
    pub fn top(&self, classes: u64, count: usize) -> Amount {
        let Some(first) = NodeSet::from_bits(classes).lowest() else {
            return Amount::default();
        };
        let mut top = self.top[first][count - 1];
        if self.is_plain() {
            // By falling pages, so the first ones have most.
            let most = bits(classes).take(count);
            top.pages = most.map(|class| self.pages[class]).sum();
        }
        top
    }

    /// The most pages that a node of each class has, in parts of those needed, rounded up.
    pub fn weights(&self) -> &[i32; N] {
        &self.weights
    }

    /// Pages that are short, in the same parts, rounded down.
    pub fn short_weight(&self, short_pages: u64) -> i32 {
        let parts = u128::from(short_pages) * u128::from(WHOLE_WEIGHT);
        (parts / u128::from(self.offer.need.pages.max(1))) as i32
    }

    /// Whether only pages bind a set of `size` nodes: one less would have the CPUs and cores, too.
    pub fn pages_alone(&self, size: usize) -> bool {
        self.even.is_some_and(|count| size > count)
    }

    /// Whether each class has one node only.
    fn is_plain(&self) -> bool {
        self.classes == self.universe.len()
    }

    /// Whether any `count` nodes of `classes` have so many pages, and pages are all that is needed;
    /// `false` also where that is not looked at.
    pub fn any_have(&self, classes: u64, count: usize, pages: u64) -> bool {
        if !self.is_plain() || self.even.is_none() {
            return false;
        }
        // By falling pages, so the last ones have least.
        let mut left = NodeSet::from_bits(classes);
        let mut sum = 0;
        for _ in 0..count {
            let Some(class) = left.highest() else {
                return false;
            };
            left = left.without(class);
            sum += self.pages[class];
        }
        sum >= pages
    }

    /// How many nodes of `classes` may be in one set, were the classes all near each other.
    pub fn room(&self, classes: u64) -> usize {
        match self.singles {
            true => classes.count_ones() as usize,
            false => bits(classes).map(|class| self.most[class] as usize).sum(),
        }
    }

    /// What [`Matrix::pair`] is between a node of `class` and one of each class.
    pub fn pairs(&self, class: usize) -> &[u16; N] {
        &self.pairs[class]
    }

    /// The distance between two nodes of a class and back.
    pub fn within(&self, class: usize) -> u32 {
        match self.places(class) {
            (start, end) if end - start > 1 => {
                u32::from(self.matrix().pairs(self.node(start))[self.node(start + 1)])
            }
            (_, _) => 0,
        }
    }
}

/// The bits of a word that are set, ascending.
pub(crate) fn bits(word: u64) -> impl Iterator<Item = usize> + Clone {
    NodeSet::from_bits(word).iter()
}

/// Puts `value` among the first `count`, largest first.
fn insert<T: Copy + PartialOrd, const N: usize>(sorted: &mut [T; N], count: usize, value: T) {
    let mut at = count;
    while at > 0 && sorted[at - 1] < value {
        sorted[at] = sorted[at - 1];
        at -= 1;
    }
    sorted[at] = value;
}
