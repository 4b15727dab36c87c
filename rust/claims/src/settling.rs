//! Looking that a claim that was made is there, is what was asked, and stands.

use std::time::Duration;

use planner::{NodeSet, Plan};

use crate::error::Error;
use crate::hypervisor::{Accounting, Hypervisor, NodePages};
use crate::ledger::{Affined, Build, Claimed};
use crate::placement::{Outcome, Placed, Reservation};
use crate::placing::{Placing, Step};
use crate::protocol::Protocol;
use crate::sizes::{least_structure_pages, structure_pages};
use crate::state::State;

/// How long late accounting may show more claimed than free after a claim.
const SETTLING: Duration = Duration::from_secs(1);
const SETTLING_POLL: Duration = Duration::from_millis(50);

/// A claim that was made, and is looked at until the counters agree with it.
#[derive(Debug)]
pub(crate) struct Settling {
    reservation: Reservation,
    plan: Option<Plan>,
    claim: Claimed,
    since: Duration,
}

/// What a look at a claim found.
enum Look {
    Stands,
    /// There is less free than claimed.
    Overdrawn {
        free_pages: u64,
        outstanding_pages: u64,
    },
}

/// What the nodes of a plan give.
pub(crate) fn shares(plan: &Plan) -> Vec<NodePages> {
    let share = |node: usize| NodePages {
        node,
        pages: plan.pages[node],
    };
    let gives = |share: &NodePages| share.pages > 0;
    plan.nodes.iter().map(share).filter(gives).collect()
}

impl<H: Hypervisor> Protocol<H> {
    /// Takes note of a build whose claim was made, or that has none; [`Protocol::settle`] looks at
    /// it next. From here on whatever fails has a claim to undo.
    pub(crate) fn staked(
        &self,
        placing: &mut Placing,
        state: &mut State,
        reservation: Reservation,
        plan: Option<Plan>,
        claim: Claimed,
    ) -> Result<Step, Error> {
        let domid = placing.domid();
        if claim == Claimed::OnNode {
            state.node_claimed.insert(domid);
        }
        let affinity = match &plan {
            None => Affined::Not,
            Some(plan) if self.all_have_cpus(plan.nodes) => Affined::ForBuild,
            Some(_) => Affined::ForGood,
        };
        let build = Build {
            attempt: placing.attempt,
            nodes: plan.as_ref().map_or(self.online(), |plan| plan.nodes),
            memory_pages: placing.request().memory_pages,
            held_pages: placing.request().overhead_pages,
            structure_pages: structure_pages(placing.request().vcpus),
            least_structure_pages: least_structure_pages(placing.request().vcpus),
            claim,
            set: match (claim, &plan) {
                (Claimed::InSet, Some(plan)) => shares(plan),
                (Claimed::Not | Claimed::OnNode | Claimed::OnHost | Claimed::InSet, _) => {
                    Vec::new()
                }
            },
            affinity,
        };
        state.builds.insert(domid, build);
        placing.settling = Some(Settling {
            reservation,
            plan,
            claim,
            since: self.hypervisor.now(),
        });
        Ok(Step::Wait(Duration::ZERO))
    }

    /// Looks whether a claim is there and stands. To be called without the lock.
    pub(crate) fn settle(&self, placing: &mut Placing, settling: Settling) -> Result<Step, Error> {
        let look = match settling.claim {
            Claimed::Not => Ok(Look::Stands),
            Claimed::OnNode | Claimed::InSet | Claimed::OnHost => self.look(placing),
        };
        let now = self.hypervisor.now();
        let mut state = self.lock();
        if state.is_void(placing.attempt) {
            // Whoever abandoned it has cancelled the claim, or was told that he could not.
            let domid = placing.domid();
            return Err(Error::Cancelled { domid });
        }
        match look {
            Ok(Look::Stands) => {
                state.kinds.seen(settling.claim);
                drop(state);
                Ok(self.done(placing, settling))
            }
            Ok(Look::Overdrawn { .. }) if now.saturating_sub(settling.since) < SETTLING => {
                placing.settling = Some(settling);
                Ok(Step::Wait(SETTLING_POLL))
            }
            Ok(Look::Overdrawn {
                free_pages,
                outstanding_pages,
            }) => {
                let why = format!("{free_pages} pages are free and {outstanding_pages} claimed");
                self.undo(placing, &mut state, &settling, why)?;
                self.queue(placing, &mut state, "more was claimed than is free")
            }
            Err(error) => {
                self.undo(placing, &mut state, &settling, error.to_string())?;
                Err(error)
            }
        }
    }

