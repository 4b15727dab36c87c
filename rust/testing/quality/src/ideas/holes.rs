//! Ideas for `balance` that look at the free memory of the nodes.

use super::{idea, lent, or, Idea};
use crate::hosts::GIB_PAGES;
use crate::view::View;

fn hole(view: &View) -> usize {
    let nodes = view.nodes.iter();
    nodes.max_by_key(|node| view.free[*node]).unwrap_or(0)
}

/// What was tried first.
pub const IDEAS: &[Idea] = &[
    idea!(
        "hole",
        "emptiest that leaves the host's largest hole alone; the same",
        |v, s| { [i64::from(s.contains(hole(v))), v.emptiness(s), 0] }
    ),
    idea!("hole, sets packed", "the same; fullest", |v, s| {
        let one = [i64::from(s.contains(hole(v))), v.emptiness(s)];
        or(s, one, [v.fullness(s), 0])
    }),
    idea!(
        "big packed",
        "fullest for VMs of a quarter node or more, else emptiest; fullest",
        |v, s| {
            let big = v.vm.pages * 4 >= v.node_pages;
            let one = if big { v.fullness(s) } else { v.emptiness(s) };
            or(s, [one, 0], [v.fullness(s), 0])
        }
    ),
    idea!(
        "small packed",
        "fullest for VMs below a quarter node, else emptiest; fullest",
        |v, s| {
            let big = v.vm.pages * 4 >= v.node_pages;
            let one = if big { v.emptiness(s) } else { v.fullness(s) };
            or(s, [one, 0], [v.fullness(s), 0])
        }
    ),
    idea!(
        "level when uneven",
        "emptiest if fullest and emptiest node differ by half a node, else fullest; fullest",
        |v, s| {
            let uneven = v.unevenness(&v.free) * 2 >= v.node_pages;
            let one = if uneven {
                v.emptiness(s)
            } else {
                v.fullness(s)
            };
            or(s, [one, 0], [v.fullness(s), 0])
        }
    ),
    idea!(
        "another like it",
        "fewest VMs of this size that would no longer fit, then fullest; lent",
        |v, s| {
            let like_it = |free: u64| (free / v.vm.pages) as i64;
            lent(v, s, [v.loss(s, like_it), v.fullness(s)])
        }
    ),
    idea!(
        "larger than it",
        "fewest VMs of 1, 2, 4 … times this size that would no longer fit, then fullest; lent",
        |v, s| {
            let times =
                |free: u64| i64::from((free / v.vm.pages).checked_ilog2().map_or(0, |log| log + 1));
            lent(v, s, [v.loss(s, times), v.fullness(s)])
        }
    ),
    idea!(
        "power of two",
        "room rounded down to a power of two shrinks least, then emptiest; lent",
        |v, s| {
            let rounded = |free: u64| free.checked_ilog2().map_or(0, |log| 1 << log);
            lent(v, s, [v.loss(s, rounded), v.emptiness(s)])
        }
    ),
    idea!(
        "slots",
        "fewest whole, half and quarter nodes (several a node) end, then emptiest; fullest",
        |v, s| {
            let slots = |free: u64| (0..3).map(|i| (free / (v.node_pages >> i)) as i64).sum();
            or(s, [v.loss(s, slots), v.emptiness(s)], [v.fullness(s), 0])
        }
    ),
    idea!(
        "8 GiB up",
        "fewest of 8, 16, 32 … GiB end, then fullest; lent",
        |v, s| {
            let doublings = |free: u64| {
                i64::from(
                    (free / (8 * GIB_PAGES))
                        .checked_ilog2()
                        .map_or(0, |log| log + 1),
                )
            };
            lent(v, s, [v.loss(s, doublings), v.fullness(s)])
        }
    ),
    idea!(
        "halvings to a quarter",
        "fewest of whole, half, quarter end, then fullest; lent",
        |v, s| { lent(v, s, [v.holes(s, 0, &[1, 1, 1]), v.fullness(s)]) }
    ),
    idea!(
        "halvings, then emptiest",
        "fewest of whole to eighth end, then emptiest; fullest",
        |v, s| {
            or(
                s,
                [v.holes(s, 0, &[1, 1, 1, 1]), v.emptiness(s)],
                [v.fullness(s), 0],
            )
        }
    ),
    idea!(
        "weighted halvings",
        "the same, an end costs its size, then emptiest; fullest",
        |v, s| {
            or(
                s,
                [v.holes(s, 0, &[8, 4, 2, 1]), v.emptiness(s)],
                [v.fullness(s), 0],
            )
        }
    ),
    idea!(
        "balance, whole once",
        "as balance, a whole node counts once; lent",
        |v, s| { lent(v, s, [v.holes(s, 2, &[1, 1, 1, 1]), v.fullness(s)]) }
    ),
    idea!(
        "balance, exact",
        "as balance, without the 1/32; lent",
        |v, s| { lent(v, s, [v.holes(s, 0, &[2, 1, 1, 1]), v.fullness(s)]) }
    ),
    idea!(
        "balance, 1/8",
        "as balance, with 1/8 instead of 1/32; lent",
        |v, s| { lent(v, s, [v.holes(s, 8, &[2, 1, 1, 1]), v.fullness(s)]) }
    ),
    idea!("balance, sets packed", "as balance; fullest", |v, s| {
        or(
            s,
            [v.holes(s, 2, &[2, 1, 1, 1]), v.fullness(s)],
            [v.fullness(s), 0],
        )
    }),
    idea!("balance, sets level", "as balance; emptiest", |v, s| {
        or(
            s,
            [v.holes(s, 2, &[2, 1, 1, 1]), v.fullness(s)],
            [v.emptiness(s), 0],
        )
    }),
];
