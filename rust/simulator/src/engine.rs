//! What scenarios and soak runs share: VMs on a modelled Xen, who goes next, and what the host is
//! at the end.

use std::time::Duration;

use claims::{Config, Error, Hypervisor, Protocol};
use fastrand::Rng;
use model::{Model, Reading};

use super::actor::Noise;
use super::lifecycle::{Lifecycle, Next, Set};
use super::memory_wait::Peers;
use super::result::{Ending, Happening};
use super::schedule::Scheduler;
use super::stage::Stage;

/// By when everything is gone after the last shutdown.
const END: Duration = Duration::from_secs(3600);

/// A host and its VMs.
pub(super) struct Engine {
    pub protocol: Protocol<Stage>,
    pub peers: Peers,
    pub rng: Rng,
    pub scheduler: Scheduler,
    pub noise: Noise,
    pub vms: Vec<Lifecycle>,
    /// When each actor is due: first the VMs, then the noise, then others.
    pub due: Vec<Option<Duration>>,
    at_start: Reading,
}

/// An event of a VM.
pub(super) struct VmEvent {
    /// What its toolstack was at.
    pub was: Option<Happening>,
    /// Whether it is one of very many.
    pub is_frequent: bool,
    /// Whether the toolstack died in it.
    pub died: bool,
    /// What came of it.
    pub next: Next,
}

impl Engine {
    /// A host without VMs.
    pub fn new(
        stage: Stage,
        config: Config,
        rng: Rng,
        noise: Noise,
        scheduler: Scheduler,
    ) -> Result<Self, Error> {
        let at_start = stage.model.with(|xen| xen.physinfo());
        let protocol = Protocol::open(stage, config)?;
        Ok(Engine {
            peers: Peers::new(protocol.topology().node_count()),
            protocol,
            rng,
            scheduler,
            noise,
            vms: Vec::new(),
            due: Vec::new(),
            at_start,
        })
    }

    /// The Xen.
    pub fn model(&self) -> &Model {
        &self.protocol.hypervisor().model
    }

    pub fn now(&self) -> Duration {
        self.protocol.hypervisor().now()
    }

    pub fn wake(&mut self, actor: usize, delay: Duration) {
        self.due[actor] = Some(self.now() + delay);
    }

    /// Who is next, after the clock was moved on to when it is due, and `meanwhile` was shown what
    /// is until then.
    pub fn next(&mut self, meanwhile: impl FnOnce(&Model, Duration)) -> Option<usize> {
        let (due, actor) = self.scheduler.next(&self.due)?;
        meanwhile(self.model(), due);
        self.model().with(|xen| xen.advance_to(due));
        self.due[actor] = None;
        Some(actor)
    }

    /// A VM's toolstack takes its next step.
    pub fn vm_event(&mut self, vm: usize) -> VmEvent {
        let lifecycle = &mut self.vms[vm];
        let (was, is_frequent) = (lifecycle.doing(), lifecycle.is_populating());
        let mut set = Set {
            protocol: &self.protocol,
            peers: &mut self.peers,
        };
        set.stage().acts_for(Some(vm));
        VmEvent {
            next: lifecycle.event(&mut set),
            died: set.stage().is_dead(),
            was,
            is_frequent,
        }
    }

    /// The toolstack comes back, and knows nothing but what Xen says. The VMs whose start begins
    /// again.
    pub fn restart(&mut self, config: &Config) -> Vec<usize> {
        let stage = self.protocol.hypervisor().clone();
        stage.comes_back();
        // It could be opened before.
        if let Ok(protocol) = Protocol::open(stage, config.clone()) {
            self.protocol = protocol;
        }
        self.peers = Peers::new(self.protocol.topology().node_count());
        let mut set = Set {
            protocol: &self.protocol,
            peers: &mut self.peers,
        };
        let vms = self.vms.iter_mut().enumerate();
        let again = vms.filter_map(|(vm, lifecycle)| lifecycle.start_again(&mut set).then_some(vm));
        again.collect()
    }

    /// Xen takes pages for itself, or gives them back. How long until it does so again.
    pub fn noise_event(&mut self) -> Duration {
        let model = &self.protocol.hypervisor().model;
        model.with(|xen| self.noise.event(xen))
    }

    /// Whether the host is up and its accounts are right.
    pub fn check(&self) -> Result<(), Ending> {
        self.model().with(|xen| {
            xen.check()?;
            match xen.crash() {
                None => Ok(()),
                Some(crash) => Err(Ending::Crashed(crash)),
            }
        })
    }

    /// Shuts everything down, lets all destruction end, and checks that the host is what it was.
    pub fn end(&self) -> Result<(), Ending> {
        let model = self.model();
        for domid in self.vms.iter().filter_map(|lifecycle| lifecycle.domid) {
            // What is not there need not be destroyed.
            _ = self.protocol.abandon(domid);
            _ = model.destroy(domid);
        }
        let now = self.now();
        // The control domain's balloon and broken pages change what is free for good.
        let (reading, given_pages) = model.with(|xen| {
            xen.free_unowned();
            xen.advance_to(now + END);
            xen.check_addresses()?;
            Ok::<_, Ending>((xen.physinfo(), xen.given_pages()))
        })?;
        self.check()?;
        let builds = self.protocol.status().builds.len();
        let free_pages = (self.at_start.free_pages).saturating_add_signed(given_pages);
        match (
            free_pages.abs_diff(reading.free_pages),
            reading.outstanding_pages,
            builds,
        ) {
            (0, 0, 0) => Ok(()),
            (missing_pages, outstanding_pages, builds) => Err(Ending::Left {
                outstanding_pages,
                missing_pages,
                builds,
            }),
        }
    }
}
