//! Hosts whose distances make a tree (nodes in sockets in boxes): how near sets of each size with
//! so many pages can be, and such sets.
//!
//! In such a host two groups of nodes are equally far from each other all over, so what a set costs
//! depends only on how many nodes it takes of each group, and of a group it takes the nodes with
//! the most pages. From the leaves up, for each number of nodes, what is kept is which cost buys
//! how many pages. CPUs and cores are not looked at, nor whether a node could be spared: the
//! result bounds the search, and ends it if the set turns out to be one of those sought.

use crate::board::Board;
use crate::matrix::Matrix;
use crate::nodes::{NodeSet, MAX_NODES};

/// Entries kept for each number of nodes; neighbours share one when there are more.
const WIDTH: usize = 32;

/// Entries of all groups that are being joined; trees that need more are left to the search.
const ENTRIES: usize = 6144;

/// Groups that wait for others to be joined with: as each is at least as large as all that come
/// after it, 64 nodes make no more than 7.
const WAITING: usize = 8;

/// How a tree is put together: each step takes what the ones before it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The nodes that could change places with this one.
    Leaf(usize),
    /// The last two groups become one; nodes of the two are so far apart.
    Join(u32),
}

/// The steps that put the whole tree together, if the distances make one.
pub(crate) fn steps(matrix: &Matrix, nodes: NodeSet) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    if !makes_a_tree(matrix, nodes) {
        return None;
    }
    put_together(matrix, nodes, &mut steps);
    Some(steps)
}

/// Whether of any three nodes the two farther distances are equal, both ways.
fn makes_a_tree(matrix: &Matrix, nodes: NodeSet) -> bool {
    nodes.iter().all(|a| {
        nodes.iter().all(|b| {
            matrix.raw(a, b) == matrix.raw(b, a)
                && nodes
                    .iter()
                    .all(|c| matrix.raw(a, c) <= matrix.raw(a, b).max(matrix.raw(b, c)))
        })
    })
}

fn put_together(matrix: &Matrix, nodes: NodeSet, steps: &mut Vec<Step>) {
    let Some(first) = nodes.lowest() else {
        return;
    };
    let others = nodes.without(first).iter();
    let widest = others.map(|node| matrix.raw(first, node)).max();
    let widest = widest.unwrap_or(0);
    let mut groups = Vec::new();
    let mut left = nodes;
    while let Some(node) = left.lowest() {
        let near = |other: &usize| {
            *other == node
                || matrix.raw(node, *other) < widest
                || matrix.twin(node) == matrix.twin(*other)
        };
        let group: NodeSet = left.iter().filter(near).collect();
        left = left.minus(group);
        groups.push(group);
    }
    join_all(matrix, &groups, widest, steps);
}

/// By halves, so that few of the groups that are joined are large.
fn join_all(matrix: &Matrix, groups: &[NodeSet], apart: u32, steps: &mut Vec<Step>) {
    match groups {
        [] => (),
        [group] => {
            let alike = |node: usize| {
                group.lowest().map(|first| matrix.twin(first)) == Some(matrix.twin(node))
            };
            match group.lowest() {
                Some(first) if group.iter().all(alike) => {
                    steps.push(Step::Leaf(matrix.twin(first)))
                }
                Some(_) | None => put_together(matrix, *group, steps),
            }
        }
        _ => {
            let (here, there) = groups.split_at(groups.len() / 2);
            let nodes = |groups: &[NodeSet]| groups.iter().map(|group| group.len()).sum::<usize>();
            // The larger first, so that few groups wait while it is put together.
            let (here, there) = match nodes(here) < nodes(there) {
                true => (there, here),
                false => (here, there),
            };
            join_all(matrix, here, apart, steps);
            join_all(matrix, there, apart, steps);
            steps.push(Step::Join(apart));
        }
    }
}

/// The least sum of distances that sets of each size of the whole tree have; `u32::MAX` where nodes
/// do not reach each other.
pub(crate) fn tightest(matrix: &Matrix, steps: &[Step], nodes: NodeSet) -> Vec<u32> {
    let mut stack: Vec<Vec<u32>> = Vec::new();
    for step in steps {
        let sums = match step {
            Step::Leaf(twin) => {
                let alike: NodeSet = nodes
                    .iter()
                    .filter(|node| matrix.twin(*node) == *twin)
                    .collect();
                (0..=alike.len() as u32)
                    .map(|count| cost_alike(matrix, alike, count))
                    .collect()
            }
            Step::Join(apart) => match (stack.pop(), stack.pop()) {
                (Some(there), Some(here)) => least_sums(&here, &there, *apart),
                (_, _) => break,
            },
        };
        stack.push(sums);
    }
    stack.pop().unwrap_or_default()
}

