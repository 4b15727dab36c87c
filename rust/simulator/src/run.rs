//! A run of a scenario: its phases, its actors, and what is recorded of them.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use claims::Config;
use fastrand::Rng;
use model::Finding;

use super::actor::Noise;
use super::engine::Engine;
use super::error::RunError;
use super::job::{JobSpec, PhaseSpec};
use super::ledger::Overclaimed;
use super::lifecycle::{Job, Next};
use super::names::Names;
use super::others::Other;
use super::progress::Progress;
use super::recorder::Recorder;
use super::result::{Ending, Happening, RunResult, Timeline};
use super::scenario::Scenario;
use super::schedule::Scheduler;
use super::settings::Settings;
use super::setup;
use super::stage::Stage;

/// Who takes part beside the VMs, which come first.
pub(super) const NOISE: usize = 0;
pub(super) const OTHERS: usize = 1;

/// Something to be done, with VMs by number.
#[derive(Debug, Clone)]
pub(super) struct Task {
    what: What,
    /// How much later than others.
    later: Duration,
}

#[derive(Debug, Clone)]
enum What {
    Vm(usize, Job),
    Other(JobSpec),
}

/// One run under way.
pub(super) struct Run {
    pub(super) settings: Settings,
    pub(super) config: Config,
    pub(super) engine: Engine,
    pub(super) jitter: bool,
    pub(super) dies_at_events: BTreeSet<u64>,
    pub(super) names: Names,
    pub(super) progress: Progress,
    pub(super) others: Vec<Option<Other>>,
    pub(super) phase: String,
    pub(super) phase_began: Duration,
    /// Jobs that start when the one before them has ended.
    pub(super) waiting: VecDeque<Task>,
    pub(super) busy: usize,
    pub(super) overclaimed: Overclaimed,
    pub(super) recorder: Recorder,
    pub(super) result: RunResult,
}

impl Run {
    /// An idle host, and VMs that are not started.
    pub fn new(scenario: &Scenario, settings: &Settings) -> Result<Self, RunError> {
        let mut rng = Rng::with_seed(settings.seed);
        let own = scenario.config();
        let builder_claims = match scenario.vms.iter().any(|vm| vm.builder_claims) {
            true => claims::BuilderClaims::Pv,
            false => claims::BuilderClaims::None,
        };
        let strategy = settings.strategy.unwrap_or(own.strategy());
        let config = own
            .with_strategy(strategy)
            .with_builder_claims(builder_claims);
        let xen = setup::xen(scenario, settings, &mut rng)?;
        let at_start = xen.physinfo();
        let taken_pages = at_start.outstanding_pages + config.reserve().host_pages;
        let free_pages = at_start.free_pages.saturating_sub(taken_pages);
        let names = Names::of(&scenario.vms)?;
        let vms = setup::vms(scenario, &names, settings, strategy, free_pages, &mut rng);
        let faults = setup::faults(scenario, &names)?;
        let recorder = Recorder::new(settings.timeline, &xen);
        let noise = Noise::new(scenario.noise_pages, rng.u64(..));
        let scheduler = Scheduler::new(settings.schedule.clone(), rng.u64(..));
        let stage = Stage::new(xen, faults);
        let mut engine = Engine::new(stage, config.clone(), rng, noise, scheduler)?;
        let progress = Progress::new(vms.len());
        engine.due = vec![None; vms.len() + OTHERS];
        engine.vms = vms;
        let result = RunResult {
            scenario: scenario.name.clone(),
            seed: settings.seed,
            flavour: settings.flavour,
            toolstack: settings.toolstack,
            variant: settings.variant,
            strategy,
            starts: Vec::new(),
            overclaimed_page_seconds: 0,
            all_running: Duration::ZERO,
            events: 0,
            findings: Vec::new(),
            ending: Ok(()),
            choices: Vec::new(),
            timeline: Timeline::default(),
        };
        Ok(Run {
            settings: settings.clone(),
            config,
            engine,
            jitter: scenario.jitter,
            dies_at_events: scenario.dies_at_events.iter().copied().collect(),
            names,
            progress,
            others: Vec::new(),
            phase: String::new(),
            phase_began: Duration::ZERO,
            waiting: VecDeque::new(),
            busy: 0,
            overclaimed: Overclaimed::default(),
            recorder,
            result,
        })
    }

