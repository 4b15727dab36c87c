//! The queue of events of one storm, and its phases.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use claims::{Config, Error, Hypervisor, Outcome, Protocol, Rung};
use fastrand::Rng;
use planner::NodeSet;

use super::host::{host, vm_pages, VMS};
use super::vm::{millis, Next, Stage, Vm};
use super::{Ending, Start, Variant};
use crate::flavour::Flavour;
use crate::model::Model;
use crate::xen::{Reading, Sizes, Timing, Xen};

/// More events than any storm has, by far.
const MAX_EVENTS: u64 = 1_000_000;

/// The most that Xen takes from its heap at a time for what is no domain's, and holds in all.
const NOISE_PAGES: u64 = 64;
const MAX_NOISE_PAGES: u64 = 512;

/// How long destroying a domain takes at most, as its toolstack sees it: hardly any of its memory
/// is back, some is, or all.
const LINGERING_MILLIS: [u64; 3] = [2000, 30_000, 90_000];

/// By when everything is gone after the last shutdown.
const END: Duration = Duration::from_secs(3600);

/// What is to be done with a VM.
#[derive(Debug, Clone, Copy)]
enum Job {
    Start(usize),
    Shutdown(usize),
    Reboot(usize),
}

/// Who an event is for, after its time and its place among those of the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Actor {
    Vm(usize),
    Noise,
}

/// One storm under way.
pub(super) struct Run {
    pub starts: Vec<Start>,
    variant: Variant,
    protocol: Protocol<Model>,
    rng: Rng,
    at_start: Reading,
    vms: Vec<Vm>,
    queue: BinaryHeap<Reverse<(Duration, u64, Actor)>>,
    events: u64,
    noise_pages: u64,
    phase: &'static str,
    /// Jobs that start when the one before them has ended.
    waiting: VecDeque<Job>,
    busy: usize,
}

impl Run {
    /// An idle host, and VMs that fill it.
    pub fn new(
        seed: u64,
        config: &Config,
        variant: Variant,
        flavour: Flavour,
    ) -> Result<Self, Error> {
        let mut rng = Rng::with_seed(seed);
        let host = host(&mut rng)?;
        let sizes = Sizes {
            domain_pages: rng.u64(20..=60),
            vcpu_pages: rng.u64(180..=264),
        };
        let timing = Timing {
            quiet: millis(&mut rng, 0, 2000),
            pool_time_per_gib: millis(&mut rng, 100, 600),
            memory_time_per_gib: millis(&mut rng, 45, 70),
            grace: millis(&mut rng, 50, 5000),
            mapped_pages: rng.u64(0..4096),
            ..Timing::default()
        };
        let xen = Xen::new(&host, flavour)
            .with_sizes(sizes)
            .with_timing(timing);
        let at_start = xen.physinfo();
        let lingering_millis = LINGERING_MILLIS[rng.u64(0..3) as usize];
        let Reading {
            free_pages,
            outstanding_pages,
        } = at_start;
        let taken_pages = outstanding_pages + config.reserve.host_pages;
        let memory_pages = vm_pages(free_pages.saturating_sub(taken_pages), variant);
        let vms = (1..=VMS)
            .map(|i| Vm {
                name: format!("vm{i}"),
                memory_pages,
                strategy: config.strategy,
                lingering_millis,
                domid: None,
                stage: Stage::Idle,
            })
            .collect();
        Ok(Run {
            starts: Vec::new(),
            variant,
            protocol: Protocol::open(Model::of(xen), config.clone())?,
            rng,
            at_start,
            vms,
            queue: BinaryHeap::new(),
            events: 0,
            noise_pages: 0,
            phase: "",
            waiting: VecDeque::new(),
            busy: 0,
        })
    }

    /// Goes through all phases.
    pub fn phases(&mut self) -> Result<(), Ending> {
        self.schedule(Duration::ZERO, Actor::Noise);
        let all = || 0..VMS;
        self.in_sequence("sequential start", all().map(Job::Start).collect())?;
        self.at_once("shutdown", all().map(Job::Shutdown).collect())?;
        self.at_once("parallel start", all().map(Job::Start).collect())?;
        self.at_once("reboot of one", vec![Job::Reboot(0)])?;
        self.at_once("parallel reboot", all().map(Job::Reboot).collect())?;
        self.at_once("shutdown", all().map(Job::Shutdown).collect())?;
        self.end()
    }

    fn in_sequence(&mut self, phase: &'static str, jobs: VecDeque<Job>) -> Result<(), Ending> {
        self.phase = phase;
        self.waiting = jobs;
        self.next_job();
        self.run()
    }

