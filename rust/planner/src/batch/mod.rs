//! Several requests at once: one by one, or in the order that serves them best together.

mod every_order;
mod score;
mod search;

use crate::answer::{free_pages, plan, Limits};
use crate::host::{Host, Reserve};
use crate::plan::{Plan, Refusal};
use crate::request::Request;
use crate::rotation::rotate;
use crate::search::EXACT_NODES;
use search::Search;

pub use score::Score;

/// The plans that [`plan_batch`] may make in its search, besides some for each request, unless said
/// otherwise: enough for every order of six requests, and of more where orders lead to the same
/// place. Fewer on large hosts, where a plan may take a thousand times as long.
const BUDGET_PLANS: u64 = 3_000;
const BUDGET_PLANS_ON_LARGE_HOSTS: u64 = 300;
const BUDGET_PLANS_PER_REQUEST: u64 = 4;

/// A plan or a refusal.
pub type Answer = Result<Plan, Refusal>;

/// Plans `requests` in order; each sees the memory and overhead that earlier ones took, unless
/// they are `independent`.
pub fn plan_all(
    host: &Host,
    requests: &[Request],
    limits: &Limits,
    independent: bool,
) -> Vec<Answer> {
    let mut host = host.clone();
    let plan_next = |request: &Request| {
        let answer = plan(&host, request, limits);
        if let (Ok(plan), false) = (&answer, independent) {
            take(&mut host, request, plan, &limits.reserve);
        }
        answer
    };
    requests.iter().map(plan_next).collect()
}

/// Takes the memory and overhead of a planned request from the host: the plan's pages, then the
/// overhead from the same nodes by the same rotation.
pub fn take(host: &mut Host, request: &Request, plan: &Plan, reserve: &Reserve) {
    host.take(&plan.pages);
    let headroom = host.claimable_pages(reserve);
    let (given, left) = rotate(&headroom, plan.nodes, request.overhead_pages);
    host.take(&given);
    let (given, _) = rotate(&free_pages(host), plan.nodes, left);
    host.take(&given);
}

/// Requests placed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The answer to each request, in the order of the requests. A plan is true when all before
    /// it in `order` are placed; a refusal when all that are placed are.
    pub answers: Vec<Answer>,
    /// The requests in the order in which to place them; last those that are left out.
    pub order: Vec<usize>,
    /// What that comes to.
    pub score: Score,
    /// What one by one, in the order of the requests, comes to.
    pub one_by_one: Score,
    /// Orders that were tried, to their end or until it was plain that they are no better.
    pub orders_tried: u64,
    /// Whether it is proven that no order is better.
    pub optimal: bool,
    /// Whether the search came to its end; otherwise the budget ended it.
    pub complete: bool,
}

/// The budget of a batch of that many requests on `host`, unless said otherwise.
pub fn default_budget_plans(host: &Host, requests: usize) -> u64 {
    let plans = match host.topology().node_count() {
        0..=EXACT_NODES => BUDGET_PLANS,
        _ => BUDGET_PLANS_ON_LARGE_HOSTS,
    };
    plans + BUDGET_PLANS_PER_REQUEST * requests as u64
}

/// Plans `requests` together: in the best order that is found, which is never worse than one by
/// one. See [`Score`] for what is better; of equal orders the first that was tried, so that one by
/// one stays where nothing is gained.
///
/// The same input gives the same batch. Besides the plans of one by one, at most `budget_plans`
/// are made in search of a better order, and at most two for each request that fares badly.
pub fn plan_batch(host: &Host, requests: &[Request], limits: &Limits, budget_plans: u64) -> Batch {
    let mut search = Search::new(host, requests, limits, budget_plans);
    let one_by_one = search.best_score();
    let complete = search.run().is_ok();
    let optimal = search.proven();
    let orders_tried = search.orders_tried();
    let (order, answers) = search.finish();
    Batch {
        score: Score::of_all(requests, &answers),
        answers,
        order,
        one_by_one,
        orders_tried,
        optimal,
        complete,
    }
}
