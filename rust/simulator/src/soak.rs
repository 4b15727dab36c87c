//! Soak runs: VMs of all sizes come and go on hosts of all kinds, several at a time.
//!
//! A VM comes only when, with what runs and what is being started, it fits the host and its
//! reserve; so no start may fail, however much of that memory is still being given back.

use std::time::Duration;

use claims::{overhead_pages, structure_pages, Config};
use fastrand::Rng;
use model::{Consume, Finding, Flavour, NodeClaims, Sizes, Timing, Xen};
use planner::{Policy, Strategy};

use super::actor::Noise;
use super::engine::Engine;
use super::error::RunError;
use super::lifecycle::{Job, Lifecycle, Next, ResolvedVm};
use super::result::Ending;
use super::scenario::{HostSpec, NodeSpec, VmKind};
use super::schedule::{Schedule, Scheduler};
use super::stage::Stage;
use super::toolstack::Toolstack;

/// Pages in a GiB.
const GIB: u64 = 1 << 18;

/// The most that Xen takes for itself.
const NOISE_PAGES: u64 = 512;

/// What is kept free of each node where claims on nodes do not bind Xen itself: more than the
/// noise, and than the structures of as many VMs as there are.
const NODE_RESERVE_PAGES: u64 = 40 << 10;

/// What is kept free besides where an extent on its way is missing from what is free: without it
/// Xen could not even create a domain meanwhile.
const LATE_RESERVE_PAGES: u64 = GIB;

/// How long a start may wait: on a small host whose VMs all come and go within a minute, builds
/// that must not meet take their turns, and there may be fifteen before it.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The result of a soak run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoakResult {
    /// Starts.
    pub starts: u64,
    /// Those that failed, and why: the first few.
    pub failures: Vec<String>,
    /// How many failed.
    pub failed_starts: u64,
    /// Starts with everything on one node.
    pub on_one_node: u64,
    /// Starts that waited for memory to be given back, and that waited for builds to end.
    pub waited: u64,
    /// And the latter.
    pub queued: u64,
    /// The longest that any waited for builds to end.
    pub longest_queued: Duration,
    /// What the hypervisor got wrong, and how often.
    pub findings: [u64; Finding::ALL.len()],
    /// Whether the host is at the end what it was at the start.
    pub ending: Result<(), Ending>,
}

/// One host and its VMs.
struct World {
    engine: Engine,
    /// What running and starting VMs take in all, and what they may take.
    committed_pages: u64,
    capacity_pages: u64,
    to_start: u64,
    result: SoakResult,
}

/// Lets `starts` VMs come and go on a host that the seed makes up. The same arguments give the
/// same result, on every machine; memory does not grow with `starts`.
pub fn soak(seed: u64, starts: u64, flavour: Flavour) -> Result<SoakResult, RunError> {
    let mut world = World::new(seed, starts, flavour)?;
    let ended = world.run();
    world.result.ending = ended.and_then(|()| world.engine.end());
    let model = world.engine.model();
    world.result.findings = model.with(|xen| Finding::ALL.map(|finding| xen.found(finding)));
    Ok(world.result)
}

