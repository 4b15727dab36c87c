//! Which of two equally near sets of nodes is taken.

use std::cmp::Ordering;

use crate::nodes::NodeSet;
use crate::offer::Offer;
use crate::request::Strategy;

/// Whether `a` is to be taken rather than `b`, an equally near set.
pub(crate) fn prefers(offer: &Offer, strategy: Strategy, a: NodeSet, b: NodeSet) -> bool {
    let room = |set: NodeSet| offer.sum(set).pages;
    let order = match strategy {
        Strategy::Pack => room(a).cmp(&room(b)),
        Strategy::Spread => room(b).cmp(&room(a)),
        Strategy::Balance => {
            let hole = largest_hole(offer);
            let fills = |set: NodeSet| hole.is_some_and(|hole| set.contains(hole));
            fills(a).cmp(&fills(b)).then_with(|| room(b).cmp(&room(a)))
        }
    };
    order.then_with(|| compare_numbers(a, b)) == Ordering::Less
}

/// The node with the most room, the last of several.
fn largest_hole(offer: &Offer) -> Option<usize> {
    offer
        .usable
        .iter()
        .max_by_key(|node| offer.nodes[*node].pages)
}

/// The order of the sets as ascending lists of numbers.
fn compare_numbers(a: NodeSet, b: NodeSet) -> Ordering {
    a.iter().cmp(b.iter())
}
