//! A placement under way: a machine of steps that never sleeps, so that it runs on any clock.

use std::collections::BTreeSet;
use std::time::Duration;

use planner::{plan, Distance, Limits, NodeSet, Plan, Policy, Refusal, Request, Reserve};

use crate::attempt::{Attempt, Number};
use crate::config::{Claims, Config};
use crate::error::Error;
use crate::foresight::{roomy, starts_unplaced};
use crate::hypervisor::{DomainInfo, Domid, Hypervisor};
use crate::ledger::{view, Claimed, View};
use crate::placement::{Placed, Placement, Reservation};
use crate::protocol::Protocol;
use crate::settling::Settling;
use crate::state::State;
use crate::waiting::Watch;

/// What the next step of a placement is.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Step {
    /// It is placed.
    Placed(Placed),
    /// To be stepped again after this time.
    Wait(Duration),
    /// It cannot be placed. Nothing is left claimed, unless the error says so.
    Failed(Error),
}

/// A placement under way.
#[derive(Debug)]
pub struct Placing {
    pub(crate) attempt: Attempt,
    pub(crate) placement: Placement,
    /// Kinds of claims that this domain was answered not to be.
    pub(crate) without: BTreeSet<Claimed>,
    /// Nodes whose claim was refused.
    pub(crate) full: NodeSet,
    pub(crate) replans: u32,
    /// Claims on nodes that were refused since memory was short.
    pub(crate) refused_in_a_row: u32,
    pub(crate) watch: Option<Watch>,
    /// Since when it could have been placed, and waits for a nearer plan.
    pub(crate) holding_out_since: Option<Duration>,
    /// Whether memory was short at the last look.
    pub(crate) short: bool,
    /// How near its plan would be on an empty host, or why there is none; known once it has had
    /// to wait.
    pub(crate) if_empty: Option<Result<Option<Distance>, Refusal>>,
    pub(crate) waiting_since: Option<Duration>,
    pub(crate) waited: Duration,
    pub(crate) queued_since: Option<Duration>,
    pub(crate) queued: Duration,
    pub(crate) settling: Option<Settling>,
}

/// What a placement wants to do, now that it has read the host.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Aim {
    Planned(Plan),
    Unplaced(String),
    /// The host or the nodes are short of memory, and more would help.
    Short(Refusal),
    /// The policy is strict, and more memory would not help.
    Refused(Refusal),
}

impl Placing {
    pub(crate) fn new(handle: Number, placement: Placement) -> Self {
        Placing {
            attempt: Attempt {
                handle,
                number: Number::next(),
                domid: placement.domid,
            },
            placement,
            without: BTreeSet::new(),
            full: NodeSet::EMPTY,
            replans: 0,
            refused_in_a_row: 0,
            watch: None,
            holding_out_since: None,
            short: false,
            if_empty: None,
            waiting_since: None,
            waited: Duration::ZERO,
            queued_since: None,
            queued: Duration::ZERO,
            settling: None,
        }
    }

    /// The domain.
    pub fn domid(&self) -> Domid {
        self.placement.domid
    }

    /// Time spent until memory was given back, up to its last step.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Time spent until earlier builds ended, up to its last step.
    pub fn queued(&self) -> Duration {
        self.queued
    }

    pub(crate) fn request(&self) -> &Request {
        &self.placement.request
    }

    pub(crate) fn needed_pages(&self) -> u64 {
        self.request().memory_pages + self.request().overhead_pages
    }

    /// The request on the nodes that have not refused it.
    pub(crate) fn narrowed(&self, online: NodeSet) -> Request {
        let mut request = self.request().clone();
        if !self.full.is_empty() {
            let allowed = request.allowed_nodes.unwrap_or(online);
            request.allowed_nodes = Some(allowed.minus(self.full));
        }
        request
    }

    pub(crate) fn stop_waiting(&mut self, now: Duration) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += now.saturating_sub(since);
        }
    }

    pub(crate) fn stop_queueing(&mut self, now: Duration) {
        if let Some(since) = self.queued_since.take() {
            self.queued += now.saturating_sub(since);
        }
    }
}

