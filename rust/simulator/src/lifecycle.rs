//! The lifecycle of one VM: what its toolstack does next, an event at a time.

use std::time::Duration;

use claims::{
    overhead_pages, pool_pages, Domid, Errno, Error, Outcome, Pinned, Placed, Placing, Protocol,
};
use fastrand::Rng;
use model::{Builder, Extent};
use planner::{CpuSet, NodeSet, Policy, Request, Strategy};

use super::memory_wait::{Peers, Waiting};
use super::peer::Built;
use super::result::{explain, remote_pages, Happening};
use super::scenario::VmKind;
use super::stage::Stage;
use super::toolstack::Way;

/// What is to be done with a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    Start,
    /// With by how much the memory that it is said to have differs from what it has.
    Receive(i64),
    Shutdown,
    Reboot,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Idle,
    Destroy,
    Destroyed,
    WaitForMemory,
    Create,
    SetMax,
    Look,
    Place,
    FillPool,
    CreateVcpus,
    Claim,
    Pin,
    Populate,
    Assign,
    Finish,
    StartDevices,
}

/// What came of an event.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// More, after some time.
    After(Duration),
    /// It runs.
    Runs,
    /// It is doomed, or was never there.
    Off,
    /// It could not be started. Its domain is doomed.
    Failed(String),
}

/// A VM's spec, with its memory in pages.
#[derive(Debug, Clone)]
pub(super) struct ResolvedVm {
    pub name: String,
    pub vcpus: u32,
    /// Video hole included.
    pub memory_pages: u64,
    pub kind: VmKind,
    pub policy: Policy,
    pub strategy: Strategy,
    pub builder_claims: bool,
    /// Whose CPUs its vCPUs are bound to, if they are.
    pub bound_to: Option<NodeSet>,
}

/// A VM and what is being done with it.
#[derive(Debug)]
pub(super) struct Lifecycle {
    pub vm: ResolvedVm,
    pub domid: Option<Domid>,
    pub running: bool,
    /// When its start began.
    pub began: Duration,
    pub(super) rng: Rng,
    pub(super) jitter: bool,
    /// How long the call that destroys a domain takes at most.
    pub(super) lingering_millis: u64,
    pub(super) way: Way,
    pub(super) job: Job,
    pub(super) at: At,
    pub(super) placing: Option<Box<Placing>>,
    pub(super) placed: Option<Placed>,
    pub(super) pinned: Option<Pinned>,
    pub(super) outcome: Option<Outcome>,
    /// How long its placement waited for builds and for memory, placed or not.
    pub(super) waits: (Duration, Duration),
    /// What a peer has come to.
    pub(super) built: Built,
    /// How it waits for memory before its domain is created, as a peer does.
    pub(super) waiting: Waiting,
    pub(super) pool_chunk_pages: u64,
    pub(super) builder: Option<Builder>,
    pub(super) extent: Option<(Extent, Duration)>,
    pub(super) build_began: Duration,
    pub build: Duration,
    pub pages_on: Vec<(usize, u64)>,
}

/// Why a start failed.
pub(super) enum Failure {
    Protocol(Error),
    Xen(&'static str, Errno),
    Said(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Protocol(error)
    }
}

impl Failure {
    pub fn text(&self) -> String {
        match self {
            Failure::Protocol(error) => error.to_string(),
            Failure::Xen(doing, errno) => format!("{doing}: {errno}"),
            Failure::Said(text) => text.clone(),
        }
    }
}

pub(super) fn while_(doing: &'static str) -> impl FnOnce(Errno) -> Failure {
    move |errno| Failure::Xen(doing, errno)
}

/// What all VMs of a run share.
pub(super) struct Set<'a> {
    pub protocol: &'a Protocol<Stage>,
    pub peers: &'a mut Peers,
}

impl Set<'_> {
    pub fn stage(&self) -> &Stage {
        self.protocol.hypervisor()
    }

    pub fn now(&self) -> Duration {
        self.stage().model.with(|xen| xen.now())
    }
}

