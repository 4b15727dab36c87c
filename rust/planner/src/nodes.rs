//! A set of NUMA nodes in one machine word, since Xen has at most 64 of them.

use std::fmt;

/// The most nodes that a host can have (Xen's `MAX_NUMNODES` on x86).
pub const MAX_NODES: usize = 64;

/// A set of nodes, numbered from 0 to 63.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct NodeSet(u64);

impl NodeSet {
    /// No node.
    pub const EMPTY: NodeSet = NodeSet(0);

    /// The nodes whose bits are set in `bits`.
    pub const fn from_bits(bits: u64) -> Self {
        NodeSet(bits)
    }

    /// One bit for each node of the set.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Nodes 0 to `count - 1`.
    pub const fn first(count: usize) -> Self {
        match count {
            0 => NodeSet(0),
            count => NodeSet(u64::MAX >> (MAX_NODES - count)),
        }
    }

    /// The set of `node` alone.
    pub const fn one(node: usize) -> Self {
        NodeSet(1 << node)
    }

    /// How many nodes are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether no node is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `node` is in the set.
    pub const fn contains(self, node: usize) -> bool {
        node < MAX_NODES && self.0 >> node & 1 == 1
    }

    /// Whether every node of the set is in `other`.
    pub const fn is_subset(self, other: NodeSet) -> bool {
        self.0 & !other.0 == 0
    }

    /// The nodes of either set.
    pub const fn union(self, other: NodeSet) -> Self {
        NodeSet(self.0 | other.0)
    }

    /// The nodes of both sets.
    pub const fn intersection(self, other: NodeSet) -> Self {
        NodeSet(self.0 & other.0)
    }

    /// The nodes of this set that are not in `other`.
    pub const fn minus(self, other: NodeSet) -> Self {
        NodeSet(self.0 & !other.0)
    }

    /// The set with `node`.
    pub const fn with(self, node: usize) -> Self {
        NodeSet(self.0 | 1 << node)
    }

    /// The set without `node`.
    pub const fn without(self, node: usize) -> Self {
        NodeSet(self.0 & !(1 << node))
    }

    /// The lowest node of the set.
    pub const fn lowest(self) -> Option<usize> {
        match self.0 {
            0 => None,
            bits => Some(bits.trailing_zeros() as usize),
        }
    }

    /// The highest node of the set.
    pub const fn highest(self) -> Option<usize> {
        match self.0 {
            0 => None,
            bits => Some(MAX_NODES - 1 - bits.leading_zeros() as usize),
        }
    }

    /// The nodes of the set, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> + Clone {
        let mut left = self;
        std::iter::from_fn(move || {
            let node = left.lowest()?;
            left = left.without(node);
            Some(node)
        })
    }
}

impl FromIterator<usize> for NodeSet {
    fn from_iter<I: IntoIterator<Item = usize>>(nodes: I) -> Self {
        nodes.into_iter().fold(NodeSet::EMPTY, NodeSet::with)
    }
}

impl fmt::Display for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, node) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{node}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
