//! A placement under way: a machine of steps that never sleeps, so that it runs on any clock.

use std::time::Duration;

use planner::{
    plan, Distance, Host, Limits, NodeMemory, NodeSet, Plan, Policy, Reason, Refusal, Request,
};

use crate::config::{Claims, Config};
use crate::error::Error;
use crate::hypervisor::{Domid, Hypervisor};
use crate::ledger::{view, View};
use crate::line::For;
use crate::protocol::{Placed, Placement, Protocol};
use crate::settling::Settling;
use crate::state::State;
use crate::waiting::{Hope, Watch};

/// How long a placement that could be made waits for a nearer one.
const MOST_HELD_OUT: Duration = Duration::from_secs(60);

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
    pub(crate) placement: Placement,
    /// Nodes whose claim was refused.
    pub(crate) full: NodeSet,
    pub(crate) replans: u32,
    pub(crate) watch: Option<Watch>,
    /// Since when it could have been placed, and waits for a nearer plan.
    holding_out_since: Option<Duration>,
    /// Whether memory was short at the last look.
    short: bool,
    /// How near its plan would be on an empty host; known once it has had to wait.
    nearest_if_empty: Option<Distance>,
    pub(crate) waited: Duration,
    pub(crate) queued_since: Option<Duration>,
    pub(crate) queued: Duration,
    pub(crate) settling: Option<Settling>,
}

/// What a placement wants to do, now that it has read the host.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum Aim {
    Planned(Plan),
    Unplaced(String),
    /// The host or the nodes are short of memory, and more would help.
    Short(Refusal),
    /// The policy is strict, and more memory would not help.
    Refused(Refusal),
}

