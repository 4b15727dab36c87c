//! What an operation moved, by what the counters of the nodes say before and after it.

use crate::operations::Counters;
use crate::report::Failure;

/// What left each node; negative where it came back.
pub fn left(before: &Counters, after: &Counters) -> Vec<i64> {
    let nodes = before.free_by_node.iter().zip(&after.free_by_node);
    nodes.map(|(a, b)| *a as i64 - *b as i64).collect()
}

/// Of what left the nodes, what an operation moved, by extents of an order, `total` pages in all:
/// the rest are pages of Xen's own.
pub fn moved(left: &[i64], order: u32, total: i64, exactly: Option<usize>) -> Vec<i64> {
    let mut moved = vec![0; left.len()];
    let largest = (0..left.len()).max_by_key(|node| left[*node] * total.signum());
    if let (true, None) = (total != 0, exactly) {
        let half = 1 << order >> 1;
        for (moved, left) in moved.iter_mut().zip(left) {
            let extents = (left * total.signum() + half) >> order;
            *moved = (extents.max(0) << order) * total.signum();
        }
    }
    let rest = total - moved.iter().sum::<i64>();
    if let Some(moved) = exactly.or(largest).and_then(|node| moved.get_mut(node)) {
        *moved += rest;
    }
    moved
}

/// Pages of one sign, none of which may be of the other.
pub fn pages(of: &[i64], sign: i64) -> Result<Vec<u64>, Failure> {
    (of.iter())
        .map(|pages| u64::try_from(pages * sign))
        .collect::<Result<_, _>>()
        .map_err(|_| Failure(format!("{of:?} pages left the nodes")))
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn pages_of_xens_own_are_no_pages_that_were_moved() {
        assert_eq!(moved(&[1024, 512], 9, 1536, None), [1024, 512]);
        assert_eq!(moved(&[1023, 512], 9, 1536, None), [1024, 512]);
        assert_eq!(moved(&[-1, 512], 9, 512, Some(1)), [0, 512]);
        assert_eq!(moved(&[-49, 512], 9, 512, None), [0, 512]);
        assert_eq!(moved(&[1, -1], 9, 0, None), [0, 0]);
        assert_eq!(moved(&[-3, -600], 0, -600, None), [-3, -597]);
        assert_eq!(moved(&[-1, 7], 0, 7, None), [0, 7]);
        assert_eq!(moved(&[5, 0], 0, 4, Some(0)), [4, 0]);
    }
}
