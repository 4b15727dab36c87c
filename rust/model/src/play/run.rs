//! A run of a scenario: its phases, its actors, and what is recorded of them.

use std::collections::VecDeque;
use std::time::Duration;

use claims::{Config, Hypervisor, Protocol};
use fastrand::Rng;

use super::actor::{Balloon, Mapping, Noise};
use super::film::Camera;
use super::ledger::Overclaimed;
use super::life::{Job, Life, Next, Set};
use super::peer::Peers;
use super::record::{Ending, Happening, Played};
use super::scenario::{JobSpec, PhaseSpec, Scenario};
use super::schedule::Scheduler;
use super::setup;
use super::stage::Stage;
use super::{PlayError, Settings};
use crate::xen::{Finding, Reading};

/// More events than any run has, by far.
const MAX_EVENTS: u64 = 20_000_000;

/// By when everything is gone after the last shutdown.
pub(super) const END: Duration = Duration::from_secs(3600);

/// Who takes part beside the VMs, which come first.
const NOISE: usize = 0;
const OTHERS: usize = 1;

/// A job that is not a VM's.
#[derive(Debug)]
pub(super) enum Other {
    Balloon(Balloon),
    Mapping(Mapping),
    Wait,
    Restart,
}

/// Something to be done, with VMs by number.
#[derive(Debug, Clone)]
pub(super) enum Task {
    Vm(usize, Job),
    Other(JobSpec),
}

/// One run under way.
pub(super) struct Run {
    pub(super) settings: Settings,
    pub(super) config: Config,
    pub(super) protocol: Protocol<Stage>,
    pub(super) peers: Peers,
    pub(super) rng: Rng,
    pub(super) jitter: bool,
    pub(super) at_start: Reading,
    pub(super) lives: Vec<Life>,
    pub(super) noise: Noise,
    pub(super) others: Vec<Option<Other>>,
    pub(super) due: Vec<Option<Duration>>,
    pub(super) scheduler: Scheduler,
    pub(super) phase: String,
    pub(super) phase_began: Duration,
    /// Jobs that start when the one before them has ended.
    pub(super) waiting: VecDeque<Task>,
    pub(super) busy: usize,
    pub(super) overclaimed: Overclaimed,
    pub(super) camera: Camera,
    pub(super) played: Played,
}

impl Run {
    /// An idle host, and VMs that are not started.
    pub fn new(scenario: &Scenario, settings: &Settings) -> Result<Self, PlayError> {
        let mut rng = Rng::with_seed(settings.seed);
        let config = Config {
            strategy: settings.strategy,
            builder_claims: match scenario.vms.iter().any(|vm| vm.builder_claims) {
                true => claims::BuilderClaims::Pv,
                false => claims::BuilderClaims::None,
            },
            ..scenario.config()
        };
        let xen = setup::xen(scenario, settings, &mut rng)?;
        let at_start = xen.physinfo();
        let nodes = xen.topology().node_count();
        let taken_pages = at_start.outstanding_pages + config.reserve.host_pages;
        let free_pages = at_start.free_pages.saturating_sub(taken_pages);
        let lives = setup::lives(scenario, settings, free_pages, &mut rng);
        let faults = setup::faults(scenario, &lives)?;
        let camera = Camera::new(settings.film, &xen);
        let protocol = Protocol::open(Stage::new(xen, faults), config.clone())?;
        let noise = Noise::new(scenario.noise_pages, rng.u64(..));
        let played = Played {
            scenario: scenario.name.clone(),
            seed: settings.seed,
            flavour: settings.flavour,
            toolstack: settings.toolstack,
            variant: settings.variant,
            starts: Vec::new(),
            overclaimed_page_seconds: 0,
            all_running: Duration::ZERO,
            findings: Vec::new(),
            ending: Ok(()),
            choices: Vec::new(),
            film: super::record::Film::default(),
        };
        Ok(Run {
            due: vec![None; lives.len() + OTHERS],
            scheduler: Scheduler::new(settings.schedule.clone(), rng.u64(..)),
            settings: settings.clone(),
            config,
            protocol,
            peers: Peers::new(nodes),
            rng,
            jitter: scenario.jitter,
            at_start,
            lives,
            noise,
            others: Vec::new(),
            phase: String::new(),
            phase_began: Duration::ZERO,
            waiting: VecDeque::new(),
            busy: 0,
            overclaimed: Overclaimed::default(),
            camera,
            played,
        })
    }

