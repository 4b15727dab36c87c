//! Scenarios: toolstacks' days on a modelled Xen, run in virtual time.
//!
//! A [`Scenario`] is data: a host, VMs, phases of jobs, faults. [`run`] takes it through on one
//! flavour of Xen with one toolstack; the same settings give the same result on every machine.
//! Every event is a choice of the [`Schedule`], and a failing run's choices can be cut down with
//! [`minimal_failure`] and run again. Everything random comes from a seed.
#![forbid(unsafe_code)]

mod actor;
mod building;
mod builtin;
mod call;
mod engine;
mod error;
mod job;
mod ledger;
mod lifecycle;
mod memory_wait;
mod names;
mod order;
mod others;
mod peer;
mod progress;
mod read;
mod recorder;
mod result;
mod run;
mod scenario;
mod schedule;
mod settings;
mod setup;
mod soak;
mod stage;
mod steps;
mod toolstack;

pub use builtin::BuiltIn;
pub use call::Call;
pub use error::RunError;
pub use job::{FaultSpec, JobSpec, PhaseSpec};
pub use result::{Ending, Event, Happening, RunResult, Sample, Start, Timeline, Variant};
pub use scenario::{
    HostSpec, MemorySpec, NodeSpec, PolicySpec, Scenario, StrategySpec, VmKind, VmSpec, FORMAT,
};
pub use schedule::{minimal_trace, Choice, Schedule};
pub use settings::Settings;
pub use soak::{soak, SoakResult};
pub use toolstack::Toolstack;

/// Runs a scenario.
pub fn run(scenario: &Scenario, settings: &Settings) -> Result<RunResult, RunError> {
    run::Run::new(scenario, settings)?.run_to_end(scenario)
}

/// The fewest of a run's choices with which it still fails as it did, as far as leaving out parts
/// of them finds these: all of them if it did not fail. Runs the scenario many times.
pub fn minimal_failure(scenario: &Scenario, settings: &Settings) -> Result<Vec<Choice>, RunError> {
    let result = run(scenario, settings)?;
    if !result.fails() {
        return Ok(result.choices);
    }
    let fails = |trace: &[Choice]| {
        let settings = Settings {
            schedule: Schedule::Trace(trace.to_vec()),
            ..settings.clone()
        };
        run(scenario, &settings).is_ok_and(|again| again.fails_like(&result))
    };
    Ok(minimal_trace(&result.choices, fails))
}