impl Lifecycle {
    pub fn new(vm: ResolvedVm, way: Way, seed: u64, jitter: bool, lingering_millis: u64) -> Self {
        Lifecycle {
            vm,
            domid: None,
            running: false,
            began: Duration::ZERO,
            rng: Rng::with_seed(seed),
            jitter,
            lingering_millis,
            way,
            job: Job::Shutdown,
            at: At::Idle,
            placing: None,
            placed: None,
            pinned: None,
            outcome: None,
            waits: (Duration::ZERO, Duration::ZERO),
            built: Built::default(),
            waiting: Waiting::default(),
            pool_chunk_pages: 0,
            builder: None,
            extent: None,
            build_began: Duration::ZERO,
            build: Duration::ZERO,
            pages_on: Vec::new(),
        }
    }

    /// A time between `least` and `most` milliseconds.
    pub(super) fn millis(&mut self, (least, most): (u64, u64)) -> Duration {
        Duration::from_micros(match self.jitter {
            true => self.rng.u64(least * 1000..=most * 1000),
            false => (least + most) * 500,
        })
    }

    /// What its builder will populate.
    pub fn populated_pages(&self) -> u64 {
        self.vm.kind.populated_pages(self.vm.memory_pages)
    }

    /// What its toolstack thinks that its builder will populate.
    pub fn requested_pages(&self) -> u64 {
        let off = match self.job {
            Job::Receive(off) => off,
            Job::Start | Job::Shutdown | Job::Reboot => 0,
        };
        self.populated_pages().saturating_add_signed(off)
    }

    /// Pages that it will still take of its claim.
    pub fn left_pages(&self) -> u64 {
        match (&self.builder, self.running) {
            (_, true) => 0,
            (Some(builder), false) => {
                let in_flight = self.extent.as_ref().map_or(0, |(extent, _)| extent.pages());
                builder.left_pages() + in_flight
            }
            (None, false) => self.populated_pages(),
        }
    }

    /// Somebody else destroyed its domain. Its toolstack sees it when it does something with it; if
    /// it does nothing, the VM is off.
    pub fn was_killed(&mut self) {
        if self.is_idle() {
            self.domid = None;
            self.running = false;
        }
    }

    /// Whether a start is under way.
    pub fn is_starting(&self) -> bool {
        match self.at {
            At::Idle | At::Destroy | At::Destroyed => false,
            At::WaitForMemory
            | At::Create
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
            | At::StartDevices => true,
        }
    }

    /// Whether nothing is being done with it.
    pub fn is_idle(&self) -> bool {
        self.at == At::Idle
    }

    /// Whether its next event is one of very many.
    pub fn is_populating(&self) -> bool {
        matches!(self.at, At::Populate | At::Assign)
    }

    /// What it is at; nothing if it has nothing to do.
    pub fn doing(&self) -> Option<Happening> {
        Some(match self.at {
            At::Idle => return None,
            At::Destroy | At::Destroyed => Happening::Destroy,
            At::Create => Happening::Create,
            At::SetMax => Happening::SetMaximum,
            At::WaitForMemory | At::Look => Happening::LookForMemory,
            At::Place => Happening::Place,
            At::FillPool => Happening::FillPool,
            At::CreateVcpus => Happening::CreateVcpus,
            At::Claim => Happening::PlanAndClaim,
            At::Pin => Happening::Pin,
            At::Populate | At::Assign => Happening::Build,
            At::Finish => Happening::EndOfBuild,
            At::StartDevices => Happening::StartDevices,
        })
    }

    pub fn request(&self) -> Request {
        let mut request = Request::of_pages(self.requested_pages().max(1), self.vm.vcpus);
        request.overhead_pages = overhead_pages(self.vm.vcpus, self.vm.memory_pages);
        request.cores = self.vm.policy.cores(self.vm.vcpus);
        request.policy = self.vm.policy;
        request.strategy = self.vm.strategy;
        request
    }

