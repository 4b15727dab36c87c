//! All sets of nodes of a host, nearest first, for placers that walk over them one by one.

use planner::NodeSet;

use crate::hosts::Hardware;

/// A set of nodes and how far they are from each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// The nodes.
    pub nodes: NodeSet,
    /// The largest distance between two of them.
    pub maximum: u32,
    /// The average over all ordered pairs, a node with itself included.
    pub average: f64,
}

/// Every set of nodes of `host`, by largest and then by average distance.
pub fn all(host: &Hardware) -> Vec<Near> {
    let near = |bits| {
        let nodes = NodeSet::from_bits(bits);
        let (mut maximum, mut sum) = (0, 0);
        for a in nodes.iter() {
            for b in nodes.iter() {
                let between = host.topology.distance(a, b).unwrap_or(u32::MAX);
                maximum = maximum.max(between);
                sum += between;
            }
        }
        let average = f64::from(sum) / (nodes.len() * nodes.len()) as f64;
        Near {
            nodes,
            maximum,
            average,
        }
    };
    let mut sets: Vec<Near> = (1..1 << host.nodes).map(near).collect();
    sets.sort_by(|a, b| {
        let by_average = a.average.total_cmp(&b.average);
        a.maximum.cmp(&b.maximum).then(by_average)
    });
    sets
}

/// The first of `sets` that `fits`, and the ones after it that fit and are as near on average.
pub fn nearest(sets: &[Near], fits: impl Fn(NodeSet) -> bool) -> Vec<Near> {
    let mut fitting = sets.iter().filter(|set| fits(set.nodes));
    let Some(first) = fitting.next() else {
        return Vec::new();
    };
    let as_near = fitting.take_while(|set| (set.average - first.average).abs() < 1e-3);
    std::iter::once(first).chain(as_near).copied().collect()
}