impl<H: Hypervisor> Protocol<H> {
    /// Takes a placement one step forward: reads the host, plans, claims. Never sleeps.
    pub fn step(&self, placing: &mut Placing) -> Step {
        let mut step = Ok(Step::Wait(Duration::ZERO));
        if placing.settling.is_none() {
            step = self.try_once(placing);
        }
        // A claim that was just made is looked at at once, without the lock.
        if let Some(settling) = placing.settling.take() {
            step = self.settle(placing, settling);
        }
        match step.unwrap_or_else(Step::Failed) {
            Step::Wait(time) => Step::Wait(time),
            ended @ (Step::Placed(_) | Step::Failed(_)) => {
                let now = self.hypervisor.now();
                placing.stop_waiting(now);
                placing.stop_queueing(now);
                let mut state = self.lock();
                // Who abandoned it has taken it out of the line, where its next attempt may stand.
                if !state.is_void(placing.attempt) {
                    state.line.leave(placing.domid());
                }
                drop(state);
                ended
            }
        }
    }

    fn try_once(&self, placing: &mut Placing) -> Result<Step, Error> {
        let domid = placing.domid();
        let (config, mut builds) = {
            let mut state = self.lock();
            if state.claims() == Claims::Never && placing.request().policy == Policy::Any {
                return self.leave_alone(placing, &mut state);
            }
            (state.config.clone(), state.builds.clone())
        };
        let seen = view(&self.hypervisor, &self.topology, &mut builds)?;
        let aim = self.aim(placing, &config, &seen)?;
        // Only now the lock: the plan is checked against the counters of this instant.
        let mut state = self.lock();
        let seen = view(&self.hypervisor, &self.topology, &mut state.builds)?;
        state.left_out = seen.host.left_out();
        check_unplaced(&mut state, placing.attempt, &seen.domains)?;
        let now = self.hypervisor.now();
        state.line.tidy(now, &seen.domains);
        state.line.pause(domid, now);
        if let Some(wait) = self.switch_claims(placing, &mut state)? {
            return Ok(wait);
        }
        let aim = match aim {
            Aim::Planned(plan) if still_good(&plan, placing, &state.config, &seen) => {
                Aim::Planned(plan)
            }
            Aim::Planned(_) | Aim::Unplaced(_) | Aim::Short(_) | Aim::Refused(_) => {
                self.aim(placing, &state.config, &seen)?
            }
        };
        placing.short &= matches!(aim, Aim::Short(_));
        if let Some(poll) = self.hold_out(placing, &mut state, &seen, &aim) {
            return Ok(Step::Wait(poll));
        }
        let planned = match aim {
            Aim::Planned(plan) => Ok(plan),
            Aim::Unplaced(why) => Err(why),
            Aim::Short(refusal) => return self.fall_short(placing, &mut state, &seen, refusal),
            Aim::Refused(refusal) => return Err(Error::Refused { domid, refusal }),
        };
        let nodes = (planned.as_ref()).map_or(self.online(), |plan| plan.nodes);
        self.check_first_claim(placing, &mut state)?;
        // Which claim it will be decides whom it must not meet.
        let kind = self.kind_of_claim(placing, nodes, planned.is_ok(), &mut state);
        if self.must_queue(placing, &state, &seen, (kind, nodes)) {
            let why = "claims made while they take memory could succeed wrongly";
            return self.queue(placing, &mut state, why);
        }
        let rest = self.rest(placing, &state, &seen);
        if state.line.holds_up(domid, rest) {
            let why = "placements that came before wait for memory, and need what is free or were \
                       overtaken before";
            return self.queue(placing, &mut state, why);
        }
        let step = match planned {
            Ok(plan) => self.stake_plan(placing, &mut state, plan),
            Err(why) => self.stake_unplaced(placing, &mut state, why),
        };
        if placing.settling.is_some() {
            state.line.overtake(domid, rest);
        }
        step
    }

    /// What claims nothing and asks for no nodes takes what Xen gives: nothing is planned for it,
    /// and nothing refused.
    fn leave_alone(&self, placing: &mut Placing, state: &mut State) -> Result<Step, Error> {
        let domains = (self.hypervisor.domains()).map_err(Error::reading("listing domains"))?;
        check_unplaced(state, placing.attempt, &domains)?;
        match self.switch_claims(placing, state)? {
            Some(wait) => Ok(wait),
            // They were just switched on.
            None if state.claims() == Claims::Always => Ok(Step::Wait(Duration::ZERO)),
            None => self.staked(placing, state, Reservation::Unclaimed, None, Claimed::Not),
        }
    }

