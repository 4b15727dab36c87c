//! How memory went over time, in a bounded number of samples, and all that happened.

use std::time::Duration;

use model::{Model, Xen};

use super::lifecycle::Next;
use super::result::{Event, Happening, Sample, Timeline};
use super::run::Run;

/// As many samples as are kept at most.
const MOST_SAMPLES: usize = 2000;

/// A pause of at least this length is sampled, this many times at most.
const QUIET: Duration = Duration::from_millis(250);
const QUIET_SAMPLES: u32 = 200;

/// Records a timeline: samples, the rarer the longer it goes on, and events.
#[derive(Debug)]
pub(super) struct Recorder {
    on: bool,
    timeline: Timeline,
    gap: Duration,
    next: Duration,
}

impl Recorder {
    pub fn new(on: bool, xen: &Xen) -> Self {
        let nodes = xen.memory().nodes;
        Recorder {
            on,
            timeline: Timeline {
                node_pages: nodes
                    .iter()
                    .map(|node| node.map_or(0, |node| node.size_pages))
                    .collect(),
                ..Timeline::default()
            },
            gap: Duration::from_millis(1),
            next: Duration::ZERO,
        }
    }

    /// Takes a sample, if it is time for one.
    pub fn sample(&mut self, model: &Model, now: Duration) {
        if self.on && now >= self.next {
            model.with(|xen| self.sample_now(xen, now));
        }
    }

    /// Takes the last sample.
    pub fn last_sample(&mut self, model: &Model, now: Duration) {
        if self.on {
            model.with(|xen| self.sample_now(xen, now));
        }
    }

    /// Takes samples of what comes back while nobody does anything until `due`, on a copy:
    /// recording changes nothing.
    pub fn meanwhile(&mut self, model: &Model, due: Duration) {
        if !self.on {
            return;
        }
        let quiet = model.with(|xen| {
            let long = due > xen.now() + QUIET && xen.is_tearing_down();
            long.then(|| xen.clone())
        });
        let Some(mut xen) = quiet else { return };
        let step = QUIET.max((due - xen.now()) / QUIET_SAMPLES).max(self.gap);
        while xen.is_tearing_down() && xen.now() + step < due {
            let at = xen.now() + step;
            xen.advance_to(at);
            self.sample_now(&xen, at);
        }
    }

    fn sample_now(&mut self, xen: &Xen, now: Duration) {
        self.next = now + self.gap;
        let memory = xen.memory();
        let of = |part: fn(&planner::NodeMemory) -> u64| -> Vec<u64> {
            let nodes = memory.nodes.iter();
            nodes.map(|node| node.as_ref().map_or(0, part)).collect()
        };
        self.timeline.samples.push(Sample {
            at: now,
            free_pages: of(|node| node.free_pages),
            claimed_pages: of(|node| node.claimed_pages),
            outstanding_pages: memory.host_outstanding_pages,
        });
        if self.timeline.samples.len() > MOST_SAMPLES {
            let mut keep = false;
            self.timeline.samples.retain(|_| {
                keep = !keep;
                keep
            });
            self.gap *= 2;
        }
    }

    /// Something happened.
    pub fn event(&mut self, at: Duration, what: &str, happened: Happening) {
        if self.on {
            self.timeline.events.push(Event {
                at,
                what: what.to_string(),
                happened,
            });
        }
    }

    pub fn timeline(&mut self) -> Timeline {
        // What begins some time later is known before.
        self.timeline.events.sort_by_key(|event| event.at);
        std::mem::take(&mut self.timeline)
    }
}

impl Run {
    /// A VM begins something, when it is woken.
    pub(super) fn wake_vm(&mut self, vm: usize, delay: Duration) {
        self.engine.wake(vm, delay);
        let lifecycle = &self.engine.vms[vm];
        if let (Some(at), Some(happening)) = (self.engine.due[vm], lifecycle.doing()) {
            self.recorder.event(at, &lifecycle.vm.name, happening);
        }
    }

    /// A VM was at something, and now comes what is next.
    pub(super) fn record_event(
        &mut self,
        vm: usize,
        was: Option<Happening>,
        next: &Next,
        now: Duration,
    ) {
        let lifecycle = &self.engine.vms[vm];
        let is = match next {
            Next::After(_) => lifecycle.doing(),
            Next::Runs => Some(Happening::Runs),
            Next::Failed(_) => Some(Happening::Fails),
            Next::Off => Some(Happening::Gone),
        };
        if let Some(happening) = is.filter(|_| is != was) {
            self.recorder.event(now, &lifecycle.vm.name, happening);
        }
    }
}
