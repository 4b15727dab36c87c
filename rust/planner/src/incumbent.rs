//! Sets that fit, found without a search for the nearest: where the search starts from, and what
//! is left when its budget ends.

use std::cmp::Reverse;

use crate::board::{bits, Board};
use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::Distance;

/// A set that fits, made of `set`, which has `sum`, and nodes of `candidates`, which are all near
/// it, as `near` says; `None` if there is none, or `steps_left` ran out.
pub(crate) fn exists(
    offer: &Offer,
    near: &[NodeSet],
    (set, sum): (NodeSet, Amount),
    candidates: NodeSet,
    steps_left: &mut u64,
) -> Option<NodeSet> {
    if sum.covers(offer.need) {
        return Some(set);
    }
    *steps_left = steps_left.saturating_sub(1 + candidates.len() as u64);
    if *steps_left == 0 {
        return None;
    }
    let candidates = useful(offer, near, sum, candidates);
    let most = sum.plus(most(offer, near, candidates));
    if !most.covers(offer.need) {
        return None;
    }
    // The candidate that gives most; whatever works either has it or does without it.
    let node = (candidates.iter()).max_by_key(|node| (offer.nodes[*node].pages, Reverse(*node)))?;
    let with = (set.with(node), sum.plus(offer.nodes[node]));
    let candidates_with = candidates.intersection(near[node]);
    exists(offer, near, with, candidates_with, steps_left).or_else(|| {
        exists(
            offer,
            near,
            (set, sum),
            candidates.without(node),
            steps_left,
        )
    })
}

/// No less than what any nodes of `candidates` have that are all near each other: of nodes that are
/// all far from each other only one is among them. O(nodes²).
fn most(offer: &Offer, near: &[NodeSet], candidates: NodeSet) -> Amount {
    let mut most = Amount::default();
    let mut left = candidates;
    while !left.is_empty() {
        let mut one = Amount::default();
        let mut far = left;
        while let Some(node) = far.lowest() {
            let Amount { pages, cpus, cores } = offer.nodes[node];
            one = Amount {
                pages: one.pages.max(pages),
                cpus: one.cpus.max(cpus),
                cores: one.cores.max(cores),
            };
            left = left.without(node);
            far = far.without(node).minus(near[node]);
        }
        most = most.plus(one);
    }
    most
}

/// The candidates that, with what is near them, suffice; none if all do not.
fn useful(offer: &Offer, near: &[NodeSet], sum: Amount, mut candidates: NodeSet) -> NodeSet {
    loop {
        let all = sum.plus(offer.sum(candidates));
        if !all.covers(offer.need) {
            return NodeSet::EMPTY;
        }
        let suffices = |node: &usize| {
            let far = candidates.without(*node).minus(near[*node]);
            far.is_empty() || all.less(offer.sum(far)).covers(offer.need)
        };
        let kept: NodeSet = candidates.iter().filter(suffices).collect();
        if kept == candidates {
            return kept;
        }
        candidates = kept;
    }
}

/// The distance of a set of nodes that reach each other.
pub(crate) fn distance(offer: &Offer, set: NodeSet) -> Distance {
    let matrix = offer.topology.matrix();
    let mut distance = Distance {
        maximum: 0,
        sum: 0,
        pairs: (set.len() * set.len()) as u64,
    };
    for a in set.iter() {
        for b in set.iter() {
            let between = matrix.raw(a, b);
            distance.maximum = distance.maximum.max(between);
            distance.sum += u64::from(between);
        }
    }
    distance
}

/// The nodes with the most pages of a class, and of those nearest to what is there, until it fits.
/// O(nodes²).
pub(crate) fn grown<const N: usize>(board: &Board<N>, seed: usize) -> Option<NodeSet> {
    let mut taken = [0u8; N];
    let mut cross = [0u32; N];
    let mut set = NodeSet::EMPTY;
    let mut sum = Amount::default();
    let mut candidates = board.near[seed];
    let mut next = seed;
    loop {
        let node = board.emptiest(next, usize::from(taken[next]));
        set = set.with(node);
        sum = sum.plus(board.offer.nodes[node]);
        if sum.covers(board.offer.need) {
            return Some(set);
        }
        taken[next] += 1;
        candidates &= board.near[next];
        if taken[next] < board.most[next] {
            candidates |= 1 << next;
        }
        for class in bits(candidates) {
            cross[class] += match class == next {
                true => board.within(class),
                false => board.pairs(next)[class].into(),
            };
        }
        next = bits(candidates).min_by_key(|class| {
            let pages = board.most_pages(board.places(*class), 1);
            (cross[*class], Reverse(pages), *class)
        })?;
    }
}

/// An irreducible subset of a set that fits: of the nodes that can be spared the farthest go.
/// O(nodes²).
pub(crate) fn reduced(offer: &Offer, mut set: NodeSet) -> NodeSet {
    let matrix = offer.topology.matrix();
    let mut sum = offer.sum(set);
    let spared = |set: NodeSet, sum: Amount, from: NodeSet| -> NodeSet {
        let spared = |node: &usize| sum.less(offer.nodes[*node]).covers(offer.need);
        from.intersection(set).iter().filter(spared).collect()
    };
    let mut spare = spared(set, sum, set);
    if spare.is_empty() {
        return set;
    }
    let mut far = [0; MAX_NODES];
    for node in set.iter() {
        let pairs = matrix.pairs(node);
        far[node] = set.iter().map(|other| u32::from(pairs[other])).sum();
    }
    while let Some(node) = spare.iter().max_by_key(|node| far[*node]) {
        (set, sum) = (set.without(node), sum.less(offer.nodes[node]));
        for other in set.iter() {
            far[other] -= u32::from(matrix.pairs(node)[other]);
        }
        // What could not be spared before cannot be now.
        spare = spared(set, sum, spare);
    }
    set
}
