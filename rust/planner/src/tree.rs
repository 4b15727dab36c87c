//! Hosts whose distances make a tree (nodes in sockets in boxes): how near a set of so many nodes
//! with so many pages can be, and such a set.
//!
//! In such a host two groups of nodes are equally far from each other all over, so what a set costs
//! depends only on how many nodes it takes of each group, and of a group it takes the nodes with
//! the most pages. From the leaves up, for each number of nodes, what is kept is which cost buys
//! how many pages. CPUs and cores are not looked at, nor whether a node could be spared: the
//! result bounds the search, and ends it if the set turns out to be one of those sought.

use std::ops::RangeInclusive;

use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::Offer;
use crate::plan::Distance;

/// Trees of groups in groups deeper than this are left to the search: each takes 100 KiB of stack.
const MAX_LEVELS: usize = 4;

/// Entries kept for each number of nodes; neighbours share one when there are more.
const WIDTH: usize = 32;

/// Some nodes of a group.
#[derive(Clone, Copy)]
struct Entry {
    /// No more than the sum of distances over their ordered pairs.
    cost: u64,
    /// No less than their pages.
    pages: u64,
    nodes: NodeSet,
}

const NONE: Entry = Entry {
    cost: 0,
    pages: 0,
    nodes: NodeSet::EMPTY,
};

/// For each number of nodes of a group what they can cost and hold: by cost, and more pages for
/// more cost.
struct Front {
    entries: [[Entry; WIDTH]; MAX_NODES + 1],
    lengths: [u8; MAX_NODES + 1],
    nodes: usize,
}

impl Front {
    fn empty() -> Self {
        let mut front = Front {
            entries: [[NONE; WIDTH]; MAX_NODES + 1],
            lengths: [0; MAX_NODES + 1],
            nodes: 0,
        };
        front.lengths[0] = 1;
        front
    }

    /// Of nodes that are all `apart` from each other: the ones with the most pages first.
    fn of_equals(offer: &Offer, nodes: NodeSet, apart: u32) -> Self {
        let mut front = Front::empty();
        front.nodes = nodes.len();
        let (mut left, mut taken) = (nodes, NONE);
        for count in 1..=nodes.len() {
            let most = left.iter().max_by_key(|node| offer.nodes[*node].pages);
            let Some(node) = most else { break };
            left = left.without(node);
            taken = Entry {
                cost: taken.cost + 10 + 2 * (count as u64 - 1) * u64::from(apart),
                pages: taken.pages + offer.nodes[node].pages,
                nodes: taken.nodes.with(node),
            };
            front.insert(count, taken);
        }
        front
    }

    fn of(&self, count: usize) -> &[Entry] {
        &self.entries[count][..self.lengths[count] as usize]
    }

    fn insert(&mut self, count: usize, new: Entry) {
        let length = self.lengths[count] as usize;
        let row = &mut self.entries[count];
        let at = row[..length].partition_point(|entry| entry.cost < new.cost);
        let worse_than = |entry: &Entry| entry.cost <= new.cost && entry.pages >= new.pages;
        if row[..length].iter().any(worse_than) {
            return;
        }
        // What costs as much or more and holds no more goes.
        let kept = row[at..length].partition_point(|entry| entry.pages <= new.pages) + at;
        let mut length = length - (kept - at);
        row.copy_within(kept..kept + length - at, at);
        if length == WIDTH {
            // The two that differ least in pages become one that is as good as both.
            let near = (1..WIDTH).min_by_key(|i| row[*i].pages - row[*i - 1].pages);
            let near = near.unwrap_or(1);
            row[near].cost = row[near - 1].cost;
            row.copy_within(near..WIDTH, near - 1);
            length -= 1;
            self.lengths[count] = length as u8;
            return self.insert(count, new);
        }
        row.copy_within(at..length, at + 1);
        row[at] = new;
        self.lengths[count] = length as u8 + 1;
    }

    /// The groups of `self` and of `other`, which are `apart` from each other, as one.
    fn joined(&self, other: &Front, apart: u32) -> Front {
        let mut joined = Front::empty();
        joined.nodes = self.nodes + other.nodes;
        for here in 0..=self.nodes {
            for there in 0..=other.nodes {
                let between = 2 * here as u64 * there as u64 * u64::from(apart);
                for a in self.of(here) {
                    for b in other.of(there) {
                        let entry = Entry {
                            cost: a.cost + b.cost + between,
                            pages: a.pages + b.pages,
                            nodes: a.nodes.union(b.nodes),
                        };
                        joined.insert(here + there, entry);
                    }
                }
            }
        }
        joined
    }
}

/// The front of nodes that are near each other; `None` if there are groups in groups more than
/// `levels` deep.
fn front(offer: &Offer, nodes: NodeSet, levels: usize) -> Option<Front> {
    let matrix = offer.topology.matrix();
    let first = nodes.lowest()?;
    let others = nodes.without(first).iter();
    let widest = others
        .map(|node| matrix.raw(first, node))
        .max()
        .unwrap_or(0);
    // A group without groups in it.
    let alike = |node: usize| {
        nodes
            .without(node)
            .iter()
            .all(|b| matrix.raw(node, b) == widest)
    };
    if nodes.iter().all(alike) {
        return Some(Front::of_equals(offer, nodes, widest));
    }
    let mut whole = Front::empty();
    let mut left = nodes;
    while let Some(node) = left.lowest() {
        let group: NodeSet = (left.iter())
            .filter(|other| *other == node || matrix.raw(node, *other) < widest)
            .collect();
        left = left.minus(group);
        let group = front(offer, group, levels.checked_sub(1)?)?;
        whole = match whole.nodes {
            0 => group,
            _ => whole.joined(&group, widest),
        };
    }
    Some(whole)
}

/// What the tree tells of the irreducible sets of `universe` within the distance that `near` stands
/// for.
pub(crate) struct Told {
    /// No such set is below this.
    pub lower: Distance,
    /// One of them, maybe, with that distance or one near it.
    pub nodes: Option<NodeSet>,
}

/// `None` if the distances are no tree, or one of too many levels, or nothing fits.
pub(crate) fn tell(
    offer: &Offer,
    universe: NodeSet,
    near: &[NodeSet; MAX_NODES],
    sizes: RangeInclusive<usize>,
) -> Option<Told> {
    if !offer.topology.matrix().is_tree() {
        return None;
    }
    let mut told: Option<Told> = None;
    let mut left = universe;
    while let Some(node) = left.lowest() {
        let component = near[node].with(node).intersection(left);
        left = left.minus(component);
        let front = front(offer, component, MAX_LEVELS)?;
        for count in sizes.clone().take_while(|count| *count <= front.nodes) {
            let holds = |entry: &&Entry| entry.pages >= offer.need.pages;
            let Some(entry) = front.of(count).iter().find(holds) else {
                continue;
            };
            let lower = Distance {
                maximum: 0,
                sum: entry.cost,
                pairs: (count * count) as u64,
            };
            let nearer =
                (told.as_ref()).is_none_or(|told| lower.compare_averages(&told.lower).is_lt());
            if nearer {
                told = Some(Told {
                    lower,
                    nodes: offer.irreducible(entry.nodes).then_some(entry.nodes),
                });
            }
        }
    }
    told
}