    /// The CPUs that its vCPUs are bound to, if they are.
    pub(super) fn bound_cpus(&self, set: &Set) -> Option<CpuSet> {
        let nodes = self.vm.bound_to?;
        Some(set.protocol.topology().cpus_of(nodes, None))
    }

    /// Its pool: PV domains have none.
    pub(super) fn pool_pages(&self) -> u64 {
        match self.vm.kind {
            VmKind::Hvm => pool_pages(self.vm.vcpus, self.vm.memory_pages),
            VmKind::Pv => 0,
        }
    }

    /// Takes on a job.
    pub fn begin(&mut self, job: Job) {
        self.job = job;
        self.at = match job {
            // It is there already.
            Job::Start | Job::Receive(_) if self.running => At::Idle,
            Job::Start | Job::Receive(_) => self.first_step(),
            Job::Shutdown | Job::Reboot => At::Destroy,
        };
    }

    /// Its toolstack has died and come back: a start that was under way is cleaned up after and
    /// begun again. Whether there was one.
    pub fn start_again(&mut self, set: &mut Set) -> bool {
        if !self.is_starting() {
            return false;
        }
        self.clean_up(set);
        self.at = self.first_step();
        true
    }

    /// Where a start begins.
    pub(super) fn first_step(&mut self) -> At {
        self.running = false;
        self.outcome = None;
        self.waits = (Duration::ZERO, Duration::ZERO);
        self.built = Built::default();
        self.waiting = Waiting::default();
        match self.way {
            Way::Ours => At::Create,
            Way::Peer(_) => At::WaitForMemory,
        }
    }

    pub(super) fn clean_up(&mut self, set: &mut Set) -> String {
        let mut said = String::new();
        self.placing = None;
        self.placed = None;
        self.pinned = None;
        self.builder = None;
        self.pool_chunk_pages = 0;
        set.peers.leave(&self.vm.name);
        let stage = set.stage();
        if let Some((extent, _)) = self.extent.take() {
            // Its builder is gone; this cannot fail while its domain is there.
            _ = stage.model.with(|xen| xen.give_back(extent));
        }
        if let Some(domid) = self.domid.take() {
            if self.way == Way::Ours {
                // What failed is to be tried again.
                let abandoned =
                    (set.protocol.abandon(domid)).or_else(|_| set.protocol.abandon(domid));
                if let Err(error) = abandoned {
                    said.push_str(&format!("; and then {error}"));
                }
            }
            match set.stage().model.destroy(domid) {
                // Somebody else was faster.
                Ok(()) | Err(Errno::ESRCH) => (),
                Err(errno) => said.push_str(&format!("; and then destroying it: {errno}")),
            }
        }
        said
    }

    /// What came of its claim: its kind, the pages, the nodes of its affinity, and why.
    pub fn came_to(&self, protocol: &Protocol<Stage>) -> (&'static str, u64, NodeSet, String) {
        let online = protocol.topology().online();
        let model = &protocol.hypervisor().model;
        let affinity = |domid| model.with(|xen| xen.node_affinity(domid).ok());
        let now = self.domid.and_then(affinity);
        let nodes = now.map_or(online, |nodes| nodes.intersection(online));
        match &self.outcome {
            Some(outcome) => {
                let planned = outcome.plan.as_ref().map(|plan| plan.nodes);
                (
                    outcome.reservation.kind().name(),
                    outcome.claimed_pages,
                    planned.unwrap_or(nodes),
                    explain(outcome),
                )
            }
            None => {
                let built = &self.built;
                (built.claim, built.claimed_pages, nodes, built.why.clone())
            }
        }
    }

    /// Pages away from its vCPUs.
    pub fn remote_pages(&self, affinity: NodeSet) -> u64 {
        remote_pages(&self.pages_on, affinity)
    }
}
