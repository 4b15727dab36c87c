//! The least sum of distances that sets of each size can have, whatever their nodes offer.

use crate::matrix::Matrix;
use crate::nodes::{NodeSet, MAX_NODES};
use crate::search::EXACT_NODES;

/// Steps that may be taken for all sizes together; sizes that are left get a bound.
const STEPS: u32 = 20_000;

/// The same on hosts of more than 16 nodes, where they come to little.
const STEPS_OF_MANY: u32 = 1_000;

/// For each number of nodes a sum of distances, over ordered pairs, that no so large set of nodes
/// that reach each other is below; mostly the least that there is. Bounded by `STEPS` of O(nodes).
pub(crate) fn tightest(matrix: &Matrix, nodes: usize) -> Vec<u32> {
    let mut search = Search {
        matrix,
        nodes,
        apart: vec![0; nodes + 1],
        best: 0,
        steps_left: if nodes <= EXACT_NODES {
            STEPS
        } else {
            STEPS_OF_MANY
        },
    };
    for size in 2..=nodes {
        let bound = search.bound(size);
        search.best = search.greedy(size).max(bound);
        if search.steps_left > 0 {
            let all = NodeSet::first(nodes);
            search.extend(&[0; MAX_NODES], 0, all, size);
        }
        search.apart[size] = match search.steps_left {
            0 => bound,
            _ => search.best,
        };
    }
    let with_themselves = |(size, apart): (usize, &u32)| apart.saturating_add(10 * size as u32);
    search
        .apart
        .iter()
        .enumerate()
        .map(with_themselves)
        .collect()
}

struct Search<'a> {
    matrix: &'a Matrix,
    nodes: usize,
    /// The sums that were found, without the distances of nodes to themselves.
    apart: Vec<u32>,
    /// The least sum known of the size that is looked for.
    best: u32,
    steps_left: u32,
}

impl Search<'_> {
    /// What follows from one node less, as each pair is in all but two of the sets without one
    /// node; and from each node's nearest neighbours.
    fn bound(&self, size: usize) -> u32 {
        let by_one_less = match size {
            2 => 0,
            _ => (u64::from(self.apart[size - 1]) * size as u64).div_ceil(size as u64 - 2),
        };
        let mut near: Vec<u32> = self.matrix.near_sums(size - 1).to_vec();
        near.sort_unstable();
        let twice: u64 = near[..size].iter().map(|sum| u64::from(*sum)).sum();
        by_one_less.max(twice.div_ceil(2)).min(u32::MAX.into()) as u32
    }

    /// The least sum of what grows from each node by the nearest one.
    fn greedy(&self, size: usize) -> u32 {
        let grow = |seed: usize| {
            let mut cross = [0; MAX_NODES];
            let (mut node, mut sum) = (seed, 0);
            let mut candidates = self.matrix.mutual(seed);
            for _ in 1..size {
                candidates = candidates
                    .intersection(self.matrix.mutual(node))
                    .without(node);
                add(&mut cross, self.matrix.pairs(node));
                node = candidates.iter().min_by_key(|node| cross[*node])?;
                sum += u32::from(cross[node]);
            }
            Some(sum)
        };
        (0..self.nodes).filter_map(grow).min().unwrap_or(u32::MAX)
    }

    /// Looks for less than `best` in what has `sum` and gets `more` nodes of `candidates`, which
    /// are `cross` from what is there.
    fn extend(&mut self, cross: &[u16; MAX_NODES], sum: u32, candidates: NodeSet, more: usize) {
        let mut order = [(0u16, 0u8); MAX_NODES];
        let mut count = 0;
        for node in candidates.iter() {
            order[count] = (cross[node], node as u8);
            count += 1;
        }
        let order = &mut order[..count];
        order.sort_unstable();
        let mut left = candidates;
        for at in 0..count {
            let Some(nearest) = order.get(at..at + more) else {
                return;
            };
            let added: u32 = nearest.iter().map(|(cross, _)| u32::from(*cross)).sum();
            if sum.saturating_add(added).saturating_add(self.apart[more]) >= self.best {
                return;
            }
            self.steps_left = self.steps_left.saturating_sub(1);
            if self.steps_left == 0 {
                return;
            }
            let node = usize::from(order[at].1);
            left = left.without(node);
            // Of nodes that could change places the lowest come first.
            let twin = self.matrix.twin(node);
            let lower = left
                .iter()
                .any(|other| other < node && self.matrix.twin(other) == twin);
            if lower {
                continue;
            }
            let sum = sum + u32::from(order[at].0);
            if more == 1 {
                self.best = sum;
                return;
            }
            let mut grown = *cross;
            add(&mut grown, self.matrix.pairs(node));
            let candidates = left.intersection(self.matrix.mutual(node));
            self.extend(&grown, sum, candidates, more - 1);
        }
    }
}

fn add(sums: &mut [u16; MAX_NODES], row: &[u16]) {
    for (sum, added) in sums.iter_mut().zip(row) {
        *sum += added;
    }
}