    fn at_once(&mut self, phase: &'static str, jobs: Vec<Job>) -> Result<(), Ending> {
        self.phase = phase;
        let gap = millis(&mut self.rng, 10, 1000);
        for job in jobs {
            let delay = gap + millis(&mut self.rng, 0, 300);
            self.begin(job, delay);
        }
        self.run()
    }

    fn next_job(&mut self) {
        if let Some(job) = self.waiting.pop_front() {
            let delay = millis(&mut self.rng, 20, 500);
            self.begin(job, delay);
        }
    }

    fn begin(&mut self, job: Job, delay: Duration) {
        let (i, stage) = match job {
            Job::Start(i) => (i, Stage::Create),
            Job::Shutdown(i) => (i, Stage::Destroy { restart: false }),
            Job::Reboot(i) => (i, Stage::Destroy { restart: true }),
        };
        if let Some(vm) = self.vms.get_mut(i) {
            vm.stage = stage;
            self.busy += 1;
            self.schedule(delay, Actor::Vm(i));
        }
    }

    fn now(&self) -> Duration {
        self.protocol.hypervisor().now()
    }

    fn schedule(&mut self, delay: Duration, actor: Actor) {
        let due = self.now() + delay;
        self.queue.push(Reverse((due, self.events, actor)));
        self.events += 1;
    }

    /// Runs until every VM of the phase has ended.
    fn run(&mut self) -> Result<(), Ending> {
        while self.busy > 0 {
            let Some(Reverse((due, _, actor))) = self.queue.pop() else {
                break;
            };
            let model = self.protocol.hypervisor();
            model.with(|xen| xen.advance_to(due));
            match actor {
                Actor::Noise => self.noise(),
                Actor::Vm(i) => self.vm_event(i)?,
            }
            if self.events > MAX_EVENTS {
                let events = self.events;
                return Err(Ending::Stuck { events });
            }
        }
        Ok(())
    }

    fn vm_event(&mut self, i: usize) -> Result<(), Ending> {
        let Some(vm) = self.vms.get_mut(i) else {
            return Ok(());
        };
        let next = vm.event(&self.protocol, &mut self.rng);
        match next {
            Next::After(delay, stage) => {
                // Checking costs more than most events do.
                let building = matches!(stage, Stage::Take(_) | Stage::Assign(..));
                vm.stage = stage;
                self.schedule(delay, Actor::Vm(i));
                return if building { Ok(()) } else { self.check() };
            }
            Next::Runs(build) => {
                let outcome = &build.outcome;
                let start = self.start(i, Some(outcome), true, explain(outcome));
                self.starts.push(Start {
                    pages_on: build.pages_on,
                    build: build.time,
                    ..start
                });
            }
            Next::Failed { reason, outcome } => {
                let start = self.start(i, outcome.as_deref(), false, reason);
                self.starts.push(start);
            }
            Next::Off => (),
        }
        self.busy -= 1;
        self.next_job();
        self.check()
    }

    fn start(&self, i: usize, outcome: Option<&Outcome>, started: bool, reason: String) -> Start {
        let plan = outcome.and_then(|outcome| outcome.plan.as_ref());
        let online = self.protocol.topology().online();
        let time = |of: fn(&Outcome) -> Duration| outcome.map_or(Duration::ZERO, of);
        Start {
            vm: self
                .vms
                .get(i)
                .map_or_else(String::new, |vm| vm.name.clone()),
            variant: self.variant,
            phase: self.phase,
            nodes: plan.map_or(online, |plan| plan.nodes),
            requested_pages: self.vms.get(i).map_or(0, Vm::requested_pages),
            claimed_pages: outcome.map_or(0, |outcome| outcome.claimed_pages),
            claim: outcome.map_or("none", |outcome| rung_name(&outcome.rung)),
            pages_on: Vec::new(),
            started,
            reason,
            queued: time(|outcome| outcome.queued),
            waited: time(|outcome| outcome.waited),
            build: Duration::ZERO,
        }
    }

    /// Xen takes a few pages for itself, or gives all of them back.
    fn noise(&mut self) {
        let pages = self.rng.u64(0..=NOISE_PAGES);
        let node = usize::from(self.rng.bool());
        let model = self.protocol.hypervisor();
        match self.noise_pages + pages > MAX_NOISE_PAGES {
            true => {
                model.with(Xen::free_unowned);
                self.noise_pages = 0;
            }
            false if model.with(|xen| xen.take_unowned(node, pages)).is_ok() => {
                self.noise_pages += pages;
            }
            // Nothing is lost: the noise can do without.
            false => (),
        }
        let delay = millis(&mut self.rng, 100, 3000);
        self.schedule(delay, Actor::Noise);
    }

