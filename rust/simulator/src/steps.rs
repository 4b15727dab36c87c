//! What a VM's toolstack does at each step up to the build, and how a VM ends.

use std::time::Duration;

use claims::{Affinity, Builder as Who, Domid, Errno, Placement, Step};

use super::building::extra;
use super::call::Call;
use super::lifecycle::{while_, At, Failure, Job, Lifecycle, Next, Set};
use super::scenario::VmKind;
use super::toolstack::Way;

/// Into how many parts filling a pool is cut, and how long each takes, in milliseconds.
const POOL_PARTS: (u64, u64) = (10, 20);
/// No part is smaller than that.
const LEAST_POOL_PART_PAGES: u64 = 1 << 11;
const POOL_PART_MILLIS: (u64, u64) = (60, 120);

impl Lifecycle {
    /// Does what is due. A start that fails is cleaned up after.
    pub fn event(&mut self, set: &mut Set) -> Next {
        let stepped = self.step(set);
        if stepped.is_err() && set.stage().is_dead() {
            // Nobody is there who could clean up.
            return Next::After(Duration::ZERO);
        }
        let failure = match stepped {
            Ok(Next::After(time)) => return Next::After(time + set.stage().take_delay()),
            Ok(next) => {
                set.peers.leave(&self.vm.name);
                self.at = At::Idle;
                self.running = next == Next::Runs;
                return next;
            }
            Err(failure) => failure,
        };
        let reason = failure.text() + &self.clean_up(set);
        self.at = At::Idle;
        self.running = false;
        Next::Failed(reason)
    }

    pub(super) fn go(&mut self, at: At, millis: (u64, u64)) -> Result<Next, Failure> {
        self.at = at;
        Ok(Next::After(self.millis(millis)))
    }

    fn step(&mut self, set: &mut Set) -> Result<Next, Failure> {
        let Some(domid) = self.domid else {
            return self.step_without_domain(set);
        };
        match self.at {
            At::Idle | At::WaitForMemory | At::Create | At::Destroyed => Ok(Next::Off),
            At::Destroy => self.destroy(domid, set),
            At::SetMax => self.set_max(domid, set),
            At::Look => {
                self.look_once(set)?;
                match self.pool_first() {
                    true => self.go(At::FillPool, (10, 100)),
                    false => self.go(At::CreateVcpus, (10, 100)),
                }
            }
            At::Place => self.place(set),
            At::FillPool => self.fill_pool(domid, set),
            At::CreateVcpus => {
                (set.stage()
                    .call(Call::MAX_VCPUS, |xen| xen.create_vcpus(domid)))
                .map_err(while_("creating its vCPUs"))?;
                if let Some(cpus) = self.bound_cpus(set) {
                    self.set_affinity(domid, set, Affinity::Hard, &cpus)?;
                }
                match self.way {
                    Way::Ours => self.go(At::Pin, (1, 50)),
                    Way::Peer(_) => self.go(At::Claim, (1, 50)),
                }
            }
            At::Claim => {
                self.plan_and_claim(domid, set)?;
                match self.pool_first() {
                    true => self.begin_build(domid, set),
                    false => self.go(At::FillPool, (10, 100)),
                }
            }
            At::Pin => {
                if let Some(placed) = self.placed.take() {
                    self.pinned = Some(set.protocol.pin(placed)?);
                }
                self.begin_build(domid, set)
            }
            At::Populate => self.populate(domid, set),
            At::Assign => self.assign(domid, set),
            At::Finish => self.finish(domid, set),
            At::StartDevices => {
                let pages = self.extra_pages();
                (set.stage().model.with(|xen| extra(xen, domid, pages)))
                    .map_err(while_("starting its device model"))?;
                self.look_around(domid, set);
                Ok(Next::Runs)
            }
        }
    }

    /// Where its memory is, now that it runs.
    fn look_around(&mut self, domid: Domid, set: &Set) {
        self.pages_on = set.stage().model.with(|xen| {
            // A domain that runs is not being created any more.
            _ = xen.unpause(domid);
            xen.domain_pages(domid)
        });
    }

