//! How good an order of requests is, and how good one could be.

use std::cmp::Ordering;

use crate::batch::Answer;
use crate::plan::Plan;
use crate::request::Request;
use crate::topology::{Topology, LOCAL_DISTANCE};

/// What one step of distance counts in a [`Score`]: averages are compared to six decimals, as
/// they are printed.
const MILLIONTHS: u64 = 1_000_000;

/// What placing requests in some order comes to. Less is better: fewest requests left out; then
/// fewest pages left out; then the least distance, weighted by memory; then fewest requests on
/// several nodes.
///
/// Requests come first, since a VM that does not start is worse than any that runs slowly. With
/// as many pages left out, as many are placed, so the sum of distances orders like their mean, and
/// it weighs a VM by the memory that is far: where one VM must be split, let it be a small one.
/// Maxima are not compared: those of different VMs do not add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Requests that are left out.
    pub left_out: u64,
    /// The memory that they ask for.
    pub left_out_pages: u128,
    /// Over the requests placed: pages of memory times average distance, in millionths. Those of
    /// policy `Any` have no distance and count nothing.
    pub weighted_distance: u128,
    /// Requests that have a distance and are on several nodes.
    pub on_several_nodes: u64,
    /// The memory of those that have a distance; not compared.
    pub weighed_pages: u128,
}

impl Score {
    /// What one request adds, placed by `plan` or left out.
    pub(super) fn of(request: &Request, plan: Option<&Plan>) -> Score {
        let pages = u128::from(request.memory_pages);
        let Some(plan) = plan else {
            return Score {
                left_out: 1,
                left_out_pages: pages,
                ..Score::default()
            };
        };
        plan.distance.map_or_else(Score::default, |distance| {
            let average = distance.sum * MILLIONTHS / distance.pairs;
            Score::near(pages, average, plan.nodes.len() > 1)
        })
    }

    /// Pages at an average distance, in millionths.
    fn near(pages: u128, average: u64, on_several_nodes: bool) -> Score {
        Score {
            weighted_distance: pages * u128::from(average),
            on_several_nodes: u64::from(on_several_nodes),
            weighed_pages: pages,
            ..Score::default()
        }
    }

    /// What the answers to all requests come to.
    pub fn of_all(requests: &[Request], answers: &[Answer]) -> Score {
        (requests.iter().zip(answers)).fold(Score::default(), |sum, (request, answer)| {
            sum.plus(Score::of(request, answer.as_ref().ok()))
        })
    }

    pub(super) fn plus(self, other: Score) -> Score {
        Score {
            left_out: self.left_out + other.left_out,
            left_out_pages: self.left_out_pages + other.left_out_pages,
            weighted_distance: self.weighted_distance + other.weighted_distance,
            on_several_nodes: self.on_several_nodes + other.on_several_nodes,
            weighed_pages: self.weighed_pages + other.weighed_pages,
        }
    }

    /// Without `part`, of which this is a sum.
    pub(super) fn minus(self, part: Score) -> Score {
        Score {
            left_out: self.left_out - part.left_out,
            left_out_pages: self.left_out_pages - part.left_out_pages,
            weighted_distance: self.weighted_distance - part.weighted_distance,
            on_several_nodes: self.on_several_nodes - part.on_several_nodes,
            weighed_pages: self.weighed_pages - part.weighed_pages,
        }
    }

    /// The better of two is less.
    pub fn compare(&self, other: &Score) -> Ordering {
        let key = |score: &Score| {
            let Score {
                left_out,
                left_out_pages,
                weighted_distance,
                on_several_nodes,
                weighed_pages: _,
            } = *score;
            (
                left_out,
                left_out_pages,
                weighted_distance,
                on_several_nodes,
            )
        };
        key(self).cmp(&key(other))
    }

    /// The mean over the memory placed of its average distance; `None` if none has a distance.
    pub fn average_distance(&self) -> Option<f64> {
        let pages = self.weighed_pages as f64 * MILLIONTHS as f64;
        (self.weighed_pages > 0).then(|| self.weighted_distance as f64 / pages)
    }
}

/// The smallest distance between two nodes.
pub(super) fn nearest_apart(topology: &Topology) -> u32 {
    let online = topology.online();
    let pairs = (online.iter()).flat_map(|a| online.without(a).iter().map(move |b| (a, b)));
    let distances = pairs.filter_map(|(a, b)| topology.distance(a, b));
    distances.min().unwrap_or(LOCAL_DISTANCE)
}

/// The least that a request can come to, by its plan when it is alone. With less memory it gets no
/// closer than that many nodes let it: one alone, or several at best all `nearest` to each other,
/// which is the closer the fewer they are.
pub(super) fn least(request: &Request, alone: Option<&Plan>, nearest: u32) -> Score {
    let pages = u128::from(request.memory_pages);
    match alone {
        None => Score::of(request, None),
        Some(plan) if plan.distance.is_none() => Score::default(),
        Some(plan) if plan.nodes.len() > 1 && nearest > LOCAL_DISTANCE => {
            let average = u64::from(LOCAL_DISTANCE + nearest) * MILLIONTHS / 2;
            Score::near(pages, average, true)
        }
        Some(_) => Score::near(pages, u64::from(LOCAL_DISTANCE) * MILLIONTHS, false),
    }
}
