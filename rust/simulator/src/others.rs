//! What happens in a run that is not a VM's job: balloons, mappings, and the toolstack's death.

use std::time::Duration;

use claims::Domid;

use super::actor::{Balloon, Mapping};
use super::job::JobSpec;
use super::result::{Ending, Happening};
use super::run::{Run, OTHERS};

/// A job that is not a VM's.
#[derive(Debug)]
pub(super) enum Other {
    /// It has not begun.
    Due(JobSpec),
    Balloon(Balloon),
    Mapping(Mapping),
    /// There is nothing more to do.
    Done,
}

impl Run {
    pub(super) fn begin_other(&mut self, spec: JobSpec, delay: Duration) {
        let takes = match &spec {
            JobSpec::WaitSeconds(seconds) => Duration::from_secs(*seconds),
            JobSpec::RestartToolstack { after_millis } => Duration::from_millis(*after_millis),
            JobSpec::Start(_)
            | JobSpec::Receive { .. }
            | JobSpec::Shutdown(_)
            | JobSpec::Reboot(_)
            | JobSpec::Balloon { .. }
            | JobSpec::Later { .. }
            | JobSpec::Kill(_)
            | JobSpec::Offline { .. }
            | JobSpec::MapForeign { .. } => Duration::ZERO,
        };
        self.others.push(Some(Other::Due(spec)));
        self.engine.due.push(None);
        self.busy += 1;
        let last = self.engine.due.len() - 1;
        self.engine.wake(last, delay + takes);
    }

    pub(super) fn other_event(&mut self, other: usize) -> Result<(), Ending> {
        if let Some(Some(Other::Due(spec))) = self.others.get(other) {
            let spec = spec.clone();
            self.others[other] = Some(self.start_other(&spec));
        }
        let model = self.engine.model().clone();
        let again = match &mut self.others[other] {
            Some(Other::Balloon(balloon)) => model.with(|xen| balloon.event(xen)),
            Some(Other::Mapping(mapping)) => model.with(|xen| mapping.event(xen)),
            Some(Other::Due(_) | Other::Done) | None => None,
        };
        match again {
            Some(delay) => {
                let actor = self.engine.vms.len() + OTHERS + other;
                self.engine.wake(actor, delay);
            }
            None => {
                self.others[other] = None;
                self.job_ended();
            }
        }
        self.engine.check()
    }

    /// Does what is done at once, and says what is left.
    fn start_other(&mut self, spec: &JobSpec) -> Other {
        let domid_of = |name: &String| self.engine.vms[self.names.get(name)?.next()?].domid;
        let model = self.engine.model().clone();
        match spec {
            JobSpec::Balloon {
                vm,
                node,
                pages,
                pages_per_second,
                scattered,
            } => {
                let domid = vm.as_ref().map_or(Some(Domid(0)), domid_of);
                let balloon = Balloon::new(domid, *node, *pages, *pages_per_second, *scattered);
                return Other::Balloon(balloon);
            }
            JobSpec::MapForeign { vm, pages, seconds } => {
                let time = Duration::from_secs(*seconds);
                return Other::Mapping(Mapping::new(domid_of(vm), *pages, time));
            }
            JobSpec::Kill(vm) => {
                for vm in self.names.get(vm).into_iter().flatten() {
                    if let Some(domid) = self.engine.vms[vm].domid {
                        // A domain that is gone already need not be killed.
                        _ = model.with(|xen| xen.destroy(domid));
                        self.engine.vms[vm].was_killed();
                    }
                }
            }
            JobSpec::Offline { node, pages } => {
                _ = model.with(|xen| xen.offline_pages(*node, *pages));
            }
            JobSpec::RestartToolstack { .. } => self.restart(),
            // These are VMs' jobs, or have no more to do than to take their time.
            JobSpec::WaitSeconds(_)
            | JobSpec::Later { .. }
            | JobSpec::Start(_)
            | JobSpec::Receive { .. }
            | JobSpec::Shutdown(_)
            | JobSpec::Reboot(_) => (),
        }
        Other::Done
    }

    /// The toolstack dies and comes back: it knows nothing but what Xen reports.
    pub(super) fn restart(&mut self) {
        let now = self.now();
        self.recorder.event(now, "toolstack", Happening::Restart);
        for vm in self.engine.restart(&self.config) {
            let delay = self.millis(100, 2000);
            self.wake_vm(vm, delay);
        }
    }
}
