//! From which nodes Xen takes a domain's pages: page by page in turn over the nodes of its
//! affinity, ascending; a full node drops out.

use crate::nodes::{NodeSet, MAX_NODES};

/// Takes `pages` from `headroom`, page by page in turn over `nodes`. What each node gave, and how
/// many pages could not be had. O(nodes²).
pub(crate) fn rotate(
    headroom: &[u64; MAX_NODES],
    nodes: NodeSet,
    pages: u64,
) -> ([u64; MAX_NODES], u64) {
    let mut given = [0; MAX_NODES];
    let mut left = pages;
    let mut open = nodes;
    loop {
        open = open.iter().filter(|n| given[*n] < headroom[*n]).collect();
        let count = open.len() as u64;
        // Whole turns that every open node can still take part in.
        let turns = open
            .iter()
            .map(|n| headroom[n] - given[n])
            .min()
            .unwrap_or(0);
        match left.checked_div(count) {
            None => return (given, left),
            Some(wanted) if wanted < turns => {
                let ends_early = (left % count) as usize;
                for (i, node) in open.iter().enumerate() {
                    given[node] += wanted + u64::from(i < ends_early);
                }
                return (given, 0);
            }
            Some(_) => {
                open.iter().for_each(|node| given[node] += turns);
                left -= turns * count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_hand(
        headroom: &[u64; MAX_NODES],
        nodes: NodeSet,
        mut left: u64,
    ) -> ([u64; MAX_NODES], u64) {
        let mut given = [0; MAX_NODES];
        while left > 0 && nodes.iter().any(|n| given[n] < headroom[n]) {
            for node in nodes.iter() {
                if left > 0 && given[node] < headroom[node] {
                    given[node] += 1;
                    left -= 1;
                }
            }
        }
        (given, left)
    }

    proptest! {
        #[test]
        fn equals_one_page_at_a_time(
            headrooms in proptest::collection::vec(0u64..12, 1..6),
            mask in 0u64..64,
            pages in 0u64..50,
        ) {
            let mut headroom = [0; MAX_NODES];
            headroom[..headrooms.len()].copy_from_slice(&headrooms);
            let nodes = NodeSet::from_bits(mask).intersection(NodeSet::first(headrooms.len()));
            prop_assert_eq!(rotate(&headroom, nodes, pages), by_hand(&headroom, nodes, pages));
        }
    }
}