    fn aim(&self, placing: &Placing, config: &Config, seen: &View) -> Result<Aim, Error> {
        let host = &seen.host;
        let nodes_known = self.unknown.is_none() && !host.usable().is_empty();
        match (&seen.unknown, placing.request().policy) {
            (None, _) if nodes_known => Ok(self.plan_aim(placing, config, seen)),
            (None, Policy::Strict) => match &self.unknown {
                None => Ok(self.plan_aim(placing, config, seen)),
                Some(error) => Err(Error::reading("reading nodes and CPUs")(error.clone())),
            },
            (Some(error), Policy::Strict) => {
                Err(Error::reading("reading free memory")(error.clone()))
            }
            (
                unknown,
                Policy::Any | Policy::BestEffort | Policy::BestEffortHard | Policy::PrioMemOnly,
            ) => Ok(Aim::Unplaced(match unknown {
                Some(error) => format!("free memory is not known ({error})"),
                None => "of no node memory and distances are known".to_string(),
            })),
        }
    }

    fn plan_aim(&self, placing: &Placing, config: &Config, seen: &View) -> Aim {
        let (host, request) = (&seen.host, placing.narrowed(self.online()));
        let limits = limits(config, seen.reserve(config, placing.request()));
        if let Ok(plan) = plan(host, &roomy(&request), &limits) {
            return Aim::Planned(plan);
        }
        let refusal = match plan(host, &request, &limits) {
            Ok(plan) => return Aim::Planned(plan),
            Err(refusal) => refusal,
        };
        if starts_unplaced(refusal.reason, request.policy, config.claims) {
            return Aim::Unplaced(match placing.full {
                NodeSet::EMPTY => refusal.to_string(),
                // That they are left out is not what the request asked.
                full => format!("nodes {full} refused the claim; without them: {refusal}"),
            });
        }
        match refusal.short.pages {
            0 => Aim::Refused(refusal),
            1.. => Aim::Short(refusal),
        }
    }
}

/// A domain is placed once, while it lives, and a claim on a node is its last.
fn check_unplaced(
    state: &mut State,
    attempt: Attempt,
    domains: &[DomainInfo],
) -> Result<(), Error> {
    let domid = attempt.domid;
    if state.is_void(attempt) {
        return Err(Error::Cancelled { domid });
    }
    state.forget_all_but(domains);
    let conflict = |why: &str| {
        let why = why.to_string();
        Err(Error::Conflict { domid, why })
    };
    let alive = |domain: &&DomainInfo| domain.domid == domid && !domain.dying;
    let Some(domain) = domains.iter().find(alive) else {
        return conflict("it is not there or is being destroyed; place a domain that lives");
    };
    if state.builds.contains_key(&domid) {
        return conflict("it is being built; finish that build or abandon it first");
    }
    if state.node_claimed.contains(&domid) {
        return Err(Error::MustDestroy {
            domid,
            why: "it has had a claim on a node, and another claim can bring the host down"
                .to_string(),
        });
    }
    match domain.outstanding_pages {
        0 => Ok(()),
        pages => {
            state.claimed_by_another(domid);
            conflict(&format!(
                "{pages} pages are claimed for it by somebody else; abandon it to release them"
            ))
        }
    }
}

pub(crate) fn limits(config: &Config, reserve: Reserve) -> Limits {
    Limits {
        reserve,
        budget_steps: config.plan_budget_steps,
    }
}

/// Whether the nodes of `plan` still have what it asks of them, and the host too.
fn still_good(plan: &Plan, placing: &Placing, config: &Config, seen: &View) -> bool {
    let (host, reserve) = (&seen.host, seen.reserve(config, placing.request()));
    let claimable = host.claimable_pages(&reserve);
    let room: u64 = plan.nodes.iter().map(|node| claimable[node]).sum();
    plan.nodes
        .iter()
        .all(|node| plan.pages[node] <= claimable[node])
        && placing.needed_pages() <= room
        && placing.needed_pages() <= host.host_claimable_pages(&reserve)
}