    /// Goes through all phases and to the end.
    pub fn run_to_end(mut self, scenario: &Scenario) -> Result<RunResult, RunError> {
        if scenario.noise_pages > 0 {
            let noise = self.engine.vms.len() + NOISE;
            self.engine.wake(noise, Duration::ZERO);
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
        self.recorder.last_sample(self.engine.model(), now);
        self.result.ending = match ending {
            Ok(()) => self.engine.end(),
            Err(ending) => Err(ending),
        };
        self.result.overclaimed_page_seconds = self.overclaimed.page_seconds();
        self.result.events = self.engine.scheduler.events();
        self.result.choices = std::mem::take(&mut self.engine.scheduler.choices);
        self.result.timeline = self.recorder.timeline();
        let model = self.engine.model();
        self.result.findings = model.with(|xen| {
            let found = Finding::ALL.map(|finding| (finding, xen.found(finding)));
            found.into_iter().filter(|(_, count)| *count > 0).collect()
        });
        Ok(self.result)
    }

    /// The jobs of a phase by number of VM: those at once, then those in sequence.
    fn tasks(&self, phase: &PhaseSpec) -> Result<[Vec<Task>; 2], RunError> {
        let of = |specs: &[JobSpec]| -> Result<Vec<Task>, RunError> {
            let tasks: Result<Vec<_>, _> = specs.iter().map(|spec| self.tasks_of(spec)).collect();
            Ok(tasks?.concat())
        };
        Ok([of(&phase.at_once)?, of(&phase.in_sequence)?])
    }

    fn tasks_of(&self, spec: &JobSpec) -> Result<Vec<Task>, RunError> {
        let (name, job) = match spec {
            JobSpec::Start(vm) => (vm, Job::Start),
            JobSpec::Shutdown(vm) => (vm, Job::Shutdown),
            JobSpec::Reboot(vm) => (vm, Job::Reboot),
            JobSpec::Receive {
                vm,
                estimate_off_pages,
            } => (vm, Job::Receive(*estimate_off_pages)),
            JobSpec::Later { millis, job } => {
                let mut tasks = self.tasks_of(job)?;
                let later = Duration::from_millis(*millis);
                tasks.iter_mut().for_each(|task| task.later += later);
                return Ok(tasks);
            }
            JobSpec::Balloon { vm, .. } => return self.other_task(spec, vm.as_ref()),
            JobSpec::Kill(vm) | JobSpec::MapForeign { vm, .. } => {
                return self.other_task(spec, Some(vm));
            }
            JobSpec::WaitSeconds(_)
            | JobSpec::RestartToolstack { .. }
            | JobSpec::Offline { .. } => return self.other_task(spec, None),
        };
        let vms = self.names.find("vm", name)?;
        let task = |vm| Task {
            what: What::Vm(vm, job),
            later: Duration::ZERO,
        };
        Ok(vms.map(task).collect())
    }

    /// A job that is not a VM's, though it may be about one, which must be there.
    fn other_task(&self, spec: &JobSpec, vm: Option<&String>) -> Result<Vec<Task>, RunError> {
        if let Some(name) = vm {
            self.names.find("vm", name)?;
        }
        Ok(vec![Task {
            what: What::Other(spec.clone()),
            later: Duration::ZERO,
        }])
    }

    fn phase(&mut self, phase: &PhaseSpec, tasks: [Vec<Task>; 2]) -> Result<(), Ending> {
        let [at_once, in_sequence] = tasks;
        self.phase = phase.name.clone();
        self.phase_began = self.now();
        (self.recorder).event(self.phase_began, &phase.name, Happening::Phase);
        let gap = self.millis(10, 1000);
        for task in at_once {
            let delay = gap + self.millis(0, 300);
            self.begin(task, delay);
        }
        self.waiting = in_sequence.into();
        self.next_job();
        self.run_jobs()
    }

    /// Begins the next job of those in sequence, when all that began before have ended.
    fn next_job(&mut self) {
        if self.busy == 0 {
            if let Some(task) = self.waiting.pop_front() {
                let delay = self.millis(20, 500);
                self.begin(task, delay);
            }
        }
    }

    /// A job has ended.
    pub(super) fn job_ended(&mut self) {
        self.progress.made();
        self.busy -= 1;
        self.next_job();
    }

    fn begin(&mut self, task: Task, delay: Duration) {
        let delay = delay + task.later;
        match task.what {
            What::Vm(vm, job) => {
                self.engine.vms[vm].begin(job);
                self.progress.begins(vm);
                self.busy += 1;
                self.wake_vm(vm, delay);
            }
            What::Other(spec) => self.begin_other(spec, delay),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.engine.now()
    }

    /// A time between two numbers of milliseconds.
    pub(super) fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(match self.jitter {
            true => self.engine.rng.u64(least * 1000..=most * 1000),
            false => (least + most) * 500,
        })
    }

    /// Runs until every job of the phase has ended.
    fn run_jobs(&mut self) -> Result<(), Ending> {
        while self.busy > 0 {
            if self
                .dies_at_events
                .contains(&self.engine.scheduler.events())
            {
                self.restart();
            }
            self.somebody_is_due()?;
            let recorder = &mut self.recorder;
            let Some(actor) = (self.engine).next(|model, due| recorder.meanwhile(model, due))
            else {
                break;
            };
            let now = self.now();
            match actor.checked_sub(self.engine.vms.len()) {
                None => self.vm_event(actor, now)?,
                Some(NOISE) => {
                    let delay = self.engine.noise_event();
                    self.engine.wake(actor, delay);
                }
                Some(other) => self.other_event(other - OTHERS)?,
            }
            self.recorder.sample(self.engine.model(), now);
        }
        Ok(())
    }

    fn vm_event(&mut self, vm: usize, now: Duration) -> Result<(), Ending> {
        let event = self.engine.vm_event(vm);
        self.record_event(vm, event.was, &event.next, now);
        // Looking at everything costs more than most events do.
        if !event.is_frequent {
            self.look_at_claims(now);
            self.engine.check()?;
        }
        self.comes_on(vm, event.died)?;
        let (started, failure) = match event.next {
            Next::After(delay) => {
                self.engine.wake(vm, delay);
                if event.died {
                    self.restart();
                }
                return Ok(());
            }
            Next::Off => (None, None),
            Next::Runs => (Some(true), None),
            Next::Failed(reason) => (Some(false), Some(reason)),
        };
        if let Some(started) = started {
            self.record(vm, started, failure, now);
        }
        self.job_ended();
        if event.died {
            self.restart();
        }
        Ok(())
    }
}
