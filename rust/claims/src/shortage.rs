//! What a placement does while memory is short: it waits, holds out for a nearer plan, or gives up.

use std::time::Duration;

use planner::{
    plan, Distance, Host, Limits, NodeMemory, NodeSet, Policy, Reason, Refusal, Request,
};

use crate::error::Error;
use crate::hypervisor::Hypervisor;
use crate::ledger::{reserve, View};
use crate::line::For;
use crate::placing::{limits, Aim, Placing, Step};
use crate::protocol::Protocol;
use crate::sizes::least_structure_pages;
use crate::state::State;
use crate::waiting::{Hope, Watch};

/// How long a placement that could be made waits for a nearer one.
const MOST_HELD_OUT: Duration = Duration::from_secs(60);

impl<H: Hypervisor> Protocol<H> {
    /// Whoever has waited for memory waits on while more comes back, if that may bring a nearer
    /// plan: it would live with the farther one for as long as it runs. But not for long: there
    /// may always be something that comes back.
    pub(crate) fn hold_out(
        &self,
        placing: &mut Placing,
        state: &mut State,
        seen: &View,
        aim: &Aim,
    ) -> Option<Duration> {
        let nearest = placing.if_empty?.ok()??;
        let nearer = match aim {
            Aim::Planned(plan) => nearest.compare(plan.distance.as_ref()?).is_lt(),
            Aim::Unplaced(_) => true,
            Aim::Short(_) | Aim::Refused(_) => false,
        };
        let now = self.hypervisor.now();
        let since = *placing.holding_out_since.get_or_insert(now);
        if !nearer || now.saturating_sub(since) >= MOST_HELD_OUT {
            return None;
        }
        self.keep_watch(placing, state, seen, Hope::NearerPlan)
    }

    /// How long to wait in the line for memory before the next look; `None`: it is not worth it.
    pub(crate) fn keep_watch(
        &self,
        placing: &mut Placing,
        state: &mut State,
        seen: &View,
        hope: Hope,
    ) -> Option<Duration> {
        let (now, unclaimed) = (self.hypervisor.now(), seen.unclaimed_pages);
        let watch = placing
            .watch
            .get_or_insert_with(|| Watch::new(now, unclaimed, &seen.domains));
        let at_most = state.config.memory_wait;
        let poll = watch.look(now, hope, at_most, unclaimed, &seen.domains);
        placing.stop_queueing(now);
        placing.waiting_since.get_or_insert(now);
        let waits_for = match hope {
            Hope::AnyPlan => For::Memory,
            Hope::NearerPlan => For::NearerPlan,
        };
        match poll {
            Some(_) => (state.line).wait(placing.domid(), placing.needed_pages(), now, waits_for),
            None => placing.stop_waiting(now),
        }
        poll
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
        let request = &placing.placement.request;
        let own_pages = least_structure_pages(request.vcpus);
        let limits = limits(&state.config, reserve(&state.config, own_pages));
        let empty =
            *(placing.if_empty).get_or_insert_with(|| if_empty(&seen.host, request, &limits));
        match (empty, placing.request().policy) {
            (Err(refusal), _) if refusal.reason == Reason::HostMemory => {
                return Err(self.host_full(placing, state, seen));
            }
            (Err(refusal), Policy::Strict) => {
                return Err(Error::Refused {
                    domid: placing.domid(),
                    refusal,
                });
            }
            (Ok(_) | Err(_), _) => (),
        }
        let held: u64 = state.builds.values().map(|build| build.held_pages).sum();
        let held = held + seen.structure_pages;
        if (1..=held + self.hidden_pages(state)).contains(&refusal.short.pages) {
            return self.queue(
                placing,
                state,
                "the memory that is missing may be among theirs",
            );
        }
        // Nodes that refused a claim may have room when memory has come back.
        placing.full = NodeSet::EMPTY;
        placing.refused_in_a_row = 0;
        if let (false, Some(watch)) = (placing.short, &mut placing.watch) {
            watch.short_again(now);
        }
        placing.short = true;
        match self.keep_watch(placing, state, seen, Hope::AnyPlan) {
            Some(poll) => Ok(Step::Wait(poll)),
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
            available_pages: (seen.host)
                .host_claimable_pages(&seen.reserve(&state.config, placing.request())),
            waited: placing.waited,
        }
    }
}

/// How near a plan would be if all memory of the host were free, or why there is none.
fn if_empty(host: &Host, request: &Request, limits: &Limits) -> Result<Option<Distance>, Refusal> {
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
    memory.host_reserved_pages = 0;
    let empty = Host::with_memory(host.topology().clone(), memory);
    plan(&empty, request, limits).map(|plan| plan.distance)
}

/// More than the host can ever give: its nodes with their holes.
fn capacity_pages(host: &Host) -> u64 {
    let nodes = host.memory().nodes.iter().flatten();
    nodes.map(|node| node.size_pages).sum()
}
