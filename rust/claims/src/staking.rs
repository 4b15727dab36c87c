//! Making a claim, by the highest rung that the hypervisor has.

use std::time::Duration;

use planner::{Plan, Policy, Reason};

use crate::config::{BuilderClaims, Claims};
use crate::error::Error;
use crate::hypervisor::{CallError, Domid, Errno, Hypervisor};
use crate::ledger::{view, View};
use crate::placing::{plan_refusal, Placing, Step};
use crate::protocol::{Builder, Protocol, Rung};
use crate::state::State;

/// Plans that are made anew after a node claim was refused, before the host is claimed instead.
const MAX_REPLANS: u32 = 3;

impl<H: Hypervisor> Protocol<H> {
    pub(crate) fn stake_plan(
        &self,
        placing: &mut Placing,
        state: &mut State,
        plan: Plan,
    ) -> Result<Step, Error> {
        let domid = placing.domid();
        if placing.request().policy == Policy::Any {
            return self.stake_host(placing, state, Rung::Anywhere, None);
        }
        (self.hypervisor.set_node_affinity(domid, Some(plan.nodes))).map_err(Error::call(
            domid,
            format!("setting its node affinity to {}", plan.nodes),
        ))?;
        let single = plan.nodes.lowest().filter(|_| plan.nodes.len() == 1);
        let by_protocol = state.claims() == Claims::Always && !self.builder_claims(placing, state);
        match single {
            Some(node) if by_protocol && self.has_node_claims(domid, state) => {
                self.stake_node(placing, state, node, plan)
            }
            Some(_) | None => self.stake_host(placing, state, Rung::HostClaim, Some(plan)),
        }
    }

    pub(crate) fn stake_unplaced(
        &self,
        placing: &mut Placing,
        state: &mut State,
        why: String,
    ) -> Result<Step, Error> {
        self.stake_host(placing, state, Rung::Unplaced(why), None)
    }

    fn stake_node(
        &self,
        placing: &mut Placing,
        state: &mut State,
        node: usize,
        plan: Plan,
    ) -> Result<Step, Error> {
        let domid = placing.domid();
        let pages = placing.request().memory_pages;
        match self.hypervisor.claim_node(domid, node, pages) {
            Ok(()) => self.staked(placing, state, Rung::NodeClaim(node), Some(plan)),
            Err(error) if error.errno == Errno::ENOMEM => {
                self.release_affinity(domid)?;
                placing.full = placing.full.with(node);
                placing.replans += 1;
                if placing.replans <= MAX_REPLANS {
                    return Ok(Step::Wait(Duration::ZERO));
                }
                let why = format!("nodes {} refused the claim", placing.full);
                match placing.request().policy {
                    Policy::Strict => Err(Error::call(domid, why)(error)),
                    Policy::Any
                    | Policy::BestEffort
                    | Policy::BestEffortHard
                    | Policy::PrioMemOnly => self.stake_unplaced(placing, state, why),
                }
            }
            Err(error) if matches!(error.errno, Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                // What the probe was answered was wrong, or is not true any more.
                state.node_claims = Some(false);
                self.stake_host(placing, state, Rung::HostClaim, Some(plan))
            }
            Err(error) => {
                self.release_affinity(domid)?;
                let doing = format!(
                    "claiming {pages} pages of node {node} (its maximum memory must be set \
                     before, and nothing claimed or populated)"
                );
                Err(Error::call(domid, doing)(error))
            }
        }
    }

    fn stake_host(
        &self,
        placing: &mut Placing,
        state: &mut State,
        rung: Rung,
        plan: Option<Plan>,
    ) -> Result<Step, Error> {
        let domid = placing.domid();
        let pages = placing.request().memory_pages;
        match state.claims() {
            Claims::Never => return self.staked(placing, state, Rung::Unclaimed, plan),
            Claims::Always if self.builder_claims(placing, state) => {
                return self.staked(placing, state, Rung::ClaimedByBuilder, plan);
            }
            Claims::Always => (),
        }
        let error = match self.hypervisor.claim_host(domid, pages) {
            Ok(()) => return self.staked(placing, state, rung, plan),
            Err(error) => error,
        };
        match error.errno {
            Errno::ENOSYS | Errno::EOPNOTSUPP => {
                state.host_claims = Some(false);
                self.staked(placing, state, Rung::Unclaimed, plan)
            }
            Errno::ENOMEM => {
                // Something took the memory between the look and the claim: look again.
                self.release_if(domid, plan.is_some())?;
                let seen = view(&self.hypervisor, &self.topology, &mut state.builds)?;
                let request = placing.narrowed(self.online());
                match plan_refusal(&seen.host, &request, &state.config) {
                    Some(refusal) if refusal.reason == Reason::HostMemory => {
                        self.fall_short(placing, state, &seen, refusal)
                    }
                    Some(_) | None => self.refused_for_no_reason(placing, state, &seen, error),
                }
            }
            _ => {
                self.release_if(domid, plan.is_some())?;
                let doing = format!(
                    "claiming {pages} pages of the host (its maximum memory must be set before, \
                     and nothing claimed or populated)"
                );
                Err(Error::call(domid, doing)(error))
            }
        }
    }

    /// ENOMEM although the counters say that the memory is there: as if it were just short.
    fn refused_for_no_reason(
        &self,
        placing: &mut Placing,
        state: &mut State,
        seen: &View,
        error: CallError,
    ) -> Result<Step, Error> {
        match self.keep_watch(placing, state, seen) {
            Some(poll) => Ok(Step::Wait(poll)),
            None => Err(Error::Call {
                source: error,
                domid: Some(placing.domid()),
                doing: format!(
                    "claiming {} pages of the host, which has {} free and unclaimed \
                     (something else claims or takes memory at the same time; try again)",
                    placing.request().memory_pages,
                    seen.unclaimed_pages
                ),
            }),
        }
    }

    /// Whether there are claims on single nodes, which is asked once, of a domain without a claim.
    pub(crate) fn has_node_claims(&self, domid: Domid, state: &mut State) -> bool {
        if state.node_claims.is_none() {
            let first = self.online().lowest().unwrap_or(0);
            state.node_claims = match self.hypervisor.claim_node(domid, first, 0) {
                Ok(()) => Some(true),
                Err(error) => match error.errno {
                    Errno::ENOENT => Some(true),
                    Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM => Some(false),
                    Errno::EINVAL if self.alive(domid) == Some(true) => Some(false),
                    // No answer, and no answer is not remembered.
                    _ => None,
                },
            };
        }
        state.node_claims == Some(true)
    }

    fn builder_claims(&self, placing: &Placing, state: &State) -> bool {
        match (state.config.builder_claims, placing.placement.builder) {
            (BuilderClaims::All, _) | (BuilderClaims::Pv, Builder::Pv) => true,
            (BuilderClaims::None, _) | (BuilderClaims::Pv, Builder::Hvm) => false,
        }
    }

    fn release_if(&self, domid: Domid, affinity_set: bool) -> Result<(), Error> {
        match affinity_set {
            true => self.release_affinity(domid),
            false => Ok(()),
        }
    }
}