    fn step_without_domain(&mut self, set: &mut Set) -> Result<Next, Failure> {
        match self.at {
            At::WaitForMemory => match self.wait_for_memory(set)? {
                Some(wait) => Ok(Next::After(wait)),
                None => {
                    self.at = At::Create;
                    Ok(Next::After(Duration::ZERO))
                }
            },
            At::Create => {
                if self.way == Way::Ours {
                    self.began = set.now();
                }
                let vcpus = self.vm.vcpus;
                let domid = (set.stage())
                    .call(Call::CREATE, |xen| xen.create(vcpus))
                    .map_err(while_("creating its domain"))?;
                self.domid = Some(domid);
                set.peers.created(&self.vm.name, domid);
                self.go(At::SetMax, (5, 250))
            }
            At::Destroy | At::Destroyed if self.job == Job::Reboot => {
                self.at = self.first_step();
                Ok(Next::After(Duration::ZERO))
            }
            At::Idle
            | At::Destroy
            | At::Destroyed
            | At::SetMax
            | At::Look
            | At::Place
            | At::FillPool
            | At::CreateVcpus
            | At::Claim
            | At::Pin
            | At::Populate
            | At::Assign
            | At::Finish
            | At::StartDevices => Ok(Next::Off),
        }
    }

    fn destroy(&mut self, domid: Domid, set: &mut Set) -> Result<Next, Failure> {
        if self.way == Way::Ours {
            // A build that was cut short has ended, too; one that ended is not known any more.
            // What failed is to be tried again; the claim then ends with its domain.
            _ = (set.protocol.abandon(domid)).or_else(|_| set.protocol.abandon(domid));
        }
        let destroyed = set.stage().call(Call::DESTROY, |xen| xen.destroy(domid));
        match destroyed {
            // Somebody else was faster.
            Ok(()) | Err(Errno::ESRCH) => (),
            Err(errno) => return Err(while_("destroying it")(errno)),
        }
        self.domid = None;
        self.running = false;
        let lingering = (50, self.lingering_millis);
        self.go(At::Destroyed, lingering)
    }

    fn set_max(&mut self, domid: Domid, set: &mut Set) -> Result<Next, Failure> {
        let max_pages = self.max_pages();
        (set.stage()
            .call(Call::SET_MAX_MEM, |xen| xen.set_max(domid, max_pages)))
        .map_err(while_("setting its maximum memory"))?;
        match self.way {
            Way::Peer(_) => self.at = At::Look,
            Way::Ours => {
                let allowed_cpus = self.bound_cpus(set);
                let mut request = self.request();
                request.allowed_cpus = allowed_cpus;
                let hard_pinned = request.allowed_cpus.is_some();
                let builder = match self.vm.kind {
                    VmKind::Hvm => Who::Hvm,
                    VmKind::Pv => Who::Pv,
                };
                let placement = Placement::new(domid, request)
                    .with_hard_pinned(hard_pinned)
                    .with_builder(builder);
                self.placing = Some(Box::new(set.protocol.start(placement)));
                self.at = At::Place;
            }
        }
        Ok(Next::After(Duration::ZERO))
    }

    fn place(&mut self, set: &mut Set) -> Result<Next, Failure> {
        let Some(placing) = &mut self.placing else {
            return Ok(Next::Off);
        };
        let step = set.protocol.step(placing);
        self.waits = (placing.queued(), placing.waited());
        match step {
            Step::Wait(time) => Ok(Next::After(time)),
            Step::Failed(error) => Err(Failure::Protocol(error)),
            Step::Placed(placed) => {
                self.placing = None;
                self.outcome = Some(placed.outcome().clone());
                self.placed = Some(placed);
                self.go(At::FillPool, (10, 100))
            }
        }
    }

    fn fill_pool(&mut self, domid: Domid, set: &mut Set) -> Result<Next, Failure> {
        let pool_pages = self.pool_pages();
        if pool_pages == 0 {
            return self.pool_filled(domid, set);
        }
        if self.pool_chunk_pages == 0 {
            let (least, most) = POOL_PARTS;
            let parts = match self.jitter {
                true => self.rng.u64(least..=most),
                false => (least + most) / 2,
            };
            self.pool_chunk_pages = pool_pages.div_ceil(parts).max(LEAST_POOL_PART_PAGES);
        }
        let chunk_pages = self.pool_chunk_pages;
        let has = (set.stage()).call(Call::SHADOW_CONTROL, |xen| {
            xen.fill_pool(domid, pool_pages, chunk_pages)
        });
        let has = has.map_err(while_("filling its pool"))?;
        match has >= pool_pages {
            true => self.pool_filled(domid, set),
            false => Ok(Next::After(self.millis(POOL_PART_MILLIS))),
        }
    }

    fn pool_filled(&mut self, domid: Domid, set: &mut Set) -> Result<Next, Failure> {
        self.pool_chunk_pages = 0;
        match self.pool_first() {
            true => self.go(At::CreateVcpus, POOL_PART_MILLIS),
            false => self.begin_build(domid, set),
        }
    }
}
