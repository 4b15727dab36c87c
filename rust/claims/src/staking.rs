//! Making a claim, by the highest rung that the hypervisor has, and looking that it stands.

use std::time::Duration;

use planner::{NodeSet, Plan, Policy, Reason};

use crate::config::{BuilderClaims, Claims};
use crate::error::Error;
use crate::hypervisor::{Accounting, Domid, Errno, Hypervisor};
use crate::ledger::{view, Affined, Build, Claimed, View};
use crate::placing::{plan_refusal, Placing, Step};
use crate::protocol::{Builder, Outcome, Placed, Protocol, Rung, State};
use crate::waiting::Watch;

/// Plans that are made anew after a node claim was refused, before the host is claimed instead.
const MAX_REPLANS: u32 = 3;

/// How long late accounting may show more claimed than free after a claim.
const SETTLING: Duration = Duration::from_secs(1);
const SETTLING_POLL: Duration = Duration::from_millis(50);

/// A claim that was made, and is looked at until the counters agree with it.
#[derive(Debug)]
pub(crate) struct Settling {
    rung: Rung,
    plan: Option<Plan>,
    since: Duration,
}

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
            Err(error) => {
                self.release_affinity(domid)?;
                let doing = format!("claiming {pages} pages of node {node}");
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
                    Some(_) | None => self.refused_for_no_reason(placing, state, &seen),
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
        state: &State,
        seen: &View,
    ) -> Result<Step, Error> {
        let now = self.hypervisor.now();
        let unclaimed = seen.unclaimed_pages;
        let watch = placing
            .watch
            .get_or_insert_with(|| Watch::new(now, unclaimed, &seen.domains));
        placing.waited = watch.waited(now);
        match watch.look(now, state.config.memory_wait, unclaimed, &seen.domains) {
            Some(poll) => Ok(Step::Wait(poll)),
            None => Err(self.host_full(placing, state, seen)),
        }
    }

    /// Looks that the claim is really there, and takes note of the build.
    fn staked(
        &self,
        placing: &mut Placing,
        state: &mut State,
        mut rung: Rung,
        plan: Option<Plan>,
    ) -> Result<Step, Error> {
        let domid = placing.domid();
        let pages = placing.request().memory_pages;
        let mut claim = match rung {
            Rung::NodeClaim(_) => Claimed::OnNode,
            Rung::HostClaim | Rung::Anywhere | Rung::Unplaced(_) => Claimed::OnHost,
            Rung::ClaimedByBuilder | Rung::Unclaimed => Claimed::Not,
        };
        match (claim, self.outstanding_pages(domid)?) {
            (Claimed::Not, _) | (Claimed::OnNode, Some(1..)) => (),
            (Claimed::OnHost, Some(1..)) => state.host_claims = Some(true),
            (Claimed::OnNode | Claimed::OnHost, Some(0)) => {
                // libxenctrl of 4.17 says success where the hypervisor said ENOSYS.
                state.host_claims = Some(false);
                rung = Rung::Unclaimed;
                claim = Claimed::Not;
            }
            (Claimed::OnNode | Claimed::OnHost, None) => {
                return Err(Error::MustDestroy {
                    domid,
                    why: "it vanished while it was being placed".to_string(),
                });
            }
        }
        let affinity = match &plan {
            None => Affined::Not,
            Some(plan) if self.all_have_cpus(plan.nodes) => Affined::ForBuild,
            Some(_) => Affined::ForGood,
        };
        let nodes = plan.as_ref().map_or(self.online(), |plan| plan.nodes);
        state.builds.insert(
            domid,
            Build {
                nodes,
                memory_pages: pages,
                held_pages: placing.request().overhead_pages,
                claim,
                affinity,
            },
        );
        let now = self.hypervisor.now();
        placing.stop_queueing(now);
        let settling = Settling {
            rung,
            plan,
            since: now,
        };
        match self.hypervisor.accounting() {
            Accounting::Late if claim != Claimed::Not => self.settle(placing, settling),
            Accounting::Late | Accounting::AtAllocation => {
                Ok(self.done(placing, settling, claim != Claimed::Not))
            }
        }
    }

    /// With late accounting, a claim made while a build hides memory may have succeeded wrongly:
    /// it stands once there is as much free as is claimed.
    pub(crate) fn settle(&self, placing: &mut Placing, settling: Settling) -> Result<Step, Error> {
        let domid = placing.domid();
        let memory = (self.hypervisor.memory()).map_err(Error::reading("reading free memory"))?;
        if memory.host_free_pages >= memory.host_outstanding_pages {
            return Ok(self.done(placing, settling, true));
        }
        let now = self.hypervisor.now();
        if now.saturating_sub(settling.since) < SETTLING {
            placing.settling = Some(settling);
            return Ok(Step::Wait(SETTLING_POLL));
        }
        match settling.rung {
            // A second claim after one on a node can bring the host down.
            Rung::NodeClaim(node) => Err(Error::MustDestroy {
                domid,
                why: format!(
                    "its claim on node {node} left {} pages free and {} claimed",
                    memory.host_free_pages, memory.host_outstanding_pages
                ),
            }),
            Rung::HostClaim
            | Rung::Anywhere
            | Rung::Unplaced(_)
            | Rung::ClaimedByBuilder
            | Rung::Unclaimed => {
                self.abandoned(domid)?;
                let state = self.lock();
                self.queue(placing, &state, "more was claimed than is free")
            }
        }
    }

    fn done(&self, placing: &Placing, settled: Settling, claimed: bool) -> Step {
        let Settling { rung, plan, .. } = settled;
        Step::Placed(Placed {
            domid: placing.domid(),
            topology: self.topology.clone(),
            request: placing.request().clone(),
            hard_pinned: placing.placement.hard_pinned,
            outcome: Outcome {
                rung,
                plan,
                claimed_pages: match claimed {
                    true => placing.request().memory_pages,
                    false => 0,
                },
                replans: placing.replans,
                waited: placing.waited,
                queued: placing.queued,
            },
        })
    }

    fn has_node_claims(&self, domid: Domid, state: &mut State) -> bool {
        if state.node_claims.is_none() {
            let first = self.online().lowest().unwrap_or(0);
            state.node_claims = match self.hypervisor.claim_node(domid, first, 0) {
                Ok(()) => Some(true),
                Err(error) => match error.errno {
                    Errno::ENOENT => Some(true),
                    Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM => Some(false),
                    Errno::EINVAL if self.alive(domid) => Some(false),
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

    fn outstanding_pages(&self, domid: Domid) -> Result<Option<u64>, Error> {
        let domains = (self.hypervisor.domains()).map_err(Error::reading("listing domains"))?;
        let domain = domains.iter().find(|domain| domain.domid == domid);
        Ok(domain.map(|domain| domain.outstanding_pages))
    }

    fn all_have_cpus(&self, nodes: NodeSet) -> bool {
        let processors = self.topology.processors(None);
        nodes.iter().all(|node| processors.cpus[node] > 0)
    }

    fn release_if(&self, domid: Domid, affinity_set: bool) -> Result<(), Error> {
        match affinity_set {
            true => self.release_affinity(domid),
            false => Ok(()),
        }
    }
}