impl World {
    fn new(seed: u64, starts: u64, flavour: Flavour) -> Result<Self, RunError> {
        let mut rng = Rng::with_seed(seed);
        let xen = xen(&mut rng, flavour)?;
        let config = Config::default().with_memory_wait(PATIENCE);
        let mut reserve = config.reserve();
        if flavour.node_claims == NodeClaims::Xs9 {
            reserve.node_pages = NODE_RESERVE_PAGES;
        }
        if flavour.consume == Consume::AtAssign {
            reserve.host_pages += LATE_RESERVE_PAGES;
        }
        let config = config.with_reserve(reserve);
        let at_start = xen.physinfo();
        let nodes = xen.topology().online().len() as u64;
        let reserve_pages = reserve.host_pages.max(reserve.node_pages * nodes);
        let slots = rng.usize(3..=16);
        let schedule = match rng.u64(0..3) {
            0 => Schedule::Timed,
            _ => Schedule::Random {
                one_in: rng.u64(3..100),
            },
        };
        let scheduler = Scheduler::forgetful(schedule, rng.u64(..));
        let noise = Noise::new(NOISE_PAGES, rng.u64(..));
        let stage = Stage::new(xen, Vec::new());
        let mut engine = Engine::new(stage, config, rng, noise, scheduler)?;
        engine.due = vec![Some(Duration::ZERO); slots + 1];
        let mut world = World {
            engine,
            committed_pages: 0,
            capacity_pages: at_start.free_pages.saturating_sub(reserve_pages),
            to_start: starts,
            result: SoakResult {
                starts: 0,
                failures: Vec::new(),
                failed_starts: 0,
                on_one_node: 0,
                waited: 0,
                queued: 0,
                longest_queued: Duration::ZERO,
                findings: [0; Finding::ALL.len()],
                ending: Ok(()),
            },
        };
        for slot in 0..slots {
            let lifecycle = world.new_lifecycle(slot);
            world.engine.vms.push(lifecycle);
        }
        Ok(world)
    }

    /// A VM of a size that there is on some node, or is not.
    fn new_lifecycle(&mut self, slot: usize) -> Lifecycle {
        let rng = &mut self.engine.rng;
        let most = (self.capacity_pages / 2).max(2);
        let pages = match rng.u64(0..8) {
            0 => rng.u64(256..=2 * GIB),
            1 => rng.u64(1..=most),
            2 => rng.u64(1..=most / GIB + 1) * GIB,
            _ => rng.u64(1..=most / 16 + 1),
        };
        let vm = ResolvedVm {
            name: format!("vm{slot}"),
            vcpus: rng.u32(1..=8),
            memory_pages: pages.max(256),
            kind: if rng.bool() { VmKind::Hvm } else { VmKind::Pv },
            policy: match rng.u64(0..8) {
                0 => Policy::Any,
                1 => Policy::PrioMemOnly,
                2 => Policy::BestEffortHard,
                _ => Policy::BestEffort,
            },
            strategy: [Strategy::Balance, Strategy::Pack, Strategy::Spread][rng.usize(0..3)],
            builder_claims: false,
            bound_to: None,
        };
        let lingering_millis = [100, 5000, 60_000][rng.usize(0..3)];
        Lifecycle::new(vm, Toolstack::OURS.way, rng.u64(..), true, lingering_millis)
    }

    fn run(&mut self) -> Result<(), Ending> {
        while let Some(actor) = self.engine.next(|_, _| ()) {
            let again = match actor < self.engine.vms.len() {
                true => self.vm_event(actor)?,
                false if self.is_over() => None,
                false => Some(self.engine.noise_event()),
            };
            if let Some(delay) = again {
                self.engine.wake(actor, delay);
            }
        }
        Ok(())
    }

    /// Whether nothing more is to come.
    fn is_over(&self) -> bool {
        self.to_start == 0 && self.engine.due.iter().all(Option::is_none)
    }

    /// How long until the VM's next event.
    fn vm_event(&mut self, vm: usize) -> Result<Option<Duration>, Ending> {
        if self.engine.vms[vm].is_idle() {
            return Ok(self.idle_event(vm));
        }
        let event = self.engine.vm_event(vm);
        if !event.is_frequent {
            self.engine.check()?;
        }
        let footprint_pages = footprint(&self.engine.vms[vm]);
        Ok(match event.next {
            Next::After(delay) => Some(delay),
            Next::Off => Some(self.seconds(0, 5)),
            Next::Runs => {
                self.count(vm, true);
                Some(self.seconds(0, 60))
            }
            Next::Failed(reason) => {
                self.count(vm, false);
                self.committed_pages -= footprint_pages;
                if self.result.failures.len() < 5 {
                    self.result.failures.push(reason);
                }
                Some(self.seconds(0, 5))
            }
        })
    }

