//! Whether a run comes on: a job that ends is progress, and so are a VM's pages that were not
//! populated before.

use super::lifecycle::{At, Lifecycle};
use super::result::Ending;
use super::run::{Run, NOISE};

/// How many events a VM may have while nobody makes any progress. Some 12,000 are what a wait for
/// memory takes at most.
const MOST_EVENTS: u64 = 100_000;

/// How often the toolstack may die without progress, beside once for each call that goes wrong.
const MOST_DEATHS: usize = 100;

/// What happened since the last progress.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The events of each VM, of those that had any.
    events: Vec<u64>,
    all_events: u64,
    deaths: usize,
    /// How many of its pages each VM's job has had populated at most.
    populated: Vec<u64>,
}

impl Progress {
    pub fn new(vms: usize) -> Self {
        Progress {
            events: vec![0; vms],
            populated: vec![0; vms],
            ..Progress::default()
        }
    }

    /// A VM takes on a job.
    pub fn begins(&mut self, vm: usize) {
        self.populated[vm] = 0;
    }

    /// There was some.
    pub fn made(&mut self) {
        if self.all_events > 0 {
            self.events.fill(0);
        }
        self.all_events = 0;
        self.deaths = 0;
    }

    /// A VM had an event.
    fn event(&mut self, vm: usize, populated_pages: u64) {
        if populated_pages > self.populated[vm] {
            self.populated[vm] = populated_pages;
            self.made();
        } else {
            self.events[vm] += 1;
            self.all_events += 1;
        }
    }
}

impl Lifecycle {
    /// Pages that its builder has taken so far.
    fn populated_so_far(&self) -> u64 {
        match &self.builder {
            Some(builder) => self.populated_pages().saturating_sub(builder.left_pages()),
            None => 0,
        }
    }
}

impl Run {
    /// Notes an event of a VM. An error if it comes no further, nor anybody else.
    pub(super) fn comes_on(&mut self, vm: usize, died: bool) -> Result<(), Ending> {
        let lifecycle = &self.engine.vms[vm];
        self.progress.event(vm, lifecycle.populated_so_far());
        self.progress.deaths += usize::from(died);
        let stage = self.engine.protocol.hypervisor();
        let events = self.progress.all_events;
        if died && self.progress.deaths > MOST_DEATHS + stage.faults() {
            let call = stage.died_in().map_or("a call", |call| call.name());
            let died = self.progress.deaths;
            let why =
                format!("its toolstack dies in {call} whenever it begins again, {died} times");
            return Err(stuck(lifecycle, why, events));
        }
        match self.progress.events[vm] > MOST_EVENTS {
            true => Err(stuck(
                lifecycle,
                format!("it goes on {}", words(lifecycle.at)),
                events,
            )),
            false => Ok(()),
        }
    }

    /// Whether anybody but Xen itself has something to do. An error if not: jobs have not ended,
    /// and nobody is there to end them.
    pub(super) fn somebody_is_due(&self) -> Result<(), Ending> {
        let noise = self.engine.vms.len() + NOISE;
        let mut due = self.engine.due.iter().enumerate();
        if due.any(|(actor, due)| actor != noise && due.is_some()) {
            return Ok(());
        }
        let events = self.progress.all_events;
        match self
            .engine
            .vms
            .iter()
            .find(|lifecycle| !lifecycle.is_idle())
        {
            Some(lifecycle) => {
                let why = format!("nobody goes on {}", words(lifecycle.at));
                Err(stuck(lifecycle, why, events))
            }
            None => Err(Ending::Stuck {
                who: format!("the phase {:?}", self.phase),
                why: "nobody ends it".to_string(),
                events,
            }),
        }
    }
}

fn stuck(lifecycle: &Lifecycle, why: String, events: u64) -> Ending {
    Ending::Stuck {
        who: format!("{:?}", lifecycle.vm.name),
        why,
        events,
    }
}

/// What a VM's toolstack is at.
fn words(at: At) -> &'static str {
    match at {
        At::Idle => "doing nothing",
        At::Destroy | At::Destroyed => "destroying it",
        At::WaitForMemory | At::Look => "looking for memory",
        At::Create => "creating its domain",
        At::SetMax => "setting its maximum memory",
        At::Place => "placing it",
        At::FillPool => "filling its pool",
        At::CreateVcpus => "creating its vCPUs",
        At::Claim => "planning and claiming",
        At::Pin => "pinning its vCPUs",
        At::Populate | At::Assign => "populating its memory",
        At::Finish => "ending its build",
        At::StartDevices => "starting its device model",
    }
}