    /// Goes through all phases and to the end.
    pub fn play(mut self, scenario: &Scenario) -> Result<Played, PlayError> {
        if scenario.noise_pages > 0 {
            self.wake(self.lives.len() + NOISE, Duration::ZERO);
        }
        let mut ending = Ok(());
        for phase in &scenario.phases {
            let tasks = self.tasks(phase)?;
            ending = self.phase(phase, tasks);
            if ending.is_err() {
                break;
            }
        }
        let now = self.now();
        (self.camera).last_sample(&self.protocol.hypervisor().model, now);
        self.played.ending = match ending {
            Ok(()) => self.end(),
            Err(ending) => Err(ending),
        };
        self.played.overclaimed_page_seconds = self.overclaimed.page_seconds();
        self.played.choices = std::mem::take(&mut self.scheduler.choices);
        self.played.film = self.camera.film();
        let model = &self.protocol.hypervisor().model;
        self.played.findings = model.with(|xen| {
            let found = Finding::ALL.map(|finding| (finding, xen.found(finding)));
            found.into_iter().filter(|(_, count)| *count > 0).collect()
        });
        Ok(self.played)
    }

    /// The jobs of a phase by number of VM: those at once, then those in sequence.
    fn tasks(&self, phase: &PhaseSpec) -> Result<[Vec<Task>; 2], PlayError> {
        let of = |specs: &[JobSpec]| -> Result<Vec<Task>, PlayError> {
            let tasks: Result<Vec<_>, _> = specs.iter().map(|spec| self.tasks_of(spec)).collect();
            Ok(tasks?.concat())
        };
        Ok([of(&phase.at_once)?, of(&phase.in_sequence)?])
    }

    fn tasks_of(&self, spec: &JobSpec) -> Result<Vec<Task>, PlayError> {
        let (name, job) = match spec {
            JobSpec::Start(vm) => (vm, Job::Start),
            JobSpec::Shutdown(vm) => (vm, Job::Shutdown),
            JobSpec::Reboot(vm) => (vm, Job::Reboot),
            JobSpec::Receive {
                vm,
                estimate_off_pages,
            } => (vm, Job::Receive(*estimate_off_pages)),
            JobSpec::Balloon { .. }
            | JobSpec::WaitSeconds(_)
            | JobSpec::RestartToolstack { .. }
            | JobSpec::Offline { .. }
            | JobSpec::MapForeign { .. } => return Ok(vec![Task::Other(spec.clone())]),
        };
        let vms = setup::named(&self.lives, name)?;
        Ok(vms.into_iter().map(|vm| Task::Vm(vm, job)).collect())
    }

    fn phase(&mut self, phase: &PhaseSpec, tasks: [Vec<Task>; 2]) -> Result<(), Ending> {
        let [at_once, in_sequence] = tasks;
        self.phase = phase.name.clone();
        self.phase_began = self.now();
        (self.camera).event(self.phase_began, &phase.name, Happening::Phase);
        let gap = self.millis(10, 1000);
        for task in at_once {
            let delay = gap + self.millis(0, 300);
            self.begin(task, delay);
        }
        self.waiting = in_sequence.into();
        if self.busy == 0 {
            self.next_job();
        }
        self.run()
    }

    fn next_job(&mut self) {
        if let Some(task) = self.waiting.pop_front() {
            let delay = self.millis(20, 500);
            self.begin(task, delay);
        }
    }

    fn begin(&mut self, task: Task, delay: Duration) {
        match task {
            Task::Vm(vm, job) => {
                self.lives[vm].begin(job);
                self.busy += 1;
                self.wake_vm(vm, delay);
            }
            Task::Other(spec) => self.begin_other(&spec, delay),
        }
    }

    fn begin_other(&mut self, spec: &JobSpec, delay: Duration) {
        let domid_of = |name: &String| {
            let found = setup::named(&self.lives, name).ok()?;
            self.lives[*found.first()?].domid
        };
        let (other, delay) = match spec {
            JobSpec::Balloon {
                vm,
                node,
                pages,
                pages_per_second,
                scattered,
            } => {
                let domid = vm.as_ref().map_or(Some(claims::Domid(0)), domid_of);
                let balloon = Balloon::new(domid, *node, *pages, *pages_per_second, *scattered);
                (Other::Balloon(balloon), delay)
            }
            JobSpec::MapForeign { vm, pages, seconds } => {
                let mapping = Mapping::new(domid_of(vm), *pages, Duration::from_secs(*seconds));
                (Other::Mapping(mapping), delay)
            }
            JobSpec::WaitSeconds(seconds) => (Other::Wait, Duration::from_secs(*seconds)),
            JobSpec::RestartToolstack { after_millis } => {
                (Other::Restart, Duration::from_millis(*after_millis))
            }
            JobSpec::Offline { node, pages } => {
                let model = &self.protocol.hypervisor().model;
                _ = model.with(|xen| xen.offline_pages(*node, *pages));
                (Other::Wait, Duration::ZERO)
            }
            // These are VMs' jobs.
            JobSpec::Start(_)
            | JobSpec::Receive { .. }
            | JobSpec::Shutdown(_)
            | JobSpec::Reboot(_) => return,
        };
        self.others.push(Some(other));
        self.due.push(None);
        self.busy += 1;
        self.wake(self.due.len() - 1, delay);
    }