fn least_sums(here: &[u32], there: &[u32], apart: u32) -> Vec<u32> {
    let mut sums = vec![u32::MAX; here.len() + there.len() - 1];
    for (a, cost_a) in here.iter().enumerate() {
        for (b, cost_b) in there.iter().enumerate() {
            let between = (2 * a as u32 * b as u32).saturating_mul(apart);
            let sum = between.saturating_add(*cost_a).saturating_add(*cost_b);
            sums[a + b] = sums[a + b].min(sum);
        }
    }
    sums
}

/// What `count` of nodes that could change places cost.
fn cost_alike(matrix: &Matrix, alike: NodeSet, count: u32) -> u32 {
    let first = alike.lowest().unwrap_or(0);
    let second = alike.without(first).lowest().unwrap_or(first);
    let pairs = count * count.saturating_sub(1);
    (pairs.saturating_mul(matrix.raw(first, second))).saturating_add(10 * count)
}

/// Some nodes of a group.
#[derive(Clone, Copy)]
struct Entry {
    /// No more than the sum of distances over their ordered pairs.
    cost: u32,
    /// No less than their pages.
    pages: u64,
    nodes: NodeSet,
}

const NONE: Entry = Entry {
    cost: 0,
    pages: 0,
    nodes: NodeSet::EMPTY,
};

/// Where the entries of a group are: by number of nodes, then by cost, and more pages for more
/// cost.
#[derive(Clone, Copy)]
struct Front {
    /// The most nodes.
    nodes: usize,
    /// The first entry of each number of nodes, and one after the last.
    start: [u16; MAX_NODES + 2],
}

impl Front {
    const NOTHING: Front = Front {
        nodes: 0,
        start: [0; MAX_NODES + 2],
    };

    fn of<'e>(&self, entries: &'e [Entry], count: usize) -> &'e [Entry] {
        &entries[self.start[count].into()..self.start[count + 1].into()]
    }

    fn end(&self) -> usize {
        self.start[self.nodes + 1].into()
    }
}

/// For each size what no set that has the pages can be below, and a set that may be as near.
pub(crate) struct SizeBounds {
    pub lower: [u32; MAX_NODES + 1],
    pub nodes: [NodeSet; MAX_NODES + 1],
}

/// What the tree says of sets of the board's nodes within the distance `within` of each other,
/// for sizes up to `largest`; `None` if there is no tree, or one that takes too much memory. A size
/// with the lower bound `u32::MAX` has no such set.
pub(crate) fn bound_sizes<const N: usize>(
    board: &Board<N>,
    within: u32,
    largest: usize,
) -> Option<SizeBounds> {
    let steps = board.matrix().tree()?;
    let mut entries = [NONE; ENTRIES];
    let mut waiting = [Front::NOTHING; WAITING];
    let mut count = 0;
    let last = steps.len().checked_sub(1)?;
    for (at, step) in steps.iter().enumerate() {
        let base = match count {
            0 => 0,
            waiting_count => waiting[waiting_count - 1].end(),
        };
        match step {
            Step::Leaf(twin) => {
                *waiting.get_mut(count)? = leaf(board, *twin, within, largest, base, &mut entries)?;
                count += 1;
            }
            Step::Join(apart) => {
                let (here, there) = (&waiting[count - 2], &waiting[count - 1]);
                let apart = (*apart <= within).then_some(*apart);
                if at == last {
                    return Some(bound_joined(board, here, there, apart, largest, &entries));
                }
                waiting[count - 2] = join(here, there, apart, largest, &mut entries)?;
                count -= 1;
            }
        }
    }
    // A single leaf: the other group has no node, which is what the first entry says.
    let mut nothing = Front::NOTHING;
    nothing.start[1] = 1;
    Some(bound_joined(
        board,
        &waiting[0],
        &nothing,
        None,
        largest,
        &entries,
    ))
}

fn leaf<const N: usize>(
    board: &Board<N>,
    twin: usize,
    within: u32,
    largest: usize,
    base: usize,
    entries: &mut [Entry; ENTRIES],
) -> Option<Front> {
    let mut front = Front::NOTHING;
    let class = (0..board.classes).find(|class| board.matrix().twin(board.one_of(*class)) == twin);
    let most = class.map_or(0, |class| usize::from(board.most[class]).min(largest));
    let apart = class.map_or(0, |class| board.within(class) / 2);
    debug_assert!(most < 2 || apart <= within);
    let mut taken = NONE;
    for count in 0..=most {
        front.start[count] = (base + count) as u16;
        if let (Some(class), 1..) = (class, count) {
            let node = board.emptiest(class, count - 1);
            taken = Entry {
                cost: taken.cost + 10 + 2 * (count as u32 - 1) * apart,
                pages: taken.pages + board.offer.nodes[node].pages,
                nodes: taken.nodes.with(node),
            };
        }
        *entries.get_mut(base + count)? = taken;
    }
    front.start[most + 1] = (base + most + 1) as u16;
    front.nodes = most;
    Some(front)
}

