//! Why a plan is what it is: the closer and smaller kinds of sets that did not do.

use std::cmp::Ordering;

use crate::answer::{anywhere, binding, find, find_except, placed, refuse, Limits};
use crate::host::Host;
use crate::nodes::NodeSet;
use crate::offer::Offer;
use crate::plan::{Distance, Plan, Reason, Refusal};
use crate::request::{Policy, Request, Strategy};
use crate::search::Found;
use crate::shortfall::{Near, Nearest};
use crate::strategy::{rank, weigh, Weighed};
use crate::topology::LOCAL_DISTANCE;

/// A kind of set that would have been closer, or smaller, than the plan's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// Sets whose nodes are within this distance of each other …
    pub maximum: u32,
    /// … of at most this many nodes, or of any number.
    pub size: Option<usize>,
    /// What the nearest of them is short of.
    pub bound: Refusal,
}

crate::named! {
    /// Why a plan was not taken, though it would do: the first of these that is so.
    Behind {
        WithoutCpus = "without_cpus": "it has nodes without CPUs, which are a last resort",
        Maximum = "maximum": "its largest distance is larger",
        Average = "average": "its average distance is larger",
        Strategy = "strategy": "it is as near, and the strategy prefers the plan's nodes",
        Numbers = "numbers": "it is as good, and its node numbers are higher",
        /// By `budget_steps`, or because only some of the equally near sets of more than 16 nodes
        /// are compared.
        Budget = "budget": "it is better, and the search ended before it met it",
    }
}

/// A node by itself, other than the plan's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alone {
    /// The node.
    pub node: usize,
    /// Why it was not taken, though it would do; or what it is short of.
    pub answer: Result<Behind, Refusal>,
}

/// The next best plan.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerUp {
    /// The plan; its `equals` and `optimal` are of the search for it.
    pub plan: Plan,
    /// Why it was not taken.
    pub behind: Behind,
    /// What strategies look at in its nodes.
    pub weighed: Weighed,
}

/// Why a plan is what it is, or why a request is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The kinds of sets that did not do: by distance, then by size. None where the host as a
    /// whole has not got the memory, as no kind could do.
    pub rejected: Vec<Rejected>,
    /// Each node that the request may use, by itself, but for that of a plan of one node: nearest
    /// first. None for policy `Any`, and where the host as a whole has not got the memory.
    pub alone: Vec<Alone>,
    /// How many sets as near as the plan's were compared, it included; 0 for a refusal.
    pub equals: u64,
    /// How many steps the search for the nearest took once the maximum distance was known; 0 where
    /// one node will do.
    pub steps: u64,
    /// What chose between equally near sets.
    pub strategy: Strategy,
    /// What strategies look at in the plan's nodes; `None` for a refusal and for policy `Any`.
    pub weighed: Option<Weighed>,
    /// The next best plan; `None` if there is none, for a refusal and for policy `Any`.
    pub runner_up: Option<RunnerUp>,
}

/// As [`crate::plan`], with the reasons. Beside the search for the next best plan it costs a
/// bounded walk over sets of nodes for each kind that did not do.
pub fn explain(
    host: &Host,
    request: &Request,
    limits: &Limits,
) -> (Result<Plan, Refusal>, Explanation) {
    let offer = Offer::new(host, request, &limits.reserve, true);
    let mut explanation = Explanation {
        rejected: Vec::new(),
        alone: Vec::new(),
        equals: 0,
        steps: 0,
        strategy: request.strategy,
        weighed: None,
        runner_up: None,
    };
    if request.policy == Policy::Any {
        let answer = anywhere(host, request, &offer);
        explanation.equals = u64::from(answer.is_ok());
        return (answer, explanation);
    }
    let largest = Offer::largest_set(request.policy);
    match find(&offer, request, limits) {
        Some(found) => {
            (explanation.equals, explanation.steps) = (found.equals, found.steps);
            explanation.rejected = rejected(&offer, largest, Some(&found));
            explanation.alone = alone(&offer, request.strategy, Some(&found));
            explanation.weighed = Some(weigh(&offer, found.nodes));
            explanation.runner_up = runner_up(&offer, request, limits, &found);
            (Ok(placed(&offer, request, &found)), explanation)
        }
        None => {
            let refusal = refuse(host, request, limits, &offer);
            if refusal.reason != Reason::HostMemory {
                explanation.rejected = rejected(&offer, largest, None);
                explanation.alone = alone(&offer, request.strategy, None);
            }
            (Err(refusal), explanation)
        }
    }
}

