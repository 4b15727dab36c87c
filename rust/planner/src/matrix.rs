//! What follows from a host's distances alone, worked out once and kept with its topology.

use crate::nodes::NodeSet;
use crate::tightest::tightest;
use crate::topology::UNREACHABLE_DISTANCE;
use crate::tree::{self, Step};

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
    /// See [`Matrix::near`]; one row of `nodes` entries a class.
    near: Vec<NodeSet>,
    /// See [`Matrix::pairs`]; one row of `nodes` entries a node.
    pairs: Vec<u16>,
    /// See [`Matrix::near_sums`]; one row of `nodes` entries a count.
    near_sums: Vec<u32>,
    /// See [`Matrix::tightest`].
    tightest: Vec<u32>,
    /// See [`Matrix::twin`].
    twins: Vec<u8>,
    apart: bool,
    tree: Option<Vec<Step>>,
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
            near: Vec::new(),
            pairs: Vec::new(),
            near_sums: vec![u32::MAX; nodes * nodes],
            tightest: Vec::new(),
            twins: Vec::new(),
            apart: true,
            tree: None,
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
            for count in 0..=pairs.len() {
                matrix.near_sums[count * nodes + a] = sum;
                sum += pairs.get(count).copied().unwrap_or(0);
            }
        }
        matrix.classes.sort_unstable();
        matrix.classes.dedup();
        matrix.near = matrix.all_near();
        matrix.pairs = matrix.all_pairs();
        matrix.twins = (0..nodes)
            .map(|a| (0..a).find(|b| matrix.alike(a, *b)).unwrap_or(a) as u8)
            .collect();
        let online = (0..nodes)
            .filter(|node| !matrix.mutual[*node].is_empty())
            .collect();
        matrix.tree = tree::steps(&matrix, online);
        matrix.tightest = match &matrix.tree {
            Some(steps) => tree::tightest(&matrix, steps, online),
            None => tightest(&matrix, nodes),
        };
        matrix.tightest.resize(nodes + 1, u32::MAX);
        matrix
    }

    fn all_near(&self) -> Vec<NodeSet> {
        let of = |within: u32, a: usize| -> NodeSet {
            (self.mutual[a].without(a).iter())
                .filter(|b| self.both_ways(a, *b) <= within)
                .collect()
        };
        let nodes = 0..self.nodes;
        let row = |within: &u32| nodes.clone().map(|a| of(*within, a)).collect::<Vec<_>>();
        self.classes.iter().flat_map(row).collect()
    }

    fn all_pairs(&self) -> Vec<u16> {
        let mut pairs = vec![0; self.nodes * self.nodes];
        for a in 0..self.nodes {
            for b in self.mutual[a].iter() {
                pairs[a * self.nodes + b] = self.pair(a, b) as u16;
            }
        }
        pairs
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

    /// For each node the others that it reaches and that reach it within the distance
    /// `classes()[class]`.
    pub fn near(&self, class: usize) -> &[NodeSet] {
        &self.near[class * self.nodes..][..self.nodes]
    }

    /// What [`Matrix::pair`] is between `node` and each node, 0 where they do not reach each
    /// other.
    pub fn pairs(&self, node: usize) -> &[u16] {
        &self.pairs[node * self.nodes..][..self.nodes]
    }

    /// For each node the least that [`Matrix::pair`] of it and `count` others, which it reaches,
    /// can sum up to; `u32::MAX` if there are not that many.
    pub fn near_sums(&self, count: usize) -> &[u32] {
        &self.near_sums[count * self.nodes..][..self.nodes]
    }

    /// A sum of distances, over ordered pairs, that no set of `count` nodes that reach each other
    /// is below; mostly the least that there is.
    pub fn tightest(&self, count: usize) -> u32 {
        self.tightest[count]
    }

    /// The lowest node that could change places with this one without any distance being another.
    pub fn twin(&self, node: usize) -> usize {
        self.twins[node] as usize
    }

    /// How the nodes are put together, if the distances make a tree: groups of nodes, equally far
    /// from each other all over, in groups of groups.
    pub fn tree(&self) -> Option<&[Step]> {
        self.tree.as_deref()
    }

    /// Whether no two nodes are as near to each other as to themselves.
    pub fn is_apart(&self) -> bool {
        self.apart
    }
}
