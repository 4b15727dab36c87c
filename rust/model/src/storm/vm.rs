//! One VM of the storm: what its toolstack does next, an event at a time.

use std::time::Duration;

use claims::{
    overhead_pages, pool_pages, Builder as Who, Domid, Errno, Error, Outcome, Pinned, Placed,
    Placement, Placing, Protocol, Rung, Step,
};
use fastrand::Rng;
use planner::{Policy, Request, Strategy};

use super::host::VCPUS;
use crate::builder::Builder;
use crate::model::Model;
use crate::xen::{Extent, Kind, Xen};

/// What a builder populates in a second: 35 GiB.
const BUILT_PAGES_PER_SECOND: u64 = 35 << 18;

/// What a builder populates in one go, of extents smaller than that.
const BATCH_PAGES: u64 = 1 << 11;

/// The most no-refcount pages of a device model and of Xen's emulation.
const EXTRA_PAGES: u64 = 512;

/// Milliseconds from `least` to `most`.
pub(super) fn millis(rng: &mut Rng, least: u64, most: u64) -> Duration {
    Duration::from_micros(rng.u64(least * 1000..=most * 1000))
}

/// What a VM's toolstack does when its next event is due.
#[derive(Debug)]
pub(super) enum Stage {
    Idle,
    Destroy {
        restart: bool,
    },
    Destroyed {
        restart: bool,
    },
    Create,
    SetMax,
    Place(Box<Placing>),
    FillPool {
        placed: Box<Placed>,
        chunk_pages: u64,
    },
    CreateVcpus(Box<Placed>),
    Pin(Box<Placed>),
    Take(Box<Build>),
    Assign(Box<Build>, Extent, Duration),
    Finish(Box<Build>),
    StartDevices(Box<Build>),
}

/// A build under way.
#[derive(Debug)]
pub(super) struct Build {
    pub outcome: Outcome,
    pub pages_on: Vec<(usize, u64)>,
    pub time: Duration,
    pinned: Pinned,
    builder: Builder,
    began: Duration,
    extra_pages: u64,
}

/// What came of an event.
#[derive(Debug)]
pub(super) enum Next {
    /// Another stage, after some time.
    After(Duration, Stage),
    /// It runs.
    Runs(Box<Build>),
    /// It is doomed.
    Off,
    /// It could not be started. Its domain is doomed.
    Failed {
        reason: String,
        outcome: Option<Box<Outcome>>,
    },
}

/// A VM.
#[derive(Debug)]
pub(super) struct Vm {
    pub name: String,
    /// Video hole included.
    pub memory_pages: u64,
    pub strategy: Strategy,
    /// How long the call that destroys a domain takes at most.
    pub lingering_millis: u64,
    pub domid: Option<Domid>,
    pub stage: Stage,
}

/// Why a start failed.
enum Failure {
    Protocol(Error),
    Xen(&'static str, Errno),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Protocol(error)
    }
}

fn while_(doing: &'static str) -> impl FnOnce(Errno) -> Failure {
    move |errno| Failure::Xen(doing, errno)
}

impl Vm {
    /// What its builder populates.
    pub fn requested_pages(&self) -> u64 {
        self.memory_pages - 32
    }

    fn request(&self) -> Request {
        Request {
            memory_pages: self.requested_pages(),
            overhead_pages: overhead_pages(VCPUS, self.memory_pages),
            vcpus: VCPUS,
            cores: VCPUS,
            policy: Policy::BestEffort,
            strategy: self.strategy,
            allowed_cpus: None,
            allowed_nodes: None,
        }
    }

    /// Does what is due. A start that fails is cleaned up after.
    pub fn event(&mut self, protocol: &Protocol<Model>, rng: &mut Rng) -> Next {
        let stage = std::mem::replace(&mut self.stage, Stage::Idle);
        let outcome = stage.outcome();
        let failure = match self.step(stage, protocol, rng) {
            Ok(next) => return next,
            Err(failure) => failure,
        };
        let mut reason = match failure {
            Failure::Protocol(error) => error.to_string(),
            Failure::Xen(doing, errno) => format!("{doing}: {errno}"),
        };
        if let Some(domid) = self.domid.take() {
            if let Err(error) = protocol.abandoned(domid) {
                reason.push_str(&format!("; and then {error}"));
            }
            if let Err(errno) = protocol.hypervisor().destroy(domid) {
                reason.push_str(&format!("; and then destroying it: {errno}"));
            }
        }
        Next::Failed { reason, outcome }
    }

