//! Which of two equally near sets of nodes is taken.

use std::cmp::{Ordering, Reverse};

use crate::nodes::NodeSet;
use crate::offer::Offer;
use crate::request::Strategy;

/// Whether `a` is to be taken rather than `b`, an equally near set. O(nodes).
pub(crate) fn prefers(offer: &Offer, strategy: Strategy, a: NodeSet, b: NodeSet) -> bool {
    let room = |set: NodeSet| offer.sum(set).pages;
    let order = match strategy {
        Strategy::Pack => room(a).cmp(&room(b)),
        Strategy::Spread => room(b).cmp(&room(a)),
        Strategy::Balance => {
            let harm = |set: NodeSet| (harm(offer, set), room(set));
            harm(a).cmp(&harm(b))
        }
    };
    order.then_with(|| compare_numbers(a, b)) == Ordering::Less
}

/// What `Balance` keeps small. One node comes before several.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    /// The holes that end on the only node.
    Holes(u32),
    /// The room of the emptiest of several nodes: where that is large, most of the VM fits there,
    /// and the others may be full ones that only lend their CPUs.
    Emptiest(Reverse<u64>),
}

fn harm(offer: &Offer, set: NodeSet) -> Harm {
    let pages = |node: usize| offer.nodes[node].pages;
    match set.lowest() {
        Some(node) if set.len() == 1 => {
            let holes = |pages| holes(offer.size_pages[node], pages);
            let left = pages(node).saturating_sub(offer.need.pages);
            Harm::Holes(holes(pages(node)) - holes(left))
        }
        Some(_) | None => Harm::Emptiest(Reverse(set.iter().map(pages).max().unwrap_or(0))),
    }
}

/// How many of these holes `pages` free pages of a node of `size_pages` are: the whole node, which
/// counts twice, half, a quarter and an eighth of it.
fn holes(size_pages: u64, pages: u64) -> u32 {
    // What Xen keeps for itself, and what its span has no memory for, must not make an empty node
    // look like a used one.
    let whole = size_pages - size_pages / 32;
    let holes = (0..4).filter(|halvings| pages >= whole >> halvings).count() as u32;
    holes + u32::from(pages >= whole)
}

/// The order of the sets as ascending lists of numbers.
fn compare_numbers(a: NodeSet, b: NodeSet) -> Ordering {
    a.iter().cmp(b.iter())
}
