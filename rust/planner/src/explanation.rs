//! Why a plan is what it is: the nearer and smaller kinds of sets that did not do.

use std::cmp::Ordering;

use crate::answer::{anywhere, binding, find, find_except, placed, refuse, Limits};
use crate::host::Host;
use crate::offer::Offer;
use crate::plan::{Plan, Refusal};
use crate::request::{Policy, Request, Strategy};
use crate::search::Found;
use crate::shortfall::nearest;
use crate::strategy::{rank, weigh, Weighed};
use crate::topology::LOCAL_DISTANCE;

/// A kind of set that would have been nearer, or smaller, than the plan's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected {
    /// Sets whose nodes are within this distance of each other …
    pub maximum: u32,
    /// … of at most this many nodes, or of any number.
    pub size: Option<usize>,
    /// What the nearest of them is short of.
    pub bound: Refusal,
}

/// Why a plan was not taken, though it would do: the first of these that is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// It has nodes without CPUs, which are a last resort.
    WithoutCpus,
    /// Its largest distance is larger.
    Maximum,
    /// Its average distance is larger.
    Average,
    /// It is as near, and the strategy prefers the one that was taken.
    Strategy,
    /// The strategy finds it as good, and its node numbers are higher.
    Numbers,
    /// It is better, and the budget ended before the search met it.
    Budget,
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
    /// The kinds of sets that did not do: by distance, then by size.
    pub rejected: Vec<Rejected>,
    /// How many sets as near as the plan's were compared, it included; 0 for a refusal.
    pub equals: u64,
    /// How many steps the search for the nearest took, beside looking at single nodes.
    pub steps: u64,
    /// What chose between equally near sets.
    pub strategy: Strategy,
    /// What strategies look at in the plan's nodes; `None` for a refusal and for policy `Any`.
    pub weighed: Option<Weighed>,
    /// The next best plan; `None` if there is none, for a refusal and for policy `Any`.
    pub runner_up: Option<RunnerUp>,
}

/// As [`crate::plan`], with the reasons. Costs a walk over the host's sets of nodes for each
/// distance that the host has.
pub fn explain(
    host: &Host,
    request: &Request,
    limits: &Limits,
) -> (Result<Plan, Refusal>, Explanation) {
    let offer = Offer::new(host, request, &limits.reserve, true);
    let mut explanation = Explanation {
        rejected: Vec::new(),
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
            reject_nearer(
                &offer,
                &mut explanation,
                Some(found.distance.maximum),
                largest,
            );
            // One node alone is within every distance, so it was rejected above already, unless the
            // nodes of the plan are all at distance 10.
            let smallest = match found.distance.maximum {
                LOCAL_DISTANCE => 1,
                _ => 2,
            };
            for size in smallest..found.nodes.len() {
                reject(&offer, &mut explanation, found.distance.maximum, Some(size));
            }
            explanation.weighed = Some(weigh(&offer, found.nodes));
            explanation.runner_up = runner_up(&offer, request, limits, &found);
            (Ok(placed(&offer, request, &found)), explanation)
        }
        None => {
            let refusal = refuse(host, request, limits, &offer);
            reject_nearer(&offer, &mut explanation, None, largest);
            (Err(refusal), explanation)
        }
    }
}

fn runner_up(offer: &Offer, request: &Request, limits: &Limits, best: &Found) -> Option<RunnerUp> {
    let found = find_except(offer, request, limits, best.nodes)?;
    let rank = |found: &Found| rank(offer, request.strategy, found.nodes);
    let has_cpus = |found: &Found| found.nodes.is_subset(offer.with_cpus);
    let distances = found.distance.compare(&best.distance);
    let behind = match distances.then_with(|| rank(&found).cmp(&rank(best))) {
        _ if has_cpus(best) && !has_cpus(&found) => Behind::WithoutCpus,
        Ordering::Less => Behind::Budget,
        _ if found.distance.maximum > best.distance.maximum => Behind::Maximum,
        _ if distances.is_gt() => Behind::Average,
        _ if rank(&found).same_cost(&rank(best)) => Behind::Numbers,
        Ordering::Equal | Ordering::Greater => Behind::Strategy,
    };
    Some(RunnerUp {
        plan: placed(offer, request, &found),
        behind,
        weighed: weigh(offer, found.nodes),
    })
}

fn reject_nearer(offer: &Offer, explanation: &mut Explanation, below: Option<u32>, largest: usize) {
    let size = (largest == 1).then_some(1);
    for maximum in offer.topology.matrix().classes() {
        if below.is_none_or(|below| *maximum < below) {
            reject(offer, explanation, *maximum, size);
        }
    }
}

/// Notes what binds the sets of one kind; says nothing of a kind that only memory-only nodes
/// could have filled.
fn reject(offer: &Offer, explanation: &mut Explanation, maximum: u32, size: Option<usize>) {
    let (nodes, short) = nearest(offer, maximum, size.unwrap_or(usize::MAX));
    if short.is_none() {
        return;
    }
    explanation.rejected.push(Rejected {
        maximum,
        size,
        bound: Refusal {
            reason: binding(short),
            short,
            nearest: nodes,
        },
    });
}
