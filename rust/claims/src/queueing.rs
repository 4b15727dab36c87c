//! When a placement must wait for the builds before it.

use std::time::Duration;

use planner::NodeSet;

use crate::config::Claims;
use crate::error::Error;
use crate::hypervisor::{Accounting, Hypervisor};
use crate::kinds::Known;
use crate::ledger::{Build, Claimed, View};
use crate::line::{For, Rest};
use crate::placing::{Placing, Step};
use crate::protocol::Protocol;
use crate::state::State;

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

    /// Whether a claim that is to be used on `nodes` could succeed wrongly, or be drained, while
    /// other domains take their memory. With late accounting by what hides in their builds;
    /// without, by what would be left of a node's reserve, or for the pools of its builds, unless
    /// claims on nodes bind all.
    pub(crate) fn must_queue(
        &self,
        placing: &Placing,
        state: &State,
        seen: &View,
        claim: (Claimed, NodeSet),
    ) -> bool {
        match (self.capabilities.accounting, state.claims()) {
            (Accounting::Late, Claims::Always) => {
                tight(placing, state, seen)
                    || contended(placing, state, seen, claim, |builds| {
                        EXTENT_PAGES * (builds + 1)
                    })
            }
            // Every claim of a set binds all.
            (Accounting::AtAllocation, Claims::Always) if state.kinds.set == Known::Present => {
                false
            }
            (Accounting::AtAllocation, Claims::Always) => {
                let reserve_pages = state.config.reserve.node_pages;
                !self.capabilities.node_claims_bind_all
                    && contended(placing, state, seen, claim, |_| reserve_pages)
            }
            (Accounting::Late | Accounting::AtAllocation, Claims::Never) => false,
        }
    }

    /// Pages of builds in flight that have left the free ones and are on no counter that tells.
    pub(crate) fn hidden_pages(&self, state: &State) -> u64 {
        match (self.capabilities.accounting, state.claims()) {
            (Accounting::AtAllocation, Claims::Always) => 0,
            // Without claims only a domain's pages tell how far its build is.
            (Accounting::Late, _) | (Accounting::AtAllocation, Claims::Never) => {
                EXTENT_PAGES * state.builds.len() as u64
            }
        }
    }

    /// What would be left of the host beside this placement, for those who came before it. With
    /// late accounting whoever waits for memory cannot count on it: each build may be in the way.
    pub(crate) fn rest(&self, placing: &Placing, state: &State, seen: &View) -> Rest {
        let reserve = seen.reserve(&state.config, placing.request());
        let room = seen.host.host_claimable_pages(&reserve);
        let pages = room.saturating_sub(placing.needed_pages());
        match self.capabilities.accounting {
            Accounting::Late => Rest {
                pages,
                sure_pages: 0,
            },
            Accounting::AtAllocation => Rest {
                pages,
                sure_pages: pages,
            },
        }
    }

    /// Lets it wait for builds, or for placements before it, but not for ever.
    pub(crate) fn queue(
        &self,
        placing: &mut Placing,
        state: &mut State,
        why: &'static str,
    ) -> Result<Step, Error> {
        let now = self.hypervisor.now();
        (state.line).wait(placing.domid(), placing.needed_pages(), now, For::Builds);
        placing.stop_waiting(now);
        let since = *placing.queued_since.get_or_insert(now);
        let waited = now.saturating_sub(since);
        if waited < state.config.memory_wait {
            return Ok(Step::Wait(QUEUE_POLL));
        }
        Err(Error::Busy {
            domid: placing.domid(),
            builds: state.builds.keys().copied().collect(),
            waiters: state.line.ahead_of(placing.domid()),
            why,
            waited,
        })
    }
}

/// Whether the host would have too little left beside the claim to hide an extent for each build.
fn tight(placing: &Placing, state: &State, seen: &View) -> bool {
    let builds = state.builds.len() as i64;
    let held_pages = seen.host.memory().host_reserved_pages;
    let rest = seen.unclaimed_pages - (placing.needed_pages() + held_pages) as i64;
    builds > 0 && rest < EXTENT_PAGES as i64 * (builds + 1)
}

/// Whether a node would have too little left where a domain that claims it meets one that has a
/// claim on the host. With late accounting Xen keeps them apart by a difference that an extent on
/// its way makes negative, and lets the second drain the first then; and always the second may
/// take all that is not claimed, so that Xen's own pages and the first one's pool come out of what
/// the first has claimed. `margin_pages` of how many builds are there is what must be left.
fn contended(
    placing: &Placing,
    state: &State,
    seen: &View,
    (kind, nodes): (Claimed, NodeSet),
    margin_pages: impl Fn(u64) -> u64,
) -> bool {
    // What is claimed on the host comes from any node when its own are full.
    let nodes = match kind {
        Claimed::OnNode => nodes,
        Claimed::InSet | Claimed::OnHost | Claimed::Not => seen.host.topology().online(),
    };
    nodes.iter().any(|node| {
        let Some(Some(memory)) = seen.host.memory().nodes.get(node) else {
            return false;
        };
        let may_come_here = |build: &Build| match build.claim {
            Claimed::OnNode | Claimed::InSet => build.nodes.contains(node),
            Claimed::OnHost | Claimed::Not => true,
        };
        let here = || (state.builds.iter()).filter(|(_, build)| may_come_here(build));
        let on_node = |claim| claim == Claimed::OnNode;
        let others = |build: &Build| on_node(build.claim) != on_node(kind);
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
                Claimed::InSet | Claimed::OnHost | Claimed::Not => {
                    let to_come = build.unclaimed_pages(&seen.domains, *domid);
                    build.held_pages + outstanding(*domid) + to_come
                }
            })
            .sum();
        let need = memory.claimed_pages + taken + placing.needed_pages();
        memory.free_pages < need + margin_pages(here().count() as u64)
    })
}
