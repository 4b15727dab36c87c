//! The same answers as [`crate::exact`], without an allocation, for hosts of at most four nodes:
//! what follows from the distances is found once a matrix, sums once a host, and a request is a
//! look at each of the 15 sets.
//!
//! A set of nodes is the number whose bits are its nodes, and a set of such sets has a bit for
//! each number.

use xenopsd_numa_planner::*;

use crate::check::Kind;
use crate::exact::{bits, Answer, Far, Short};
use crate::strategies::Nodes;

pub const MOST: usize = 4;
const SETS: usize = 1 << MOST;

fn members(sets: u16) -> impl Iterator<Item = usize> {
    let mut left = sets;
    std::iter::from_fn(move || {
        let set = left.trailing_zeros() as usize;
        left &= left.wrapping_sub(1);
        (set < SETS).then_some(set)
    })
}

/// Those of `sets` that hold.
fn those(sets: u16, holds: impl Fn(usize) -> bool) -> u16 {
    let mut found = 0;
    for set in members(sets) {
        found |= u16::from(holds(set)) << set;
    }
    found
}

/// What follows from the distances, for each set of nodes. All nodes are online.
pub struct Shape {
    nodes: usize,
    /// The sets whose nodes reach each other.
    together: u16,
    far: [Far; SETS],
    /// The proper subsets that are not empty.
    within: [u16; SETS],
    /// The sets of those together that are closer.
    closer: [u16; SETS],
}

impl Shape {
    pub fn new(distances: &[Vec<Option<u32>>]) -> Self {
        let nodes = distances.len();
        let pairs = |set: usize| {
            let of = move || (0..nodes).filter(move |node| set >> node & 1 == 1);
            of().flat_map(move |a| of().map(move |b| distances[a][b].filter(|far| *far < 255)))
        };
        let all = (2u32.pow(1 << nodes) - 2) as u16;
        let together = those(all, |set| pairs(set).all(|distance| distance.is_some()));
        let mut shape = Shape {
            nodes,
            together,
            far: [Far::default(); SETS],
            within: [0; SETS],
            closer: [0; SETS],
        };
        for set in members(all) {
            shape.within[set] = those(all, |other| other != set && other & !set == 0);
        }
        for set in members(together) {
            for distance in pairs(set).flatten() {
                let far = &mut shape.far[set];
                far.maximum = far.maximum.max(distance);
                far.sum += u64::from(distance);
                far.pairs += 1;
            }
        }
        for set in members(together) {
            let far = &shape.far;
            shape.closer[set] = those(together, |other| far[other].closer(&far[set]));
        }
        shape
    }
}

/// A host: what its nodes, and sets of them, have. Each CPU is a core of its own.
pub struct Small<'a> {
    shape: &'a Shape,
    headroom: [u64; MOST],
    size: [u64; MOST],
    /// The largest span of a node with CPUs.
    largest: u64,
    pages: [u64; SETS],
    cpus: [u64; SETS],
    /// The sets whose nodes all have CPUs.
    all_have_cpus: u16,
}

/// The right answer; sets as a set of sets.
#[derive(Debug, PartialEq)]
enum Right {
    Placed(u16),
    Refused(Short),
}

impl<'a> Small<'a> {
    /// The host gives what its nodes have.
    pub fn new(
        shape: &'a Shape,
        headroom: [u64; MOST],
        size: [u64; MOST],
        cpus: [u64; MOST],
    ) -> Self {
        let sum = |of: &[u64; MOST]| {
            let mut sums = [0; SETS];
            for (set, sum) in sums.iter_mut().enumerate().take(1 << shape.nodes) {
                for node in 0..MOST {
                    *sum += of[node] * (set as u64 >> node & 1);
                }
            }
            sums
        };
        let has_cpus = |set: usize| bits(set as u64).all(|node| cpus[node] > 0);
        let spans = (0..MOST).filter(|node| cpus[*node] > 0);
        Small {
            shape,
            largest: spans.map(|node| size[node]).max().unwrap_or(0),
            headroom,
            size,
            pages: sum(&headroom),
            cpus: sum(&cpus),
            all_have_cpus: those(u16::MAX, has_cpus),
        }
    }

    fn all(&self) -> usize {
        (1 << self.shape.nodes) - 1
    }

    /// Pages and CPUs of all nodes.
    pub fn total(&self) -> (u64, u64) {
        (self.pages[self.all()], self.cpus[self.all()])
    }

    fn short(&self, set: usize, request: &Request) -> Short {
        let need = request.memory_pages + request.overhead_pages;
        Short {
            pages: need.saturating_sub(self.pages[set]),
            cpus: u64::from(request.vcpus).saturating_sub(self.cpus[set]),
            cores: u64::from(request.cores).saturating_sub(self.cpus[set]),
        }
    }