    /// A VM that runs is shut down; where there is none, one comes if it fits.
    fn idle_event(&mut self, vm: usize) -> Option<Duration> {
        if self.engine.vms[vm].running {
            self.committed_pages -= footprint(&self.engine.vms[vm]);
            self.engine.vms[vm].begin(Job::Shutdown);
            return Some(Duration::ZERO);
        }
        if self.to_start == 0 {
            return None;
        }
        let lifecycle = self.new_lifecycle(vm);
        let footprint_pages = footprint(&lifecycle);
        if self.committed_pages + footprint_pages > self.capacity_pages {
            return Some(self.seconds(0, 10));
        }
        self.committed_pages += footprint_pages;
        self.to_start -= 1;
        self.engine.vms[vm] = lifecycle;
        self.engine.vms[vm].begin(Job::Start);
        Some(Duration::ZERO)
    }

    fn count(&mut self, vm: usize, started: bool) {
        let lifecycle = &self.engine.vms[vm];
        let (_, _, nodes, _) = lifecycle.came_to(&self.engine.protocol);
        let result = &mut self.result;
        result.starts += 1;
        result.failed_starts += u64::from(!started);
        result.on_one_node += u64::from(started && lifecycle.remote_pages(nodes) == 0);
        if let Some(outcome) = &lifecycle.outcome {
            result.waited += u64::from(!outcome.waited.is_zero());
            result.queued += u64::from(!outcome.queued.is_zero());
            result.longest_queued = result.longest_queued.max(outcome.queued);
        }
    }

    fn seconds(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.engine.rng.u64(least * 1000..=most * 1000))
    }
}

/// What a VM takes in all.
fn footprint(lifecycle: &Lifecycle) -> u64 {
    let (vcpus, pages) = (lifecycle.vm.vcpus, lifecycle.vm.memory_pages);
    pages + overhead_pages(vcpus, pages) + structure_pages(vcpus)
}

/// A host of up to 8 nodes.
fn xen(rng: &mut Rng, flavour: Flavour) -> Result<Xen, RunError> {
    let nodes = match rng.u64(0..4) {
        0 => rng.usize(1..=8),
        _ => [1, 2, 2, 4][rng.usize(0..4)],
    };
    let usual = rng.u64(2 * GIB..=12 * GIB);
    let node = |rng: &mut Rng| {
        let free_pages = match rng.u64(0..6) {
            0 => rng.u64(GIB..=32 * GIB),
            _ => usual - rng.u64(0..=GIB / 2),
        };
        NodeSpec {
            size_pages: free_pages + rng.u64(0..=GIB),
            free_pages,
            jitter_pages: 0,
        }
    };
    let host = HostSpec {
        nodes: (0..nodes).map(|_| node(rng)).collect(),
        distances: None,
        cpus_per_node: rng.u32(2..=24),
        threads_per_core: rng.u32(1..=2),
        low_pages: None,
    };
    let host = host.host(rng)?;
    let micros = |rng: &mut Rng, most: u64| Duration::from_micros(rng.u64(0..=most));
    let sizes = Sizes {
        domain_pages: rng.u64(20..=60),
        vcpu_pages: rng.u64(180..=264),
    };
    let timing = Timing {
        quiet: micros(rng, 2_000_000),
        pool_time_per_gib: micros(rng, 400_000),
        memory_time_per_gib: micros(rng, 200_000),
        grace: micros(rng, 5_000_000),
        mapped_pages: rng.u64(0..4096),
        scrubbed_pages_per_second: [0, GIB, 8 * GIB][rng.usize(0..3)],
        ..Timing::default()
    };
    Ok(Xen::new(&host, flavour)
        .with_sizes(sizes)
        .with_timing(timing))
}