    fn check(&self) -> Result<(), Ending> {
        self.protocol.hypervisor().with(|xen| {
            xen.check()?;
            match xen.crash() {
                None => Ok(()),
                Some(crash) => Err(Ending::Crashed(crash)),
            }
        })
    }

    /// Lets all destruction end, and looks that the host is what it was.
    fn end(&mut self) -> Result<(), Ending> {
        let now = self.now();
        let reading = self.protocol.hypervisor().with(|xen| {
            xen.free_unowned();
            xen.advance_to(now + END);
            xen.physinfo()
        });
        self.check()?;
        let builds = self.protocol.status().builds.len();
        let missing_pages = self.at_start.free_pages.abs_diff(reading.free_pages);
        match reading == self.at_start && builds == 0 {
            true => Ok(()),
            false => Err(Ending::Left {
                outstanding_pages: reading.outstanding_pages,
                missing_pages,
                builds,
            }),
        }
    }
}

fn rung_name(rung: &Rung) -> &'static str {
    match rung {
        Rung::NodeClaim(_) => "node",
        Rung::HostClaim => "host",
        Rung::Anywhere => "any",
        Rung::Unplaced(_) => "unplaced",
        Rung::ClaimedByBuilder => "builder",
        Rung::Unclaimed => "none",
    }
}

fn explain(outcome: &Outcome) -> String {
    let planned = match outcome
        .plan
        .as_ref()
        .map_or(NodeSet::EMPTY, |plan| plan.nodes)
    {
        NodeSet::EMPTY => "no affinity".to_string(),
        nodes => format!("affinity to nodes {nodes}"),
    };
    match &outcome.rung {
        Rung::NodeClaim(node) => format!("claimed on node {node}, {planned}"),
        Rung::HostClaim => format!("claimed on the host, {planned}"),
        Rung::Anywhere => "claimed on the host, as the policy says".to_string(),
        Rung::Unplaced(why) => format!("claimed on the host, no plan could be kept: {why}"),
        Rung::ClaimedByBuilder => format!("claimed by its builder, {planned}"),
        Rung::Unclaimed => format!("not claimed, {planned}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(flavour: Flavour) -> Run {
        Run::new(7, &Config::default(), Variant::Unaligned, flavour).expect("a host")
    }

    #[test]
    fn a_vm_that_is_too_large_fails_and_leaves_nothing() {
        for flavour in Flavour::ALL {
            let mut run = idle(flavour);
            run.vms[2].memory_pages += 100_000;
            assert_eq!(run.phases(), Ok(()), "{}", flavour.name);
            let first = &run.starts[..3];
            assert!(first[0].started && first[1].started && !first[2].started);
            assert!(
                first[2].reason.contains("host is full"),
                "{}",
                first[2].reason
            );
            assert_eq!((first[2].claim, first[2].claimed_pages), ("none", 0));
            assert_eq!(run.starts.len(), 10, "the others go on");
        }
    }

    #[test]
    fn a_build_that_is_robbed_fails_and_leaves_nothing() {
        for flavour in [Flavour::XS9, Flavour::XS9_2025] {
            let mut run = idle(flavour);
            run.begin(Job::Start(0), Duration::ZERO);
            while !matches!(run.vms[0].stage, Stage::Take(_)) {
                let Some(Reverse((due, ..))) = run.queue.pop() else {
                    panic!("no build");
                };
                run.protocol.hypervisor().with(|xen| xen.advance_to(due));
                run.vm_event(0).expect("an event");
            }
            // Claims on a node do not keep Xen itself from it.
            run.protocol.hypervisor().with(|xen| {
                let nodes = xen.memory().nodes;
                let claimed = nodes
                    .iter()
                    .flatten()
                    .position(|node| node.claimed_pages > 0);
                let node = claimed.expect("a claim on a node");
                let free_pages = nodes[node].map_or(0, |node| node.free_pages);
                xen.take_unowned(node, free_pages - 1000)
                    .expect("less than the host has unclaimed");
            });
            assert_eq!(run.run(), Ok(()));
            let start = &run.starts[0];
            assert!(!start.started && start.claim == "node" && start.claimed_pages > 0);
            assert_eq!(start.reason, "populating its memory: ENOMEM");
            assert_eq!(run.end(), Ok(()), "{}", flavour.name);
        }
    }
}
