//! Looks for the order in which requests are best planned.
//!
//! An order is walked: each request is planned on what those before it left. A walk's score begins
//! with the least that any order can come to and only gets worse, so a walk ends as soon as it is
//! no better than the best. First come orders by rule, then the best order with one request
//! brought forward, as long as that helps, and then every order, if there are few.

use std::cmp::Reverse;

use crate::answer::{plan, plan_or_none, Limits};
use crate::batch::score::{least, nearest_apart, Score};
use crate::batch::{take, Answer};
use crate::host::Host;
use crate::offer::Offer;
use crate::plan::Plan;
use crate::request::{Policy, Request};

/// Batches of more requests are not improved one request at a time: each move is an order to walk.
const MOST_MOVED: usize = 1024;

/// Where a request goes, if it is not left out. Why it is left out is asked once, at the end.
pub(super) type Placing = Option<Box<Plan>>;

/// The budget ended the search.
pub(super) struct Spent;

/// A part of an order, walked.
#[derive(Clone)]
pub(super) struct Walk {
    /// What is left.
    pub host: Host,
    /// What the requests so far come to, and the least that all others can come to.
    pub score: Score,
}

pub(super) struct Search<'a> {
    host: &'a Host,
    pub requests: &'a [Request],
    limits: &'a Limits,
    /// The least that each request can come to.
    least: Vec<Score>,
    least_of_all: Score,
    /// Requests that do not even fit alone.
    hopeless: Vec<usize>,
    /// The best order of the others, where that puts each, and what it comes to.
    pub order: Vec<usize>,
    placings: Vec<Placing>,
    score: Score,
    pub every_order_tried: bool,
    pub orders_tried: u64,
    plans_left: u64,
}

impl<'a> Search<'a> {
    /// Begins with one by one.
    pub fn new(
        host: &'a Host,
        requests: &'a [Request],
        limits: &'a Limits,
        budget_plans: u64,
    ) -> Self {
        let mut search = Search {
            host,
            requests,
            limits,
            least: vec![Score::default(); requests.len()],
            least_of_all: Score::default(),
            hopeless: Vec::new(),
            order: (0..requests.len()).collect(),
            placings: Vec::with_capacity(requests.len()),
            score: Score::default(),
            every_order_tried: false,
            orders_tried: 1,
            plans_left: budget_plans,
        };
        let mut walk = search.start();
        for (i, request) in requests.iter().enumerate() {
            let placing = plan_or_none(&walk.host, request, limits).map(Box::new);
            search.follow(&mut walk, i, &placing);
            search.placings.push(placing);
        }
        search.score = walk.score;
        search.find_least();
        search
    }

    /// Looks at each request alone that others may have kept from faring better.
    fn find_least(&mut self) {
        let nearest = nearest_apart(self.host.topology());
        for (i, request) in self.requests.iter().enumerate() {
            self.least[i] = match &self.placings[i] {
                Some(plan) if plan.nodes.len() == 1 || plan.distance.is_none() => {
                    least(request, Some(plan), nearest)
                }
                Some(_) | None => {
                    let alone = plan_or_none(self.host, request, self.limits);
                    least(request, alone.as_ref(), nearest)
                }
            };
            self.least_of_all = self.least_of_all.plus(self.least[i]);
        }
        (self.order, self.hopeless) =
            (0..self.requests.len()).partition(|i| self.least[*i].left_out == 0);
    }

    pub fn best_score(&self) -> Score {
        self.score
    }

    pub fn orders_tried(&self) -> u64 {
        self.orders_tried
    }

    /// Whether no order can be better.
    pub fn proven(&self) -> bool {
        self.every_order_tried || self.score.compare(&self.least_of_all).is_le()
    }

    /// Looks for better orders until there is nothing more to try.
    pub fn run(&mut self) -> Result<(), Spent> {
        self.try_order(&self.largest_first(&self.order))?;
        self.try_order(&self.hardest_first(&self.order))?;
        self.try_smallest_stay()?;
        while self.try_order(&self.worst_first())? {}
        while self.try_moves()? {}
        self.try_every_order()
    }

    /// The best order, with all that are left out at its end, and the answers of that.
    pub fn finish(self) -> (Vec<usize>, Vec<Answer>) {
        let (mut order, mut left_out): (Vec<_>, Vec<_>) =
            (self.order.into_iter()).partition(|i| self.placings[*i].is_some());
        left_out.extend(self.hopeless);
        left_out.sort_unstable();
        let mut host = self.host.clone();
        for i in &order {
            if let Some(plan) = &self.placings[*i] {
                take(&mut host, &self.requests[*i], plan, &self.limits.reserve);
            }
        }
        let answer = |(placing, request): (Placing, &Request)| match placing {
            Some(plan) => Ok(*plan),
            None => plan(&host, request, self.limits),
        };
        let placings = self.placings.into_iter();
        let answers = placings.zip(self.requests).map(answer).collect();
        order.extend(left_out);
        (order, answers)
    }

    pub fn start(&self) -> Walk {
        Walk {
            host: self.host.clone(),
            score: self.least_of_all,
        }
    }

    /// Plans one more request of a walk.
    pub fn step(&mut self, walk: &mut Walk, i: usize) -> Result<Placing, Spent> {
        self.plans_left = self.plans_left.checked_sub(1).ok_or(Spent)?;
        let placing = plan_or_none(&walk.host, &self.requests[i], self.limits).map(Box::new);
        self.follow(walk, i, &placing);
        Ok(placing)
    }

