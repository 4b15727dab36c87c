//! Making a claim, by the highest rung that the hypervisor has.

use std::time::Duration;

use planner::{NodeSet, Plan, Policy, Reason};

use crate::config::{BuilderClaims, Claims};
use crate::error::Error;
use crate::hypervisor::{CallError, Claim, Domid, Errno, Hypervisor, NodePages};
use crate::ledger::{view, Claimed, View};
use crate::placement::{Builder, Reservation};
use crate::placing::{limits, Placing, Step};
use crate::protocol::Protocol;
use crate::settling::shares;
use crate::state::State;
use crate::waiting::Hope;

/// Plans that are made anew after a claim on nodes was refused, before the host is claimed instead.
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
            return self.stake_host(placing, state, Reservation::Anywhere, None);
        }
        (self.hypervisor.set_node_affinity(domid, Some(plan.nodes))).map_err(Error::call(
            domid,
            format!("setting its node affinity to {}", plan.nodes),
        ))?;
        if state.claims() == Claims::Never || self.builder_claims(placing, state) {
            return self.stake_host(placing, state, Reservation::HostClaim, Some(plan));
        }
        match self.kind_of_claim(placing, plan.nodes, true, state) {
            kind @ (Claimed::InSet | Claimed::OnNode) => {
                self.stake_nodes(placing, state, kind, plan)
            }
            Claimed::OnHost | Claimed::Not => {
                self.stake_host(placing, state, Reservation::HostClaim, Some(plan))
            }
        }
    }

    pub(crate) fn stake_unplaced(
        &self,
        placing: &mut Placing,
        state: &mut State,
        why: String,
    ) -> Result<Step, Error> {
        let reservation = match placing.request().policy {
            Policy::Any => Reservation::Anywhere,
            Policy::BestEffort | Policy::BestEffortHard | Policy::PrioMemOnly | Policy::Strict => {
                Reservation::Unplaced(why)
            }
        };
        self.stake_host(placing, state, reservation, None)
    }

    /// Claims what the plan says of its nodes: in a set, or on the only one.
    fn stake_nodes(
        &self,
        placing: &mut Placing,
        state: &mut State,
        kind: Claimed,
        plan: Plan,
    ) -> Result<Step, Error> {
        let domid = placing.domid();
        let pages = placing.request().memory_pages;
        let single = plan.nodes.lowest().filter(|_| plan.nodes.len() == 1);
        let set = shares(&plan);
        let claim = match (kind, single) {
            (Claimed::OnNode, Some(node)) => Claim::Node { node, pages },
            (Claimed::OnNode | Claimed::InSet | Claimed::OnHost | Claimed::Not, _) => {
                Claim::Set(&set)
            }
        };
        match self.hypervisor.claim(domid, claim) {
            Ok(()) => {
                let reservation = single.map_or(Reservation::ClaimSet, Reservation::NodeClaim);
                self.staked(placing, state, reservation, Some(plan), kind)
            }
            Err(error) if error.errno == Errno::ENOMEM => {
                let short = match single {
                    Some(node) => NodeSet::one(node),
                    None => self.short_nodes(domid, &set)?,
                };
                self.release_affinity(domid)?;
                placing.full = placing.full.union(short);
                placing.replans += 1;
                placing.refused_in_a_row += 1;
                if placing.refused_in_a_row <= MAX_REPLANS {
                    return Ok(Step::Wait(Duration::ZERO));
                }
                let why = match placing.full {
                    NodeSet::EMPTY => format!("nodes {} refused the claim", plan.nodes),
                    full => format!("nodes {full} refused the claim"),
                };
                match placing.request().policy {
                    Policy::Strict => Err(Error::call(domid, why)(error)),
                    Policy::Any
                    | Policy::BestEffort
                    | Policy::BestEffortHard
                    | Policy::PrioMemOnly => self.stake_unplaced(placing, state, why),
                }
            }
            Err(error) if error.is_unavailable() => {
                // What the probe was answered was wrong, or is not true any more: the next kind,
                // which must not meet other builds than this one.
                self.give_up(kind, placing, state);
                self.release_affinity(domid)?;
                Ok(Step::Wait(Duration::ZERO))
            }
            Err(error) => {
                self.release_affinity(domid)?;
                let nodes = plan.nodes;
                let doing = format!(
                    "claiming {pages} pages of nodes {nodes} (its maximum memory must be set \
                     before, nothing claimed or populated, and it must not run yet)"
                );
                Err(Error::call(domid, doing)(error))
            }
        }
    }

    /// The nodes of a refused set that refuse their share alone too: of a set Xen does not say
    /// which was short. Leaves nothing claimed.
    fn short_nodes(&self, domid: Domid, set: &[NodePages]) -> Result<NodeSet, Error> {
        let alone = |share: &&NodePages| {
            let claimed = self.hypervisor.claim(domid, Claim::Set(&[**share]));
            claimed.is_err_and(|error| error.errno == Errno::ENOMEM)
        };
        let short = set.iter().filter(alone).map(|share| share.node).collect();
        match self.hypervisor.claim(domid, Claim::Set(&[])) {
            Ok(()) => Ok(short),
            Err(error) => Err(Error::MustDestroy {
                domid,
                why: format!("what it claimed of single nodes could not be taken back ({error})"),
            }),
        }
    }

    fn stake_host(
        &self,
        placing: &mut Placing,
        state: &mut State,
        reservation: Reservation,
        plan: Option<Plan>,
    ) -> Result<Step, Error> {
        let domid = placing.domid();
        let pages = placing.request().memory_pages;
        match state.claims() {
            Claims::Never => {
                return self.staked(placing, state, Reservation::Unclaimed, plan, Claimed::Not)
            }
            Claims::Always if self.builder_claims(placing, state) => {
                return self.staked(
                    placing,
                    state,
                    Reservation::ClaimedByBuilder,
                    plan,
                    Claimed::Not,
                );
            }
            Claims::Always => (),
        }
        let error = match self.hypervisor.claim(domid, Claim::Host { pages }) {
            Ok(()) => return self.staked(placing, state, reservation, plan, Claimed::OnHost),
            Err(error) => error,
        };
        match error.errno {
            _ if error.is_unavailable() => {
                self.give_up(Claimed::OnHost, placing, state);
                self.staked(placing, state, Reservation::Unclaimed, plan, Claimed::Not)
            }
            Errno::ENOMEM => {
                // Something took the memory between the look and the claim: look again.
                self.release_if(domid, plan.is_some())?;
                let seen = view(&self.hypervisor, &self.topology, &mut state.builds)?;
                let request = placing.narrowed(self.online());
                let limits = limits(
                    &state.config,
                    seen.reserve(&state.config, placing.request()),
                );
                match planner::plan(&seen.host, &request, &limits).err() {
                    Some(refusal)
                        if refusal.reason == Reason::HostMemory
                            && !seen.host.usable().is_empty() =>
                    {
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
        match self.keep_watch(placing, state, seen, Hope::AnyPlan) {
            Some(poll) => Ok(Step::Wait(poll)),
            None => Err(Error::Call {
                source: error,
                domid: Some(placing.domid()),
                doing: match &seen.unknown {
                    None => format!(
                        "claiming {} pages of the host, which has {} free and unclaimed \
                         (something else claims or takes memory at the same time; try again)",
                        placing.request().memory_pages,
                        seen.unclaimed_pages
                    ),
                    Some(unknown) => format!(
                        "claiming {} pages of the host, whose free memory is not known ({unknown})",
                        placing.request().memory_pages
                    ),
                },
            }),
        }
    }

    /// The kind of claim that will be made: of a plan on `nodes` if it is `planned`.
    pub(crate) fn kind_of_claim(
        &self,
        placing: &mut Placing,
        nodes: NodeSet,
        planned: bool,
        state: &mut State,
    ) -> Claimed {
        if self.claims_nothing(placing, state) {
            return Claimed::Not;
        }
        if !planned || placing.request().policy == Policy::Any {
            return Claimed::OnHost;
        }
        if self.has(Claimed::InSet, placing, state) == Some(true) {
            return Claimed::InSet;
        }
        match nodes.len() == 1 && self.has(Claimed::OnNode, placing, state) == Some(true) {
            true => Claimed::OnNode,
            false => Claimed::OnHost,
        }
    }

    /// Refuses a domain for which this process cannot know that its claim would be the first,
    /// where a second one can bring the host down.
    pub(crate) fn check_first_claim(
        &self,
        placing: &mut Placing,
        state: &mut State,
    ) -> Result<(), Error> {
        let domid = placing.domid();
        if self.claims_nothing(placing, state)
            || !state
                .inherited
                .as_ref()
                .is_none_or(|inherited| inherited.contains(&domid))
            || self.has(Claimed::InSet, placing, state) == Some(true)
            || self.denies_node_claims(domid)
        {
            return Ok(());
        }
        Err(Error::MustDestroy {
            domid,
            why: "it was there before this toolstack, or another process has claimed for it: it \
                  may have had a claim on a node, and another claim can bring the host down"
                .to_string(),
        })
    }

    fn claims_nothing(&self, placing: &Placing, state: &State) -> bool {
        state.claims() == Claims::Never || self.builder_claims(placing, state)
    }

    pub(crate) fn builder_claims(&self, placing: &Placing, state: &State) -> bool {
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