    fn step(
        &mut self,
        stage: Stage,
        protocol: &Protocol<Model>,
        rng: &mut Rng,
    ) -> Result<Next, Failure> {
        let model = protocol.hypervisor();
        let Some(domid) = self.domid else {
            return self.begin(stage, model, rng);
        };
        match stage {
            Stage::Idle | Stage::Create | Stage::Destroyed { .. } => Ok(Next::Off),
            Stage::Destroy { restart } => {
                // A build that was cut short has ended, too; one that ended is not known any more.
                protocol.abandoned(domid)?;
                model.destroy(domid).map_err(while_("destroying it"))?;
                self.domid = None;
                let returns = millis(rng, 50, self.lingering_millis);
                Ok(Next::After(returns, Stage::Destroyed { restart }))
            }
            Stage::SetMax => self.set_max(domid, protocol),
            Stage::Place(mut placing) => match protocol.step(&mut placing) {
                Step::Wait(time) => Ok(Next::After(time, Stage::Place(placing))),
                Step::Failed(error) => Err(Failure::Protocol(error)),
                Step::Placed(placed) => {
                    let chunks = rng.u64(10..=20);
                    let chunk_pages = pool_pages(VCPUS, self.memory_pages).div_ceil(chunks);
                    let placed = Box::new(placed);
                    let fill = Stage::FillPool {
                        placed,
                        chunk_pages,
                    };
                    Ok(Next::After(millis(rng, 10, 100), fill))
                }
            },
            Stage::FillPool {
                placed,
                chunk_pages,
            } => {
                let pool_pages = pool_pages(VCPUS, self.memory_pages);
                let has = (model.with(|xen| xen.fill_pool(domid, pool_pages, chunk_pages)))
                    .map_err(while_("filling its pool"))?;
                let next = match has < pool_pages {
                    true => Stage::FillPool {
                        placed,
                        chunk_pages,
                    },
                    false => Stage::CreateVcpus(placed),
                };
                Ok(Next::After(millis(rng, 60, 120), next))
            }
            Stage::CreateVcpus(placed) => {
                (model.with(|xen| xen.create_vcpus(domid)))
                    .map_err(while_("creating its vCPUs"))?;
                Ok(Next::After(millis(rng, 1, 50), Stage::Pin(placed)))
            }
            Stage::Pin(placed) => self.pin(domid, *placed, protocol, rng),
            Stage::Take(build) => self.take(domid, build, model, rng),
            Stage::Assign(build, extent, rest) => {
                (model.with(|xen| xen.assign(extent))).map_err(while_("assigning its memory"))?;
                Ok(Next::After(rest, Stage::Take(build)))
            }
            Stage::Finish(build) => Self::finish(domid, build, protocol, rng),
            Stage::StartDevices(build) => {
                (model.with(|xen| extra(xen, domid, build.extra_pages)))
                    .map_err(while_("starting its device model"))?;
                Ok(Next::Runs(build))
            }
        }
    }

    fn set_max(&self, domid: Domid, protocol: &Protocol<Model>) -> Result<Next, Failure> {
        let model = protocol.hypervisor();
        let max_pages = self.memory_pages + 256;
        (model.with(|xen| xen.set_max(domid, max_pages)))
            .map_err(while_("setting its maximum memory"))?;
        let placing = protocol.start(Placement {
            domid,
            request: self.request(),
            builder: Who::Hvm,
            hard_pinned: false,
        });
        Ok(Next::After(Duration::ZERO, Stage::Place(Box::new(placing))))
    }

    fn finish(
        domid: Domid,
        mut build: Box<Build>,
        protocol: &Protocol<Model>,
        rng: &mut Rng,
    ) -> Result<Next, Failure> {
        let model = protocol.hypervisor();
        build.time = model.with(|xen| xen.now()) - build.began;
        // The builder cancels every claim at its end, whoever made it.
        (model.with(|xen| xen.claim_host(domid, 0))).map_err(while_("ending its build"))?;
        protocol.built(build.pinned.clone())?;
        build.pages_on = model.domain_pages(domid);
        Ok(Next::After(
            millis(rng, 50, 300),
            Stage::StartDevices(build),
        ))
    }

