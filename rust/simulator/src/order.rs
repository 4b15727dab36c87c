//! Whether the jobs of a scenario go together: what is started is off, what is shut down runs, and
//! a VM has one job at a time.

use planner::Invalid;

use super::job::{JobSpec, PhaseSpec};
use super::names::Names;

/// What a VM does, as far as its jobs show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Off,
    Runs,
    /// Somebody destroyed its domain at some time.
    Unknown,
}

/// What a job needs of a VM, and makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Starts,
    Restarts,
    ShutsDown,
    Kills,
    /// It is about a domain that is there.
    Needs,
}

/// Goes through the phases, in which `names` are known, and checks what is done with each VM.
pub(super) fn check(phases: &[PhaseSpec], names: &Names) -> Result<(), Invalid> {
    let mut states = vec![State::Off; names.all().len()];
    for (i, phase) in phases.iter().enumerate() {
        let mut busy = vec![false; states.len()];
        let mut others = Vec::new();
        for (j, job) in phase.at_once.iter().enumerate() {
            let field = format!("phases[{i}].at_once[{j}]");
            let Some((field, name, step)) = step_of(field, job) else {
                continue;
            };
            for vm in names.find(&field, name)? {
                match step {
                    Step::Starts | Step::Restarts | Step::ShutsDown => {
                        if std::mem::replace(&mut busy[vm], true) {
                            let expected = "one job for each VM among those that begin together";
                            return Err(again(&field, &names.all()[vm], expected));
                        }
                        apply(&field, &names.all()[vm], step, &mut states[vm])?;
                    }
                    Step::Kills | Step::Needs => others.push((field.clone(), vm, step)),
                }
            }
        }
        for (field, vm, step) in others {
            match busy[vm] {
                true if step == Step::Kills => states[vm] = State::Unknown,
                true => (),
                false => apply(&field, &names.all()[vm], step, &mut states[vm])?,
            }
        }
        for (j, job) in phase.in_sequence.iter().enumerate() {
            let field = format!("phases[{i}].in_sequence[{j}]");
            if let Some((field, name, step)) = step_of(field, job) {
                for vm in names.find(&field, name)? {
                    apply(&field, &names.all()[vm], step, &mut states[vm])?;
                }
            }
        }
    }
    Ok(())
}

/// The VM's name in a job, its field, and what the job does with it; nothing if it is about none.
fn step_of<'j>(field: String, job: &'j JobSpec) -> Option<(String, &'j str, Step)> {
    let of = |what, vm: &'j String, step| Some((format!("{field}.{what}"), vm.as_str(), step));
    match job {
        JobSpec::Start(vm) => of("start", vm, Step::Starts),
        JobSpec::Receive { vm, .. } => of("receive.vm", vm, Step::Starts),
        JobSpec::Reboot(vm) => of("reboot", vm, Step::Restarts),
        JobSpec::Shutdown(vm) => of("shutdown", vm, Step::ShutsDown),
        JobSpec::Kill(vm) => of("kill", vm, Step::Kills),
        JobSpec::Balloon { vm: Some(vm), .. } => of("balloon.vm", vm, Step::Needs),
        JobSpec::MapForeign { vm, .. } => of("map_foreign.vm", vm, Step::Needs),
        JobSpec::Later { job, .. } => step_of(format!("{field}.later.job"), job),
        JobSpec::Balloon { vm: None, .. }
        | JobSpec::WaitSeconds(_)
        | JobSpec::RestartToolstack { .. }
        | JobSpec::Offline { .. } => None,
    }
}

fn apply(field: &str, name: &str, step: Step, state: &mut State) -> Result<(), Invalid> {
    *state = match (step, *state) {
        (Step::Starts, State::Off | State::Unknown) => State::Runs,
        (Step::Starts, State::Runs) => {
            let expected = "a VM that was not started, or was shut down since";
            return Err(again(field, name, expected));
        }
        (Step::Restarts, State::Runs | State::Unknown) => State::Runs,
        (Step::ShutsDown, State::Runs | State::Unknown) => State::Off,
        (Step::Kills, State::Runs | State::Unknown) => State::Unknown,
        (Step::Needs, State::Runs | State::Unknown) => *state,
        (Step::Restarts | Step::ShutsDown | Step::Kills | Step::Needs, State::Off) => {
            let expected = "a VM that was started before";
            return Err(Invalid::new(
                field,
                format!("{name:?}, which is off"),
                expected,
            ));
        }
    };
    Ok(())
}

fn again(field: &str, name: &str, expected: &str) -> Invalid {
    Invalid::new(field, format!("{name:?} again"), expected)
}
