//! Ideas that look ahead: most take the last 32 sizes that arrived for those that arrive next.

use planner::NodeSet;

use super::{idea, lent, Idea};
use crate::cluster::PerNode;
use crate::view::View;

/// How many of the sizes seen no node could hold once the VM is on `set`.
fn homeless(view: &View, set: NodeSet) -> i64 {
    let most = View::most(view.nodes, &view.after(set));
    view.sizes().filter(|pages| *pages > most).count() as i64
}

/// How many of the sizes seen the node could no longer hold.
fn fewer(view: &View, set: NodeSet) -> i64 {
    view.loss(set, |free| {
        view.sizes().filter(|pages| free >= *pages).count() as i64
    })
}

/// How many VMs of each size seen, as many as the node holds, it could no longer hold.
fn slots(view: &View, set: NodeSet) -> i64 {
    view.loss(set, |free| {
        view.sizes().map(|pages| (free / pages) as i64).sum()
    })
}

/// How many of `sizes` find no node if best fit places them in this order.
fn unplaced(nodes: NodeSet, mut free: PerNode, sizes: impl Iterator<Item = u64>) -> i64 {
    let mut unplaced = 0;
    for pages in sizes {
        let suffices = |node: &usize| free[*node] >= pages;
        match nodes.iter().filter(suffices).min_by_key(|node| free[*node]) {
            Some(node) => free[node] -= pages,
            None => unplaced += 1,
        }
    }
    unplaced
}

/// The same, for the last `count` of those seen, once the VM is on `set`.
fn unplaced_of(view: &View, set: NodeSet, count: usize) -> i64 {
    unplaced(view.nodes, view.after(set), view.sizes().take(count))
}

/// The same, for each two in a row of those seen.
fn unplaced_pairs(view: &View, set: NodeSet) -> i64 {
    let after = view.after(set);
    let pairs = view.sizes().zip(view.sizes().skip(1));
    pairs
        .map(|(first, then)| unplaced(view.nodes, after, [first, then].into_iter()))
        .sum()
}

/// The same, for each two of whole, half … sixteenth of a node, which nothing seen is needed for.
fn unplaced_halvings(view: &View, set: NodeSet) -> i64 {
    let after = view.after(set);
    let whole = view.node_pages / 32 * 31;
    let sizes = (0..5).map(|halvings| whole >> halvings);
    let pairs = sizes
        .clone()
        .flat_map(|a| sizes.clone().map(move |b| [a, b]));
    pairs
        .map(|pair| unplaced(view.nodes, after, pair.into_iter()))
        .sum()
}

/// What was tried for `balance`.
pub const IDEAS: &[Idea] = &[
    idea!(
        "next, fullest",
        "fewest of the sizes seen that no node could hold, then fullest; lent",
        |v, s| lent(v, s, [homeless(v, s), v.fullness(s)])
    ),
    idea!(
        "next, least used",
        "the same, then least used share; lent",
        |v, s| lent(v, s, [homeless(v, s), v.used_share(s)])
    ),
    idea!(
        "next, holes",
        "the same, then balance's holes, then least used share; lent",
        |v, s| {
            let cost = homeless(v, s) * 100 + v.balance_holes(s);
            lent(v, s, [cost, v.used_share(s)])
        }
    ),
    idea!(
        "sizes a node held",
        "fewest of the sizes seen that the node could no longer hold, then fullest; lent",
        |v, s| lent(v, s, [fewer(v, s), v.fullness(s)])
    ),
    idea!(
        "slots seen",
        "fewest VMs of the sizes seen, as many as it holds, that it could no longer; lent",
        |v, s| lent(v, s, [slots(v, s), v.used_share(s)])
    ),
    idea!(
        "slots seen, level",
        "the same, each as much as 1/25 of a node more imbalance, then fullest; lent",
        |v, s| {
            let uneven = v.unevenness(&v.after(s)) * 1000 / v.node_pages;
            lent(v, s, [slots(v, s) * 40 + uneven as i64, v.fullness(s)])
        }
    ),
    idea!(
        "two ahead",
        "fewest unplaced by best fit of each two seen in a row, then least used share; lent",
        |v, s| lent(v, s, [unplaced_pairs(v, s), v.used_share(s)])
    ),
    idea!(
        "two halvings ahead",
        "the same of each two of whole to sixteenth node, less 1/32 each; lent",
        |v, s| lent(v, s, [unplaced_halvings(v, s), v.used_share(s)])
    ),
    idea!(
        "four ahead",
        "fewest unplaced by best fit of the last four seen, then fullest; lent",
        |v, s| lent(v, s, [unplaced_of(v, s, 4), v.fullness(s)])
    ),
    idea!(
        "eight ahead",
        "fewest unplaced by best fit of the last eight seen, then fullest; lent",
        |v, s| lent(v, s, [unplaced_of(v, s, 8), v.fullness(s)])
    ),
    idea!(
        "eight ahead, level",
        "the same, then least used share; lent",
        |v, s| lent(v, s, [unplaced_of(v, s, 8), v.used_share(s)])
    ),
];