    /// What a VM without a domain does.
    fn begin(&mut self, stage: Stage, model: &Model, rng: &mut Rng) -> Result<Next, Failure> {
        match stage {
            Stage::Create => {
                let domid = model.with(|xen| xen.create(VCPUS));
                self.domid = Some(domid.map_err(while_("creating its domain"))?);
                Ok(Next::After(millis(rng, 5, 250), Stage::SetMax))
            }
            // Also of a VM that had failed to start.
            Stage::Destroy { restart: true } | Stage::Destroyed { restart: true } => {
                Ok(Next::After(Duration::ZERO, Stage::Create))
            }
            Stage::Idle
            | Stage::Destroy { restart: false }
            | Stage::Destroyed { restart: false }
            | Stage::SetMax
            | Stage::Place(_)
            | Stage::FillPool { .. }
            | Stage::CreateVcpus(_)
            | Stage::Pin(_)
            | Stage::Take(_)
            | Stage::Assign(..)
            | Stage::Finish(_)
            | Stage::StartDevices(_) => Ok(Next::Off),
        }
    }

    fn pin(
        &mut self,
        domid: Domid,
        placed: Placed,
        protocol: &Protocol<Model>,
        rng: &mut Rng,
    ) -> Result<Next, Failure> {
        let outcome = placed.outcome().clone();
        let pinned = protocol.pin(placed)?;
        let model = protocol.hypervisor();
        let early_pages = rng.u64(0..=EXTRA_PAGES / 2);
        (model.with(|xen| extra(xen, domid, early_pages)))
            .map_err(while_("setting up its emulation"))?;
        let wait = millis(rng, 50, 300);
        let build = Build {
            outcome,
            pages_on: Vec::new(),
            time: Duration::ZERO,
            pinned,
            builder: Builder::hvm(self.memory_pages),
            began: model.with(|xen| xen.now()) + wait,
            extra_pages: rng.u64(0..=EXTRA_PAGES / 2),
        };
        Ok(Next::After(wait, Stage::Take(Box::new(build))))
    }

    /// Takes the next extent, or a batch of small ones, of which the last stays in flight.
    fn take(
        &mut self,
        domid: Domid,
        mut build: Box<Build>,
        model: &Model,
        rng: &mut Rng,
    ) -> Result<Next, Failure> {
        let exact_node = match build.outcome.rung {
            Rung::NodeClaim(node) => Some(node),
            Rung::HostClaim
            | Rung::Anywhere
            | Rung::Unplaced(_)
            | Rung::ClaimedByBuilder
            | Rung::Unclaimed => None,
        };
        let builder = &mut build.builder;
        let (taken, pages) = model.with(|xen| -> Result<_, Failure> {
            let mut pages = 0;
            let mut last: Option<Extent> = None;
            while pages < BATCH_PAGES {
                if let Some(extent) = last.take() {
                    xen.assign(extent).map_err(while_("assigning its memory"))?;
                }
                pages += (builder.populate_small(xen, domid, exact_node, BATCH_PAGES - pages))
                    .map_err(while_("populating its memory"))?;
                last = (builder.take(xen, domid, exact_node))
                    .map_err(while_("populating its memory"))?;
                match &last {
                    Some(extent) => pages += extent.pages(),
                    None => break,
                }
            }
            Ok((last, pages))
        })?;
        let micros = pages * 1_000_000 / BUILT_PAGES_PER_SECOND;
        let time = Duration::from_micros(micros * rng.u64(80..=125) / 100);
        Ok(match taken {
            None => Next::After(time, Stage::Finish(build)),
            Some(extent) => {
                let window = time * rng.u32(10..=90) / 100;
                let assign = Stage::Assign(build, extent, time - window);
                Next::After(window, assign)
            }
        })
    }
}

impl Stage {
    /// What the start obtained, if it has come so far.
    fn outcome(&self) -> Option<Box<Outcome>> {
        match self {
            Stage::Idle
            | Stage::Destroy { .. }
            | Stage::Destroyed { .. }
            | Stage::Create
            | Stage::SetMax
            | Stage::Place(_) => None,
            Stage::FillPool { placed, .. } | Stage::CreateVcpus(placed) | Stage::Pin(placed) => {
                Some(Box::new(placed.outcome().clone()))
            }
            Stage::Take(build)
            | Stage::Assign(build, ..)
            | Stage::Finish(build)
            | Stage::StartDevices(build) => Some(Box::new(build.outcome.clone())),
        }
    }
}

/// Takes pages that no claim covers and no maximum counts.
fn extra(xen: &mut Xen, domid: Domid, pages: u64) -> Result<(), Errno> {
    for _ in 0..pages {
        let extent = xen.take(domid, Kind::Extra, 1, None)?;
        xen.assign(extent)?;
    }
    Ok(())
}