/// What two groups cost together besides each by itself; `None` if they cannot be together.
fn between(here: usize, there: usize, apart: Option<u32>) -> Option<u32> {
    match (here * there, apart) {
        (0, _) => Some(0),
        (pairs, Some(apart)) => Some(2 * pairs as u32 * apart),
        (_, None) => None,
    }
}

/// The ways to have `count` nodes of two groups.
fn ways(here: &Front, there: &Front, count: usize) -> impl Iterator<Item = (usize, usize)> {
    let from = count.saturating_sub(there.nodes);
    (from..=here.nodes.min(count)).map(move |here| (here, count - here))
}

/// Two groups as one, in the place of the first; the second comes right after it.
fn join(
    here: &Front,
    there: &Front,
    apart: Option<u32>,
    largest: usize,
    entries: &mut [Entry; ENTRIES],
) -> Option<Front> {
    let (from, base) = (there.end(), usize::from(here.start[0]));
    let (known, new) = entries.split_at_mut(from);
    let mut joined = Front::NOTHING;
    joined.nodes = (here.nodes + there.nodes).min(largest);
    let mut end = 0;
    for count in 0..=joined.nodes {
        joined.start[count] = (base + end) as u16;
        let row = new.get_mut(end..end + WIDTH + 1)?;
        let mut length = 0;
        for (a, b) in ways(here, there, count) {
            let Some(between) = between(a, b, apart) else {
                continue;
            };
            for a in here.of(known, a) {
                for b in there.of(known, b) {
                    let entry = Entry {
                        cost: a.cost + b.cost + between,
                        pages: a.pages + b.pages,
                        nodes: a.nodes.union(b.nodes),
                    };
                    insert(row, &mut length, entry);
                }
            }
        }
        end += length;
    }
    joined.start[joined.nodes + 1] = (base + end) as u16;
    entries.copy_within(from..from + end, base);
    Some(joined)
}

/// Puts an entry among the first `length`, unless one of them is as good; what it makes needless
/// goes.
fn insert(row: &mut [Entry], length: &mut usize, new: Entry) {
    let at = row[..*length].partition_point(|entry| entry.cost <= new.cost);
    if at > 0 && row[at - 1].pages >= new.pages {
        return;
    }
    // What costs as much or more and holds no more.
    let same = usize::from(at > 0 && row[at - 1].cost == new.cost);
    let at = at - same;
    let kept = at + row[at..*length].partition_point(|entry| entry.pages <= new.pages);
    row.copy_within(kept..*length, at + 1);
    row[at] = new;
    *length = *length - (kept - at) + 1;
    if *length > WIDTH {
        // The two that differ least in pages become one that is as good as both.
        let near = (1..*length).min_by_key(|i| row[*i].pages - row[*i - 1].pages);
        let near = near.unwrap_or(1);
        row[near].cost = row[near - 1].cost;
        row.copy_within(near..*length, near - 1);
        *length -= 1;
    }
}

/// The least cost of each number of nodes of two groups that have the pages together.
fn bound_joined<const N: usize>(
    board: &Board<N>,
    here: &Front,
    there: &Front,
    apart: Option<u32>,
    largest: usize,
    entries: &[Entry],
) -> SizeBounds {
    let need = board.need.pages;
    let mut bounds = SizeBounds {
        lower: [u32::MAX; MAX_NODES + 1],
        nodes: [NodeSet::EMPTY; MAX_NODES + 1],
    };
    for count in 1..=(here.nodes + there.nodes).min(largest) {
        for (a, b) in ways(here, there, count) {
            let Some(between) = between(a, b, apart) else {
                continue;
            };
            let (a, b) = (here.of(entries, a), there.of(entries, b));
            // The more one group has, the less the other needs.
            let mut last = b.len();
            for a in a {
                while last > 0 && a.pages + b[last - 1].pages >= need {
                    last -= 1;
                }
                let Some(b) = b.get(last) else {
                    continue;
                };
                let cost = a.cost + b.cost + between;
                if cost < bounds.lower[count] {
                    bounds.lower[count] = cost;
                    bounds.nodes[count] = a.nodes.union(b.nodes);
                }
            }
        }
    }
    bounds
}
