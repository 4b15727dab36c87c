//! Choices between equally near sets of nodes that were tried.

pub mod ahead;
pub mod holes;
pub mod level;

use planner::NodeSet;

use crate::view::View;

/// Between which sets an idea chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sets {
    /// The planner's: the nearest of those that can spare no node.
    NoneToSpare,
    /// Worst fit's: the nearest of all that fit.
    AnyThatFit,
}

/// A choice between equally near sets: the least cost is taken, then the lowest numbers.
#[derive(Debug)]
pub struct Idea {
    /// A word or two.
    pub name: &'static str,
    /// What it does: for one node; for several.
    pub what: &'static str,
    /// Between which sets.
    pub sets: Sets,
    /// What taking a set costs.
    pub cost: fn(&View, NodeSet) -> Cost,
}

/// Compared from the left. One node comes before several.
pub type Cost = [i64; 3];

/// `one` for one node, else `several`.
fn or(set: NodeSet, one: [i64; 2], several: [i64; 2]) -> Cost {
    match set.len() {
        1 => [0, one[0], one[1]],
        _ => [1, several[0], several[1]],
    }
}

/// `one` for one node; for several the set with the emptiest node, then the fullest one.
fn lent(view: &View, set: NodeSet, one: [i64; 2]) -> Cost {
    let most = View::most(set, &view.free) as i64;
    or(set, one, [-most, view.fullness(set)])
}

macro_rules! idea {
    ($name:expr, $what:expr, $cost:expr) => {
        Idea {
            name: $name,
            what: $what,
            sets: crate::ideas::Sets::NoneToSpare,
            cost: $cost,
        }
    };
}
use idea;

/// What the planner does by `pack`, `spread` and `balance`, told again: the simulator's sets and
/// the planner's must agree.
pub const AGAIN: [Idea; 3] = [
    idea!("pack", "fullest", |v, s| [v.fullness(s), 0, 0]),
    idea!("spread", "as the planner", |v, s| [v.used_share(s), 0, 0]),
    idea!("balance", "as the planner", |v, s| {
        lent(v, s, [v.balance_holes(s), v.fullness(s)])
    }),
];

/// What was tried for `balance`, and not taken.
pub fn for_balance() -> impl Iterator<Item = &'static Idea> {
    holes::IDEAS.iter().chain(level::IDEAS).chain(ahead::IDEAS)
}