    pub(super) fn now(&self) -> Duration {
        self.protocol.hypervisor().now()
    }

    /// A time between two numbers of milliseconds.
    fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(match self.jitter {
            true => self.rng.u64(least * 1000..=most * 1000),
            false => (least + most) * 500,
        })
    }

    pub(super) fn wake(&mut self, actor: usize, delay: Duration) {
        self.due[actor] = Some(self.now() + delay);
    }

    /// Runs until every job of the phase has ended.
    fn run(&mut self) -> Result<(), Ending> {
        while self.busy > 0 {
            let Some((due, actor)) = self.scheduler.next(&self.due) else {
                break;
            };
            let model = &self.protocol.hypervisor().model;
            let now = model.with(|xen| {
                xen.advance_to(due);
                xen.now()
            });
            self.due[actor] = None;
            match actor.checked_sub(self.lives.len()) {
                None => self.vm_event(actor, now)?,
                Some(NOISE) => {
                    let delay = model.with(|xen| self.noise.event(xen));
                    self.wake(actor, delay);
                }
                Some(other) => self.other_event(other - OTHERS, actor)?,
            }
            self.camera.sample(&self.protocol.hypervisor().model, now);
            let events = self.scheduler.events();
            if events > MAX_EVENTS {
                return Err(Ending::Stuck { events });
            }
        }
        Ok(())
    }

    fn vm_event(&mut self, vm: usize, now: Duration) -> Result<(), Ending> {
        let life = &mut self.lives[vm];
        let (doing, often) = (life.doing(), life.is_populating());
        let mut set = Set {
            protocol: &self.protocol,
            peers: &mut self.peers,
        };
        set.stage().acts_for(Some(vm));
        let next = life.event(&mut set);
        self.film(vm, doing, &next, now);
        // Looking at everything costs more than most events do.
        if !often {
            self.look_at_claims(now);
            self.check()?;
        }
        let (started, failure) = match next {
            Next::After(delay) => {
                self.wake(vm, delay);
                return Ok(());
            }
            Next::Off => (None, None),
            Next::Runs => (Some(true), None),
            Next::Failed(reason) => (Some(false), Some(reason)),
        };
        if let Some(started) = started {
            self.record(vm, started, failure, now);
        }
        self.busy -= 1;
        self.next_job();
        Ok(())
    }

    fn other_event(&mut self, other: usize, actor: usize) -> Result<(), Ending> {
        let model = &self.protocol.hypervisor().model;
        let again = match &mut self.others[other] {
            Some(Other::Balloon(balloon)) => model.with(|xen| balloon.event(xen)),
            Some(Other::Mapping(mapping)) => model.with(|xen| mapping.event(xen)),
            Some(Other::Wait) | None => None,
            Some(Other::Restart) => {
                self.restart();
                None
            }
        };
        match again {
            Some(delay) => self.wake(actor, delay),
            None => {
                self.others[other] = None;
                self.busy -= 1;
                self.next_job();
            }
        }
        self.check()
    }

    /// The toolstack dies and comes back: it knows nothing but what Xen tells.
    fn restart(&mut self) {
        let now = self.now();
        self.camera.event(now, "toolstack", Happening::Restart);
        let stage = self.protocol.hypervisor().clone();
        // It could be opened before.
        if let Ok(protocol) = Protocol::open(stage, self.config.clone()) {
            self.protocol = protocol;
        }
        self.peers = Peers::new(self.protocol.topology().node_count());
        for vm in 0..self.lives.len() {
            let mut set = Set {
                protocol: &self.protocol,
                peers: &mut self.peers,
            };
            if self.lives[vm].start_again(&mut set) {
                let delay = self.millis(100, 2000);
                self.wake_vm(vm, delay);
            }
        }
    }
}
