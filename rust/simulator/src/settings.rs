//! How a scenario is run.

use model::Flavour;
use planner::Strategy;

use super::result::Variant;
use super::schedule::Schedule;
use super::toolstack::Toolstack;

/// How a scenario is run.
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
    /// Whether a timeline is recorded.
    pub timeline: bool,
}

impl Default for Settings {
    /// Seed 1, upstream, the scenario's strategy, this project's protocol, `Schedule::Timed`.
    fn default() -> Self {
        Settings {
            seed: 1,
            flavour: Flavour::UPSTREAM,
            toolstack: Toolstack::OURS,
            strategy: None,
            variant: Variant::Unaligned,
            schedule: Schedule::Timed,
            timeline: false,
        }
    }
}
