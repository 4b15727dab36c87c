//! Ideas that look at how level the host would be, at its vCPUs, and at what several nodes give.

use planner::NodeSet;

use super::{idea, lent, or, Idea, Sets};
use crate::cluster::PerNode;
use crate::view::View;

/// Free pages of the emptiest node less those of the fullest, in thousandths of a node.
fn milli_uneven(view: &View, set: NodeSet) -> i64 {
    (view.unevenness(&view.after(set)) * 1000 / view.node_pages) as i64
}

/// vCPUs of the node of `set` that has most.
fn milli_vcpus(view: &View, set: NodeSet) -> i64 {
    View::most(set, &view.milli_vcpus) as i64
}

/// How many nodes of `set` give memory: a full one only lends its CPUs.
fn giving(view: &View, set: NodeSet) -> i64 {
    let after = view.after(set);
    let gives = |node: &usize| after[*node] < view.free[*node];
    set.iter().filter(gives).count() as i64
}

fn needs_cores(view: &View) -> bool {
    view.vm.vcpus > view.node_cores
}

/// What was tried for `balance`.
pub const IDEAS: &[Idea] = &[
    idea!(
        "balance, capped",
        "least imbalance where it would be above 3/4 of a node, else as balance; lent",
        |v, s| {
            let uneven = milli_uneven(v, s);
            let above = if uneven > 750 { uneven } else { 0 };
            lent(v, s, [above, (v.balance_holes(s) << 32) + v.fullness(s)])
        }
    ),
    idea!(
        "holes and level",
        "an end costs as much as 3/10 of a node more imbalance, then fullest; lent",
        |v, s| {
            let cost = v.balance_holes(s) * 300 + milli_uneven(v, s);
            lent(v, s, [cost, v.fullness(s)])
        }
    ),
    idea!(
        "holes, then vCPUs",
        "as balance, then fewest vCPUs; lent",
        |v, s| { lent(v, s, [v.balance_holes(s), milli_vcpus(v, s)]) }
    ),
    idea!(
        "holes and vCPUs",
        "an end costs as much as 16 vCPUs there, then fullest; lent",
        |v, s| {
            let cost = v.balance_holes(s) * 16_000 + milli_vcpus(v, s);
            lent(v, s, [cost, v.fullness(s)])
        }
    ),
    idea!(
        "balance, sets by need",
        "as balance; lent if one node has too few cores, else emptiest",
        |v, s| {
            let one = [v.balance_holes(s), v.fullness(s)];
            match needs_cores(v) {
                true => lent(v, s, one),
                false => or(s, one, [v.emptiness(s), 0]),
            }
        }
    ),
    idea!(
        "balance, sets of few",
        "as balance; fewest nodes that give memory, then least imbalance",
        |v, s| {
            let one = [v.balance_holes(s), v.fullness(s)];
            or(s, one, [giving(v, s), milli_uneven(v, s)])
        }
    ),
];

/// The used share of a node with `free` free pages, in units of 2^-20.
fn share(view: &View, free: &PerNode, node: usize) -> i64 {
    let size = view.span_pages[node];
    (((size - free[node]) << 20) / size) as i64
}

/// The used shares of the fullest and the emptiest of `nodes` once the VM is on `set`.
fn shares(view: &View, set: NodeSet, nodes: NodeSet) -> (i64, i64) {
    let after = view.after(set);
    let shares = nodes.iter().map(|node| share(view, &after, node));
    let fullest = shares.clone().max().unwrap_or(0);
    (fullest, shares.min().unwrap_or(0))
}

/// What was tried for `spread`.
pub const FOR_SPREAD: &[Idea] = &[
    idea!("emptiest", "most room", |v, s| [v.emptiness(s), 0, 0]),
    idea!(
        "share before",
        "least used share before the VM is there",
        |v, s| {
            let size: u64 = s.iter().map(|node| v.span_pages[node]).sum();
            let share = ((u128::from(size - v.room(s)) << 40) / u128::from(size)) as i64;
            [share, v.emptiness(s), 0]
        }
    ),
    idea!(
        "fullest node",
        "least used share of the set's fullest node once the VM is there, then most room",
        |v, s| [shares(v, s, s).0, v.emptiness(s), 0]
    ),
    idea!(
        "imbalance",
        "least imbalance of the host once the VM is there, then most room",
        |v, s| {
            let (fullest, emptiest) = shares(v, s, v.nodes);
            [fullest - emptiest, v.emptiness(s), 0]
        }
    ),
    idea!(
        "fullest, emptiest",
        "the host's fullest node least used, then its emptiest most used, then most room",
        |v, s| {
            let (fullest, emptiest) = shares(v, s, v.nodes);
            [fullest, -emptiest, v.emptiness(s)]
        }
    ),
    idea!(
        "emptiest, fullest",
        "the host's emptiest node most used, then its fullest least used, then most room",
        |v, s| {
            let (fullest, emptiest) = shares(v, s, v.nodes);
            [-emptiest, fullest, v.emptiness(s)]
        }
    ),
    idea!(
        "squares",
        "least sum of the squares of the nodes' used shares",
        |v, s| {
            let after = v.after(s);
            let square = |node| share(v, &after, node).pow(2);
            [v.nodes.iter().map(square).sum(), 0, 0]
        }
    ),
    Idea {
        name: "spread, nodes to spare",
        what: "as spread, among worst fit's sets, which may have nodes to spare",
        sets: Sets::AnyThatFit,
        cost: |v, s| [v.used_share(s), 0, 0],
    },
];