impl Placing {
    pub(crate) fn new(placement: Placement) -> Self {
        Placing {
            placement,
            full: NodeSet::EMPTY,
            replans: 0,
            watch: None,
            holding_out_since: None,
            short: false,
            nearest_if_empty: None,
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
                self.lock().line.leave(placing.domid());
                ended
            }
        }
    }

    fn try_once(&self, placing: &mut Placing) -> Result<Step, Error> {
        let domid = placing.domid();
        let (config, mut builds) = {
            let mut state = self.lock();
            self.check_unplaced(&mut state, domid)?;
            (state.config.clone(), state.builds.clone())
        };
        let seen = view(&self.hypervisor, &self.topology, &mut builds)?;
        let aim = self.aim(placing, &config, &seen.host);
        if placing.watch.is_some() && placing.nearest_if_empty.is_none() {
            placing.nearest_if_empty = nearest_if_empty(&seen.host, placing.request(), &config);
        }
        // Only now the lock: the plan is checked against the counters of this instant.
        let mut state = self.lock();
        self.check_unplaced(&mut state, domid)?;
        let seen = view(&self.hypervisor, &self.topology, &mut state.builds)?;
        let now = self.hypervisor.now();
        state.line.tidy(now, &seen.domains);
        state.line.pause(domid, now);
        if let Some(wait) = self.switch_claims(placing, &mut state)? {
            return Ok(wait);
        }
        let aim = match aim {
            Aim::Planned(plan) if still_good(&plan, placing, &state.config, &seen.host) => {
                Aim::Planned(plan)
            }
            Aim::Planned(_) | Aim::Unplaced(_) | Aim::Short(_) | Aim::Refused(_) => {
                self.aim(placing, &state.config, &seen.host)
            }
        };
        placing.short &= matches!(aim, Aim::Short(_));
        if let Aim::Planned(plan) = &aim {
            if let Some(poll) = self.hold_out(placing, &state, &seen, plan) {
                return Ok(Step::Wait(poll));
            }
        }
        let planned = match aim {
            Aim::Planned(plan) => Ok(plan),
            Aim::Unplaced(why) => Err(why),
            Aim::Short(refusal) => return self.fall_short(placing, &mut state, &seen, refusal),
            Aim::Refused(refusal) => return Err(Error::Refused { domid, refusal }),
        };
        let nodes = (planned.as_ref()).map_or(self.online(), |plan| plan.nodes);
        // Which claim it will be decides whom it must not meet.
        if planned.is_ok() && state.claims() == Claims::Always {
            self.kind_of_claim(domid, nodes, &mut state);
        }
        if self.must_queue(placing, &state, &seen, nodes) {
            let why = "claims made while they take memory could succeed wrongly";
            return self.queue(placing, &mut state, why);
        }
        let rest_pages = self.rest_pages(placing, &state, &seen);
        if state.line.holds_up(domid, rest_pages) {
            let why = "placements that came before wait for memory, and were overtaken before";
            return self.queue(placing, &mut state, why);
        }
        let step = match planned {
            Ok(plan) => self.stake_plan(placing, &mut state, plan),
            Err(why) => self.stake_unplaced(placing, &mut state, why),
        };
        if placing.settling.is_some() {
            state.line.overtake(domid, rest_pages);
        }
        step
    }

    /// A domain is placed once, and a claim on a node is its last.
    fn check_unplaced(&self, state: &mut State, domid: Domid) -> Result<(), Error> {
        let known = state.builds.contains_key(&domid) || state.node_claimed.contains(&domid);
        if !known {
            return Ok(());
        }
        if self.alive(domid) == Some(false) {
            // The number is another domain's now.
            state.builds.remove(&domid);
            state.node_claimed.remove(&domid);
            return Ok(());
        }
        if state.builds.contains_key(&domid) {
            let found = "a domain that is being built";
            let expected = "a domain that is not placed yet, or was abandoned";
            return Err(planner::Invalid::new("domid", found, expected).into());
        }
        Err(Error::MustDestroy {
            domid,
            why: "it has had a claim on a node, and another claim can bring the host down"
                .to_string(),
        })
    }

    fn aim(&self, placing: &Placing, config: &Config, host: &Host) -> Aim {
        let request = placing.narrowed(self.online());
        let refusal = match plan(host, &request, &limits(config)) {
            Ok(plan) => return Aim::Planned(plan),
            Err(refusal) => refusal,
        };
        match (refusal.reason, request.policy) {
            (Reason::HostMemory, _) => Aim::Short(refusal),
            (_, Policy::Strict) if refusal.short.pages > 0 => Aim::Short(refusal),
            (_, Policy::Strict) => Aim::Refused(refusal),
            (
                Reason::Memory
                | Reason::Cpus
                | Reason::Cores
                | Reason::Reachability
                | Reason::Mask
                | Reason::SingleNode,
                Policy::Any | Policy::BestEffort | Policy::BestEffortHard | Policy::PrioMemOnly,
            ) => Aim::Unplaced(refusal.to_string()),
        }
    }

    /// Whoever has waited for memory waits on while more comes back, if that may bring a nearer
    /// plan: it would live with the farther one for as long as it runs. But not for long: there
    /// may always be something that comes back.
    fn hold_out(
        &self,
        placing: &mut Placing,
        state: &State,
        seen: &View,
        plan: &Plan,
    ) -> Option<Duration> {
        let nearest = placing.nearest_if_empty?;
        let now = self.hypervisor.now();
        let since = *placing.holding_out_since.get_or_insert(now);
        let in_time = now.saturating_sub(since) < MOST_HELD_OUT;
        match in_time && nearest.compare(&plan.distance?).is_lt() {
            true => {
                placing.stop_queueing(now);
                self.keep_watch(placing, state, seen, Hope::NearerPlan)
            }
            false => None,
        }
    }

    /// How long to wait for memory before the next look, or `None` if it is not worth it.
    pub(crate) fn keep_watch(
        &self,
        placing: &mut Placing,
        state: &State,
        seen: &View,
        hope: Hope,
    ) -> Option<Duration> {
        let (now, unclaimed) = (self.hypervisor.now(), seen.unclaimed_pages);
        let watch = placing
            .watch
            .get_or_insert_with(|| Watch::new(now, unclaimed, &seen.domains));
        placing.waited = watch.waited(now);
        let at_most = state.config.memory_wait;
        watch.look(now, hope, at_most, unclaimed, &seen.domains)
    }

    /// The memory is not there now: waits while some is given back, or while builds that hold
    /// more than they will take, or hide what they take, have not ended.
    pub(crate) fn fall_short(
        &self,
        placing: &mut Placing,
        state: &mut State,
        seen: &View,
        refusal: Refusal,
    ) -> Result<Step, Error> {
        let now = self.hypervisor.now();
        let held: u64 = state.builds.values().map(|build| build.held_pages).sum();
        if (1..=held + self.hidden_pages(state)).contains(&refusal.short.pages) {
            return self.queue(
                placing,
                state,
                "the memory that is missing may be among theirs",
            );
        }
        placing.stop_queueing(now);
        if placing.needed_pages() > capacity_pages(&seen.host) {
            return Err(self.host_full(placing, state, seen));
        }
        // Nodes that refused a claim may have room when memory has come back.
        placing.full = NodeSet::EMPTY;
        if let (false, Some(watch)) = (placing.short, &mut placing.watch) {
            watch.short_again(now);
        }
        placing.short = true;
        match self.keep_watch(placing, state, seen, Hope::AnyPlan) {
            Some(poll) => {
                (state.line).wait(placing.domid(), placing.needed_pages(), now, For::Memory);
                Ok(Step::Wait(poll))
            }
            None if refusal.reason == Reason::HostMemory => {
                Err(self.host_full(placing, state, seen))
            }
            None => Err(Error::Refused {
                domid: placing.domid(),
                refusal,
            }),
        }
    }

    pub(crate) fn host_full(&self, placing: &Placing, state: &State, seen: &View) -> Error {
        Error::HostFull {
            domid: placing.domid(),
            needed_pages: placing.needed_pages(),
            available_pages: seen.host.host_claimable_pages(&state.config.reserve),
            waited: placing.waited,
        }
    }
}

