//! What a node's memory went through before a domain lands on it, as data: so much of it that the
//! outcome is neither all nor nothing.

use fastrand::Rng;

/// Parts in which free memory is counted.
const PARTS: u64 = 16;

/// Who takes memory before the domain that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A domain that is destroyed before.
    Dies,
    /// A domain that lives on.
    Stays,
}

/// What is done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Takes up to so many extents, exactly from a node.
    Take {
        who: Who,
        node: usize,
        order: u32,
        extents: u64,
    },
    /// The domain that lives on frees all that it has, which is clean then.
    StaysFrees,
}

/// What of the node the domain had that is destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Had {
    /// So many parts of it, by extents of that order; all of it by those and smaller ones.
    Parts(u64, u32),
    /// Every second extent of 2 MiB in so many parts of it; another domain keeps those between.
    Alternate(u64),
    /// So many extents of 2 MiB out of each 1 GiB, of which the others are clean and free.
    OutOfEach(u64),
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    /// Whether CPUs are idle meanwhile.
    pub idle: bool,
    /// Whether it is among the few that every boot does.
    pub always: bool,
    had: Had,
    /// How many parts of as much as the node has are left on all others together, not counting
    /// memory under the DMA width; if not all.
    elsewhere: Option<u64>,
    /// How many parts of the node the domain gets that is measured.
    parts: u64,
}

/// Free memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    pub node: usize,
    /// Free pages of the node.
    pub free_pages: u64,
    /// The other nodes, with their free pages above the DMA width.
    pub others: Vec<(usize, u64)>,
}

impl Case {
    /// Pages of the domain that is measured.
    pub fn pages(&self, space: &Space) -> u64 {
        space.free_pages * self.parts / PARTS
    }

    /// What comes before it.
    pub fn steps(&self, space: &Space) -> Vec<Step> {
        let take = |who, order, extents| Step::Take {
            who,
            node: space.node,
            order,
            extents,
        };
        let part = |parts| space.free_pages * parts / PARTS;
        let mut steps = match self.had {
            Had::Parts(PARTS, most) => [18, 9]
                .into_iter()
                .filter(|order| *order <= most)
                .map(|order| take(Who::Dies, order, space.free_pages >> order))
                .collect(),
            Had::Parts(parts, order) => vec![take(Who::Dies, order, part(parts) >> order)],
            Had::Alternate(parts) => (0..part(parts) >> 10)
                .flat_map(|_| [take(Who::Dies, 9, 1), take(Who::Stays, 9, 1)])
                .collect(),
            Had::OutOfEach(extents) => (0..space.free_pages.div_ceil(1 << 18))
                .flat_map(|_| {
                    [
                        take(Who::Dies, 9, extents),
                        take(Who::Stays, 9, 512 - extents),
                    ]
                })
                .chain([Step::StaysFrees])
                .collect(),
        };
        if let Some(parts) = self.elsewhere {
            let left = part(parts) / space.others.len().max(1) as u64;
            steps.extend(space.others.iter().map(|(node, pages)| Step::Take {
                who: Who::Stays,
                node: *node,
                order: 9,
                extents: pages.saturating_sub(left) >> 9,
            }));
        }
        steps
    }
}

/// The cases, of which the seed draws the last but one.
pub fn cases(seed: u64) -> Vec<Case> {
    let case = |name: &str, had, elsewhere, parts| Case {
        name: name.to_string(),
        idle: false,
        always: false,
        had,
        elsewhere,
        parts,
    };
    let always = |case: Case| Case {
        always: true,
        ..case
    };
    let mut rng = Rng::with_seed(seed);
    let (orders, parts) = ([0, 9, 18], rng.u64(2..16));
    let drawn = case(
        "a part that was drawn",
        Had::Parts(parts, orders[rng.usize(0..3)]),
        [None, Some(rng.u64(1..5))][rng.usize(0..2)],
        rng.u64(3..13),
    );
    vec![
        case("all of the node", Had::Parts(PARTS, 18), None, 4),
        case("half of it by 2 MiB", Had::Parts(8, 9), None, 12),
        case("a quarter of it by 4 KiB", Had::Parts(4, 0), None, 13),
        always(case(
            "every second 2 MiB of half of it",
            Had::Alternate(8),
            None,
            10,
        )),
        always(case(
            "all of it, little elsewhere",
            Had::Parts(PARTS, 9),
            Some(2),
            9,
        )),
        case("some of each GiB", Had::OutOfEach(32), None, 10),
        case("most of each GiB", Had::OutOfEach(480), Some(3), 6),
        drawn,
        Case {
            idle: true,
            ..case(
                "all of the node, CPUs idle for 20 s",
                Had::Parts(PARTS, 18),
                None,
                4,
            )
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_leave_is_left() {
        let space = Space {
            node: 1,
            free_pages: 1 << 20,
            others: vec![(0, 1 << 19), (2, 1 << 9)],
        };
        for case in cases(1) {
            assert!(case.pages(&space) < 1 << 20, "{}", case.name);
            let steps = case.steps(&space);
            let elsewhere = steps.iter().any(|step| match step {
                Step::Take { node, .. } => *node != 1,
                Step::StaysFrees => false,
            });
            assert_eq!(elsewhere, case.elsewhere.is_some(), "{}", case.name);
        }
    }
}