    fn right(&self, request: &Request) -> Right {
        let strict = request.policy == Policy::Strict;
        let allowed = those(self.shape.together, |set| !strict || set.is_power_of_two());
        let short = |set: usize| self.short(set, request);
        let fits = those(allowed, |set| short(set) == Short::default());
        if fits == 0 {
            let least = members(allowed).map(short).min();
            return Right::Refused(least.expect("a node is a set"));
        }
        let irreducible = those(fits, |set| fits & self.shape.within[set] == 0);
        let candidates = match irreducible & self.all_have_cpus {
            0 => irreducible,
            with_cpus => with_cpus,
        };
        let best = those(candidates, |set| candidates & self.shape.closer[set] == 0);
        Right::Placed(best)
    }

    /// What kind of answer it is, if it is right.
    pub fn agrees(&self, request: &Request, answer: &Result<Plan, Refusal>) -> Option<Kind> {
        match (answer, self.right(request)) {
            (Ok(plan), Right::Placed(best)) if self.is_best(request, plan, best) => {
                let set = plan.nodes.bits();
                Some(match plan.nodes.len() {
                    _ if self.all_have_cpus >> set & 1 == 0 => Kind::MemoryOnlyNode,
                    _ if !best.is_power_of_two() => Kind::Choice,
                    1 => Kind::OneNode,
                    _ => Kind::SeveralNodes,
                })
            }
            (Err(refusal), Right::Refused(short)) if self.is_true(request, refusal, short) => {
                Some(Kind::Refused)
            }
            _ => None,
        }
    }

    fn is_best(&self, request: &Request, plan: &Plan, best: u16) -> bool {
        let set = plan.nodes.bits() as usize;
        let equals = u64::from(best.count_ones());
        let nodes = Nodes {
            headroom: &self.headroom,
            size: &self.size,
            largest: self.largest,
            need: request.memory_pages + request.overhead_pages,
        };
        let sets = members(best).map(|set| set as u64);
        let preferred = match best.is_power_of_two() {
            true => u64::from(best.trailing_zeros()),
            false => nodes.preferred(request.strategy, sets),
        };
        plan.nodes.bits() == preferred
            && plan.cpu_nodes == plan.nodes
            && plan.distance.map(Far::from) == Some(self.shape.far[set])
            && (plan.optimal, plan.gap) == (true, Some(0.0))
            && (1..=equals).contains(&plan.equals)
            && plan.pages[MOST..].iter().all(|pages| *pages == 0)
            && plan.pages[..MOST] == self.in_turn(set, request.memory_pages)
    }

    /// What each node of `set` gives, page by page in turn.
    fn in_turn(&self, set: usize, mut pages: u64) -> [u64; MOST] {
        let mut given = [0; MOST];
        while pages > 0 {
            for node in bits(set as u64) {
                if pages > 0 && given[node] < self.headroom[node] {
                    given[node] += 1;
                    pages -= 1;
                }
            }
        }
        given
    }

    /// Whether the refusal has the least shortfall, a set that has it, and a true reason.
    fn is_true(&self, request: &Request, refusal: &Refusal, short: Short) -> bool {
        let nearest = refusal.nearest.bits() as usize;
        let host_short = self.short(self.all(), request);
        let together = |set: usize| self.shape.together >> set & 1 == 1;
        let reason_holds = match refusal.reason {
            Reason::HostMemory => host_short.pages > 0,
            Reason::Memory => host_short.pages == 0 && short.pages > 0,
            Reason::Cpus => short.pages == 0 && short.cpus > 0,
            Reason::Cores => short.pages == 0 && short.cpus == 0 && short.cores > 0,
            Reason::Reachability => host_short == Short::default() && !together(self.all()),
            Reason::SingleNode => {
                let mut several = request.clone();
                several.policy = Policy::BestEffort;
                request.policy == Policy::Strict && matches!(self.right(&several), Right::Placed(_))
            }
            Reason::Mask => false,
        };
        Short::from(refusal.short) == short
            && together(nearest)
            && (request.policy != Policy::Strict || nearest.is_power_of_two())
            && self.short(nearest, request) == short
            && reason_holds
    }

    /// Whether the plainer oracle answers the same.
    pub fn is_as(&self, request: &Request, answer: &Answer) -> bool {
        match (self.right(request), answer) {
            (Right::Refused(short), Answer::Refused { short: other }) => short == *other,
            (Right::Placed(best), Answer::Placed { best: far, sets }) => {
                members(best).map(|set| set as u64).eq(sets.iter().copied())
                    && members(best).all(|set| self.shape.far[set].as_near(far))
            }
            _ => false,
        }
    }
}