    /// Walks on by a request of which it is known where it goes.
    fn follow(&self, walk: &mut Walk, i: usize, placing: &Placing) {
        let request = &self.requests[i];
        let others = walk.score.minus(self.least[i]);
        walk.score = others.plus(Score::of(request, placing.as_deref()));
        if let Some(plan) = placing {
            take(&mut walk.host, request, plan, &self.limits.reserve);
        }
    }

    pub fn is_better(&self, walk: &Walk) -> bool {
        walk.score.compare(&self.score).is_lt()
    }

    /// Walks on by `remaining`; whether that is better than the best order, of which the walk has
    /// gone the first `from` requests, and is now it.
    fn try_rest(
        &mut self,
        from: usize,
        mut walk: Walk,
        remaining: impl Iterator<Item = usize>,
    ) -> Result<bool, Spent> {
        self.orders_tried += 1;
        let mut path = Vec::with_capacity(remaining.size_hint().0);
        for i in remaining {
            path.push((i, self.step(&mut walk, i)?));
            if !self.is_better(&walk) {
                return Ok(false);
            }
        }
        self.accept(from, &walk, path);
        Ok(true)
    }

    pub fn accept(&mut self, from: usize, walk: &Walk, path: Vec<(usize, Placing)>) {
        self.score = walk.score;
        self.order.truncate(from);
        for (i, placing) in path {
            self.order.push(i);
            self.placings[i] = placing;
        }
    }

    /// Whether `order` is better, and now the best.
    fn try_order(&mut self, order: &[usize]) -> Result<bool, Spent> {
        if self.proven() || self.order == order {
            return Ok(false);
        }
        self.try_rest(0, self.start(), order.iter().copied())
    }

    fn largest_first(&self, order: &[usize]) -> Vec<usize> {
        let mut order = order.to_vec();
        order.sort_by_key(|i| Reverse(need_pages(&self.requests[*i])));
        order
    }

    /// Strict ones, then those that the fewest nodes hold alone, then the largest.
    fn hardest_first(&self, order: &[usize]) -> Vec<usize> {
        let mut order = order.to_vec();
        if self.proven() {
            return order;
        }
        order.sort_by_cached_key(|i| {
            let request = &self.requests[*i];
            let offer = Offer::new(self.host, request, &self.limits.reserve, true);
            let holds = |node: &usize| offer.nodes[*node].covers(offer.need);
            let nodes = offer.usable.iter().filter(holds).count();
            let strict = request.policy == Policy::Strict;
            (!strict, nodes, Reverse(need_pages(request)))
        });
        order
    }

    /// Where not all fit, the most do if the smallest come first; then the hardest of these.
    fn try_smallest_stay(&mut self) -> Result<(), Spent> {
        if self.score.left_out > self.least_of_all.left_out {
            let mut order = self.order.clone();
            order.sort_by_key(|i| need_pages(&self.requests[*i]));
            self.try_order(&order)?;
            let (stay, left_out): (Vec<_>, Vec<_>) =
                (self.order.iter()).partition(|i| self.placings[**i].is_some());
            let mut order = self.hardest_first(&stay);
            order.extend(left_out);
            self.try_order(&order)?;
        }
        Ok(())
    }

    /// The requests that might fare better in another order, worst first.
    fn troubled(&self) -> Vec<usize> {
        let mut troubled: Vec<_> = (self.order.iter())
            .map(|i| {
                (
                    Score::of(&self.requests[*i], self.placings[*i].as_deref()),
                    *i,
                )
            })
            .filter(|(score, i)| *score != self.least[*i])
            .collect();
        troubled.sort_by(|(a, _), (b, _)| b.compare(a));
        troubled.into_iter().map(|(_, i)| i).collect()
    }

    fn worst_first(&self) -> Vec<usize> {
        let mut order = self.troubled();
        let mut is_troubled = vec![false; self.requests.len()];
        order.iter().for_each(|i| is_troubled[*i] = true);
        order.extend(self.order.iter().filter(|i| !is_troubled[**i]));
        order
    }

    /// Brings each troubled request forward; whether that helped.
    fn try_moves(&mut self) -> Result<bool, Spent> {
        let mut helped = false;
        if self.order.len() <= MOST_MOVED {
            for i in self.troubled() {
                helped |= self.bring_forward(i)?;
            }
        }
        Ok(helped && !self.proven())
    }

    /// Puts request `i` before an earlier one, or in its place; whether some place is better.
    fn bring_forward(&mut self, i: usize) -> Result<bool, Spent> {
        if self.proven() {
            return Ok(false);
        }
        let order = self.order.clone();
        let (before, after) = match order.iter().position(|other| *other == i) {
            Some(at) => (&order[..at], &order[at + 1..]),
            None => return Ok(false),
        };
        let after = after.iter().copied();
        let mut walk = self.start();
        for (at, earlier) in before.iter().enumerate() {
            let between = before[at + 1..].iter().copied();
            let ahead = [i, *earlier].into_iter();
            let inserted = ahead.chain(between.clone()).chain(after.clone());
            if self.try_rest(at, walk.clone(), inserted)? {
                return Ok(true);
            }
            if between.len() > 0 {
                let late = std::iter::once(*earlier).chain(after.clone());
                let swapped = std::iter::once(i).chain(between).chain(late);
                if self.try_rest(at, walk.clone(), swapped)? {
                    return Ok(true);
                }
            }
            self.follow(&mut walk, *earlier, &self.placings[*earlier]);
        }
        Ok(false)
    }
}

fn need_pages(request: &Request) -> u64 {
    request.memory_pages + request.overhead_pages
}