/// How near a plan would be if all memory of the host were free.
fn nearest_if_empty(host: &Host, request: &Request, config: &Config) -> Option<Distance> {
    let mut memory = host.memory().clone();
    for node in memory.nodes.iter_mut().flatten() {
        *node = NodeMemory {
            size_pages: node.size_pages,
            free_pages: node.size_pages,
            ..NodeMemory::default()
        };
    }
    memory.host_free_pages = capacity_pages(host);
    memory.host_outstanding_pages = 0;
    memory.host_held_pages = 0;
    let empty = Host::with_memory(host.topology().clone(), memory).ok()?;
    plan(&empty, request, &limits(config)).ok()?.distance
}

/// More than the host can ever give: its nodes with their holes.
fn capacity_pages(host: &Host) -> u64 {
    let nodes = host.memory().nodes.iter().flatten();
    nodes.map(|node| node.size_pages).sum()
}

fn limits(config: &Config) -> Limits {
    Limits {
        reserve: config.reserve,
        budget_steps: config.plan_budget_steps,
    }
}

pub(crate) fn plan_refusal(host: &Host, request: &Request, config: &Config) -> Option<Refusal> {
    plan(host, request, &limits(config)).err()
}

/// Whether the nodes of `plan` still have what it asks of them, and the host too.
fn still_good(plan: &Plan, placing: &Placing, config: &Config, host: &Host) -> bool {
    let claimable = host.claimable_pages(&config.reserve);
    let room: u64 = plan.nodes.iter().map(|node| claimable[node]).sum();
    plan.nodes
        .iter()
        .all(|node| plan.pages[node] <= claimable[node])
        && placing.needed_pages() <= room
        && placing.needed_pages() <= host.host_claimable_pages(&config.reserve)
}
