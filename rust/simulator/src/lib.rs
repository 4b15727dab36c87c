//! Scenarios: toolstacks' days on a modelled Xen, played in virtual time.
//!
//! A [`Scenario`] is data: a host, VMs, phases of jobs, faults. [`play`] runs it on one flavour of
//! Xen with one toolstack; the same settings give the same result on every machine. Every event is
//! a choice of the [`Schedule`], and a failing run's choices can be cut down with
//! [`minimal_trace`] and played again. Everything random comes from a seed.
#![forbid(unsafe_code)]

mod actor;
mod building;
mod builtin;
mod call;
mod churn;
mod engine;
mod film;
mod job;
mod ledger;
mod life;
mod names;
mod order;
mod others;
mod peer;
mod progress;
mod read;
mod record;
mod room;
mod run;
mod scenario;
mod schedule;
mod setup;
mod stage;
mod steps;
mod toolstack;

use claims::Error;
use model::Flavour;
use planner::{Invalid, Strategy};

pub use builtin::BuiltIn;
pub use call::Call;
pub use churn::{churn, Churn};
pub use job::{FaultSpec, JobSpec, PhaseSpec};
pub use record::{Ending, Event, Film, Happening, Played, Sample, Start, Variant};
pub use scenario::{
    HostSpec, MemorySpec, NodeSpec, PolicySpec, Scenario, StrategySpec, VmKind, VmSpec, FORMAT,
};
pub use schedule::{minimal_trace, Choice, Schedule};
pub use toolstack::Toolstack;

/// How a scenario is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Decides sizes, durations and what comes of chance.
    pub seed: u64,
    /// The kind of Xen.
    pub flavour: Flavour,
    /// Whose protocol.
    pub toolstack: Toolstack,
    /// The planner's strategy, if it is not to be the scenario's.
    pub strategy: Option<Strategy>,
    /// Whether shares of the host are aligned.
    pub variant: Variant,
    /// Who goes next.
    pub schedule: Schedule,
    /// Whether it is recorded how memory went.
    pub film: bool,
}

impl Default for Settings {
    /// Seed 1, upstream, the scenario's strategy, this project's protocol, whoever is due first.
    fn default() -> Self {
        Settings {
            seed: 1,
            flavour: Flavour::UPSTREAM,
            toolstack: Toolstack::OURS,
            strategy: None,
            variant: Variant::Unaligned,
            schedule: Schedule::Timed,
            film: false,
        }
    }
}

/// A scenario that cannot be played.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlayError {
    /// Its text is not a scenario.
    #[error("line {line}, column {column}: {field}{}{message}", match field.as_str() {
        "" => "",
        _ => ": ",
    })]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// Which value, such as `vms[0].vcpus`.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// A value that cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The protocol could not be opened.
    #[error(transparent)]
    Protocol(Error),
}

/// Plays a scenario.
pub fn play(scenario: &Scenario, settings: &Settings) -> Result<Played, PlayError> {
    run::Run::new(scenario, settings)?.play(scenario)
}
