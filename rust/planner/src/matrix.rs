//! What follows from a host's distances alone, worked out once and kept with its topology.

use crate::nodes::NodeSet;
use crate::topology::UNREACHABLE_DISTANCE;

/// Distances, and what the search asks of them again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matrix {
    nodes: usize,
    /// Row by row; `u32::MAX` is unreachable.
    distances: Vec<u32>,
    /// The nodes that each node reaches and is reached from, itself included.
    mutual: Vec<NodeSet>,
    /// See [`Matrix::classes`].
    classes: Vec<u32>,
    /// See [`Matrix::near_sum`]; one row of `nodes` entries a node.
    near_sums: Vec<u32>,
    /// See [`Matrix::twin`].
    twins: Vec<u8>,
    apart: bool,
    tree: bool,
}

impl Matrix {
    /// Of `nodes` nodes with these distances, row by row, `u32::MAX` being unreachable.
    /// O(nodes³).
    pub fn new(nodes: usize, distances: Vec<u32>) -> Self {
        let mut matrix = Matrix {
            nodes,
            distances,
            mutual: Vec::new(),
            classes: Vec::new(),
            near_sums: Vec::with_capacity(nodes * nodes),
            twins: Vec::new(),
            apart: true,
            tree: false,
        };
        matrix.mutual = (0..nodes)
            .map(|a| {
                (0..nodes)
                    .filter(|b| matrix.both_ways(a, *b) < UNREACHABLE_DISTANCE)
                    .collect()
            })
            .collect();
        for a in 0..nodes {
            let others = matrix.mutual[a].without(a);
            let classes: Vec<u32> = (matrix.mutual[a].iter())
                .map(|b| matrix.both_ways(a, b))
                .collect();
            matrix.classes.extend(classes);
            let mut pairs: Vec<u32> = others.iter().map(|b| matrix.pair(a, b)).collect();
            pairs.sort_unstable();
            matrix.apart &= pairs.first().is_none_or(|pair| *pair > 20);
            let mut sum = 0;
            for count in 0..nodes {
                matrix
                    .near_sums
                    .push(if count <= pairs.len() { sum } else { u32::MAX });
                sum += pairs.get(count).copied().unwrap_or(0);
            }
        }
        matrix.classes.sort_unstable();
        matrix.classes.dedup();
        matrix.twins = (0..nodes)
            .map(|a| (0..a).find(|b| matrix.alike(a, *b)).unwrap_or(a) as u8)
            .collect();
        matrix.tree = matrix.makes_a_tree();
        matrix
    }

    /// Whether of any three nodes the two farther distances are equal, both ways.
    fn makes_a_tree(&self) -> bool {
        let all = 0..self.nodes;
        all.clone().all(|a| {
            all.clone().all(|b| {
                self.raw(a, b) == self.raw(b, a)
                    && all
                        .clone()
                        .all(|c| self.raw(a, c) <= self.raw(a, b).max(self.raw(b, c)))
            })
        })
    }

    /// Whether the two nodes could change places without any distance being another.
    fn alike(&self, a: usize, b: usize) -> bool {
        self.raw(a, b) == self.raw(b, a)
            && self.raw(a, a) == self.raw(b, b)
            && (0..self.nodes)
                .filter(|c| *c != a && *c != b)
                .all(|c| self.raw(a, c) == self.raw(b, c) && self.raw(c, a) == self.raw(c, b))
    }

    /// The distance from `a` to `b`; `u32::MAX` if it cannot be reached.
    pub fn raw(&self, a: usize, b: usize) -> u32 {
        self.distances[a * self.nodes + b]
    }

    /// The larger of the distances from `a` to `b` and back.
    pub fn both_ways(&self, a: usize, b: usize) -> u32 {
        self.raw(a, b).max(self.raw(b, a))
    }

    /// The sum of the distances from `a` to `b` and back, of nodes that reach each other.
    pub fn pair(&self, a: usize, b: usize) -> u32 {
        self.raw(a, b) + self.raw(b, a)
    }

    /// The nodes that `node` reaches and that reach it, itself included if it is online.
    pub fn mutual(&self, node: usize) -> NodeSet {
        self.mutual[node]
    }

    /// Whether all nodes of `set` reach each other.
    pub fn is_whole(&self, set: NodeSet) -> bool {
        set.iter().all(|node| set.is_subset(self.mutual[node]))
    }

    /// The distinct distances between nodes that reach each other (the larger of the two
    /// directions), ascending; 10, a node's to itself, is the first.
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// The least that [`Matrix::pair`] of `node` and `count` other nodes, which it reaches, can
    /// sum up to; more than any real sum if there are not that many.
    pub fn near_sum(&self, node: usize, count: usize) -> u32 {
        self.near_sums[node * self.nodes + count]
    }

    /// The lowest node that could change places with this one without any distance being another.
    pub fn twin(&self, node: usize) -> usize {
        self.twins[node] as usize
    }

    /// Whether the distances are those of a tree: groups of nodes, equally far from each other all
    /// over, in groups of groups.
    pub fn is_tree(&self) -> bool {
        self.tree
    }

    /// Whether no two nodes are as near to each other as to themselves.
    pub fn is_apart(&self) -> bool {
        self.apart
    }
}
