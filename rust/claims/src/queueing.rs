//! When a placement must wait for the builds before it.

use std::time::Duration;

use planner::NodeSet;

use crate::config::Claims;
use crate::error::Error;
use crate::hypervisor::{Accounting, Hypervisor};
use crate::ledger::{Build, Claimed, View};
use crate::placing::{Placing, Step};
use crate::protocol::{Protocol, State};

/// Pages of the largest extent: what can be between the heap and a domain that is being built.
const EXTENT_PAGES: u64 = 1 << 18;

/// How often a queued placement looks whether the builds before it have ended.
const QUEUE_POLL: Duration = Duration::from_millis(250);

impl<H: Hypervisor> Protocol<H> {
    /// A change of `claims` waits for the builds in flight, and what comes waits for the change.
    pub(crate) fn switch_claims(
        &self,
        placing: &mut Placing,
        state: &mut State,
    ) -> Result<Option<Step>, Error> {
        match state.pending {
            None => Ok(None),
            Some(claims) if state.builds.is_empty() => {
                state.config.claims = claims;
                state.pending = None;
                Ok(None)
            }
            Some(_) => {
                let why = "the switch numa-claims changes when they have";
                self.queue(placing, state, why).map(Some)
            }
        }
    }

    /// Whether a claim that is to be used on `nodes` could succeed wrongly, with late accounting,
    /// or be drained, or drain another, while other domains take their memory.
    pub(crate) fn must_queue(
        &self,
        placing: &Placing,
        state: &State,
        seen: &View,
        nodes: NodeSet,
    ) -> bool {
        match (self.hypervisor.accounting(), state.claims()) {
            (Accounting::Late, Claims::Always) => {
                tight(placing, state, seen) || contended(placing, state, seen, nodes, EXTENT_PAGES)
            }
            (Accounting::AtAllocation, Claims::Always) => contended(placing, state, seen, nodes, 0),
            (Accounting::Late | Accounting::AtAllocation, Claims::Never) => false,
        }
    }

    /// Pages of builds in flight that have left the free ones and are on no counter that tells.
    pub(crate) fn hidden_pages(&self, state: &State) -> u64 {
        match (self.hypervisor.accounting(), state.claims()) {
            (Accounting::AtAllocation, Claims::Always) => 0,
            // Without claims only a domain's pages tell how far its build is.
            (Accounting::Late, _) | (Accounting::AtAllocation, Claims::Never) => {
                EXTENT_PAGES * state.builds.len() as u64
            }
        }
    }

    pub(crate) fn queue(
        &self,
        placing: &mut Placing,
        state: &State,
        why: &'static str,
    ) -> Result<Step, Error> {
        let now = self.hypervisor.now();
        let since = *placing.queued_since.get_or_insert(now);
        let waited = now.saturating_sub(since);
        if waited < state.config.memory_wait {
            return Ok(Step::Wait(QUEUE_POLL));
        }
        Err(Error::Busy {
            domid: placing.domid(),
            builds: state.builds.keys().copied().collect(),
            why,
            waited,
        })
    }
}

/// Whether the host would have too little left beside the claim to hide an extent for each build.
fn tight(placing: &Placing, state: &State, seen: &View) -> bool {
    let builds = state.builds.len() as i64;
    let held: u64 = state.builds.values().map(|build| build.held_pages).sum();
    let rest = seen.unclaimed_pages - (placing.needed_pages() + held) as i64;
    builds > 0 && rest < EXTENT_PAGES as i64 * (builds + 1)
}

/// Whether a node would have too little left where a domain that claims it meets one that has a
/// claim on the host. That one takes what the first has not claimed there, and so the room of its
/// pool, which Xen then takes from its claim. Late accounting lets it take what is claimed, too:
/// Xen keeps them apart by a difference that an extent of `hidden_pages` on its way makes
/// negative.
fn contended(
    placing: &Placing,
    state: &State,
    seen: &View,
    nodes: NodeSet,
    hidden_pages: u64,
) -> bool {
    // One node means a claim on it where there are such claims, else a claim on the host.
    let kind = match (state.node_claims, nodes.len()) {
        (Some(true), 1) => Claimed::OnNode,
        (Some(true), _) => Claimed::OnHost,
        (Some(false) | None, _) => return false,
    };
    nodes.iter().any(|node| {
        let Some(Some(memory)) = seen.host.memory().nodes.get(node) else {
            return false;
        };
        let here = || {
            let builds = state.builds.iter();
            builds.filter(|(_, build)| build.nodes.contains(node))
        };
        let others = |build: &Build| build.claim != kind;
        if !here().any(|(_, build)| others(build)) {
            return false;
        }
        // Claims on this node are in claimed_pages already.
        let outstanding = |domid| {
            let domain = seen.domains.iter().find(|domain| domain.domid == domid);
            domain.map_or(0, |domain| domain.outstanding_pages)
        };
        let taken: u64 = here()
            .map(|(domid, build)| match build.claim {
                Claimed::OnNode => build.held_pages,
                Claimed::OnHost | Claimed::Not => build.held_pages + outstanding(*domid),
            })
            .sum();
        let need = memory.claimed_pages + taken + placing.needed_pages();
        let margin = hidden_pages * (here().count() as u64 + 1);
        memory.free_pages < need + margin
    })
}