    fn look(&self, placing: &Placing) -> Result<Look, Error> {
        let domid = placing.domid();
        let domains = (self.hypervisor.domains())
            .map_err(Error::call(domid, "looking at its claim: listing domains"))?;
        let domain = (domains.iter()).find(|domain| domain.domid == domid && !domain.dying);
        let asked_pages = placing.request().memory_pages;
        match domain.map(|domain| domain.outstanding_pages) {
            None => {
                let why = "it vanished while it was being placed".to_string();
                return Err(Error::MustDestroy { domid, why });
            }
            Some(0) => {
                let why = "its claim is gone: it was destroyed, or its claim cancelled, while it \
                           was placed";
                return Err(Error::MustDestroy {
                    domid,
                    why: why.to_string(),
                });
            }
            Some(outstanding_pages) if outstanding_pages != asked_pages => {
                return Err(Error::TooLate {
                    domid,
                    asked_pages,
                    outstanding_pages,
                });
            }
            Some(_) => (),
        }
        if self.capabilities.accounting == Accounting::AtAllocation {
            return Ok(Look::Stands);
        }
        // A claim made while a build hides memory may have succeeded wrongly: it stands once
        // there is as much free as is claimed.
        let memory = match self.hypervisor.memory() {
            Ok(memory) => memory,
            // Never known, it says nothing against the claim.
            Err(error) if error.is_unavailable() => return Ok(Look::Stands),
            Err(error) => {
                let doing = "looking at its claim: reading free memory";
                return Err(Error::call(domid, doing)(error));
            }
        };
        match memory.host_free_pages >= memory.host_outstanding_pages {
            true => Ok(Look::Stands),
            false => Ok(Look::Overdrawn {
                free_pages: memory.host_free_pages,
                outstanding_pages: memory.host_outstanding_pages,
            }),
        }
    }

    /// Takes a claim on the host back, and affinity with it. One on a node cannot be: a second
    /// claim of its domain could bring the host down.
    fn undo(
        &self,
        placing: &Placing,
        state: &mut State,
        settling: &Settling,
        why: String,
    ) -> Result<(), Error> {
        let domid = placing.domid();
        if !state.is_current(placing.attempt) {
            return Ok(());
        }
        match settling.claim {
            Claimed::OnNode => {
                let nodes = settling.plan.as_ref().map(|plan| plan.nodes);
                let nodes = nodes.unwrap_or(NodeSet::EMPTY);
                Err(Error::MustDestroy {
                    domid,
                    why: format!("its claim on node {nodes} cannot be kept: {why}"),
                })
            }
            Claimed::InSet | Claimed::OnHost | Claimed::Not => {
                // Without a look at the domain: that may be what failed.
                let taken_back = (self.release(domid))
                    .map_err(Error::call(domid, "cancelling its claim"))
                    .and_then(|()| self.release_affinity(domid));
                match taken_back {
                    Ok(()) => {
                        state.builds.remove(&domid);
                        Ok(())
                    }
                    Err(error) => Err(Error::MustDestroy {
                        domid,
                        why: format!("its claim could not be taken back ({error}) after: {why}"),
                    }),
                }
            }
        }
    }

    fn done(&self, placing: &mut Placing, settled: Settling) -> Step {
        let now = self.hypervisor.now();
        placing.stop_waiting(now);
        placing.stop_queueing(now);
        let Settling {
            reservation,
            plan,
            claim,
            ..
        } = settled;
        Step::Placed(Placed {
            attempt: placing.attempt,
            topology: self.topology.clone(),
            request: placing.request().clone(),
            hard_pinned: placing.placement.hard_pinned,
            outcome: Outcome {
                reservation,
                plan,
                claimed_pages: match claim {
                    Claimed::Not => 0,
                    Claimed::OnNode | Claimed::InSet | Claimed::OnHost => {
                        placing.request().memory_pages
                    }
                },
                replans: placing.replans,
                waited: placing.waited,
                queued: placing.queued,
            },
        })
    }

    fn all_have_cpus(&self, nodes: NodeSet) -> bool {
        let processors = self.topology.processors(None);
        nodes.iter().all(|node| processors.cpus[node] > 0)
    }
}