fn runner_up(offer: &Offer, request: &Request, limits: &Limits, best: &Found) -> Option<RunnerUp> {
    let other = find_except(offer, request, limits, best.nodes);
    // As good as the best, but for its numbers; the search passes over it.
    let alike = offer
        .alike(best.nodes)
        .map(|nodes| Found { nodes, ..*best });
    let rank_of = |found: &Found| rank(offer, request.strategy, found.nodes);
    let found = match (other, alike) {
        (Some(other), Some(alike)) => {
            let order = other.distance.compare(&alike.distance);
            match order.then_with(|| rank_of(&other).cmp(&rank_of(&alike))) {
                Ordering::Less => other,
                Ordering::Equal | Ordering::Greater => alike,
            }
        }
        (other, alike) => other.or(alike)?,
    };
    Some(RunnerUp {
        plan: placed(offer, request, &found),
        behind: behind(offer, request.strategy, best, (found.nodes, found.distance)),
        weighed: weigh(offer, found.nodes),
    })
}

/// Why `nodes`, which would do, were not taken.
fn behind(
    offer: &Offer,
    strategy: Strategy,
    best: &Found,
    (nodes, distance): (NodeSet, Distance),
) -> Behind {
    let has_cpus = |nodes: NodeSet| nodes.is_subset(offer.with_cpus);
    let (its, of_best) = (
        rank(offer, strategy, nodes),
        rank(offer, strategy, best.nodes),
    );
    let distances = distance.compare(&best.distance);
    match distances.then_with(|| its.cmp(&of_best)) {
        _ if has_cpus(best.nodes) && !has_cpus(nodes) => Behind::WithoutCpus,
        Ordering::Less => Behind::Budget,
        _ if distance.maximum > best.distance.maximum => Behind::Maximum,
        _ if distances.is_gt() => Behind::Average,
        _ if its.same_cost(&of_best) => Behind::Numbers,
        Ordering::Equal | Ordering::Greater => Behind::Strategy,
    }
}

/// What every usable node is short of by itself, or why it was not taken.
fn alone(offer: &Offer, strategy: Strategy, found: Option<&Found>) -> Vec<Alone> {
    let one = |node: usize| {
        let nodes = NodeSet::one(node);
        let short = offer.short(nodes);
        let answer = match (found, short.is_none()) {
            (_, false) => Err(bound((nodes, short))),
            (Some(best), true) => Ok(behind(offer, strategy, best, (nodes, Distance::LOCAL))),
            (None, true) => return None,
        };
        Some(Alone { node, answer })
    };
    let taken = |node: &usize| found.is_some_and(|best| best.nodes == NodeSet::one(*node));
    let others = offer.usable.iter().filter(|node| !taken(node));
    let mut alone: Vec<_> = others.filter_map(one).collect();
    alone.sort_by_key(|alone| {
        let short = alone.answer.err().map(|refusal| refusal.short);
        (short, alone.node)
    });
    alone
}

fn bound((nearest, short): Near) -> Refusal {
    Refusal {
        reason: binding(short),
        short,
        nearest,
    }
}

/// The kinds of sets that did not do: closer ones than what was found, and as near ones of fewer
/// nodes; each starts from what came nearest of the kinds in it.
fn rejected(offer: &Offer, largest: usize, found: Option<&Found>) -> Vec<Rejected> {
    let distances = offer.topology.matrix().classes();
    let smaller = found.map_or(0, |found| found.nodes.len());
    let nearest = Nearest::new(offer, distances.len() + smaller);
    let alone = nearest.one_node();
    let mut rejected = Vec::new();
    let mut reject = |maximum: u32, size: Option<usize>, near: Near| {
        // Nothing is said of a kind that only memory-only nodes could have filled.
        if !near.1.is_none() {
            let bound = bound(near);
            rejected.push(Rejected {
                maximum,
                size,
                bound,
            });
        }
    };
    if largest == 1 {
        reject(LOCAL_DISTANCE, Some(1), alone);
        return rejected;
    }
    let maximum = found.map(|found| found.distance.maximum);
    let (mut class, mut known) = (0, alone);
    while class < distances.len() && Some(distances[class]) != maximum {
        known = nearest.of_next(class, known);
        reject(distances[class], None, known);
        class += 1;
    }
    if let Some(found) = found {
        // One node alone is within every distance, so it was rejected above already, unless the
        // nodes of the plan are all at distance 10.
        let mut known = alone;
        for size in 1..found.nodes.len() {
            if size > 1 {
                known = nearest.of(class, size, known);
            }
            if size > 1 || found.distance.maximum == LOCAL_DISTANCE {
                reject(found.distance.maximum, Some(size), known);
            }
        }
    }
    rejected
}
