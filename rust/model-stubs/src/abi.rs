//! The values that cross: records and variants, the same on both sides, and boxed Rust values.

use std::sync::Arc;

use crossing::{Array, InvalidValue, NamedValue, StrategyValue};
use model::Model;
use sig::sig;
use simulator::Scenario;
use table::Exported;

/// A modelled Xen with its table, which may be used until the process ends.
#[sig]
#[derive(Clone, Copy)]
pub struct ModelHandle(pub &'static Exported<Model>);

/// A checked scenario.
#[sig]
#[derive(Clone)]
pub struct ScenarioHandle(pub Arc<Scenario>);

/// What is wrong with a scenario's text, and in which line and column.
#[sig]
pub enum ScenarioFaultValue {
    Wrong(Option<(i64, i64)>, InvalidValue),
    /// A panic.
    Broken(String),
}

/// What a scenario is.
#[sig]
pub struct AboutValue {
    pub name: String,
    pub about: String,
    pub has_variants: bool,
}

/// See `simulator::Variant`.
#[sig(of = simulator::Variant, module = Simulation)]
#[derive(Clone, Copy)]
pub enum VariantValue {
    Unaligned,
    Aligned,
}

/// See `simulator::Choice`.
#[sig(module = Simulation)]
pub struct ChoiceValue {
    pub event: i64,
    pub actor: i64,
}

/// See `simulator::Schedule`.
#[sig(module = Simulation)]
pub enum ScheduleValue {
    Timed,
    RoundRobin,
    Random(i64),
    Trace(Array<ChoiceValue>),
}

/// See `simulator::Settings`; flavour and toolstack by name.
#[sig]
pub struct SettingsValue {
    pub seed: i64,
    pub flavour: String,
    pub toolstack: String,
    pub strategy: Option<StrategyValue>,
    pub variant: VariantValue,
    pub schedule: ScheduleValue,
    pub timeline: bool,
}

/// See `simulator::Start`.
#[sig(module = Simulation)]
pub struct StartValue {
    pub vm: String,
    pub variant: VariantValue,
    pub phase: String,
    pub nodes: Array<i64>,
    pub requested_pages: i64,
    pub claimed_pages: i64,
    pub claim: String,
    pub pages_on: Array<(i64, i64)>,
    pub remote_pages: i64,
    pub started: bool,
    pub reason: String,
    pub queued_seconds: f64,
    pub waited_seconds: f64,
    pub build_seconds: f64,
    pub began_seconds: f64,
    pub ended_seconds: f64,
}

/// See `simulator::Ending`; each but the first with its sentence.
#[sig(module = Simulation)]
pub enum EndingValue {
    AsBefore,
    Left(String),
    Crashed(String),
    Violated(String),
    Stuck(String),
}

/// See `simulator::Happening`.
#[sig(of = simulator::Happening, module = Simulation)]
pub enum HappeningValue {
    Phase,
    Restart,
    Destroy,
    Create,
    SetMaximum,
    LookForMemory,
    Place,
    FillPool,
    CreateVcpus,
    PlanAndClaim,
    Pin,
    Build,
    EndOfBuild,
    StartDevices,
    Runs,
    Fails,
    Gone,
}

/// See `simulator::Sample`.
#[sig(module = Simulation)]
pub struct SampleValue {
    pub at_seconds: f64,
    pub free_pages: Array<i64>,
    pub claimed_pages: Array<i64>,
    pub outstanding_pages: i64,
}

/// See `simulator::Event`.
#[sig(module = Simulation)]
pub struct EventValue {
    pub at_seconds: f64,
    pub what: String,
    pub happened: HappeningValue,
}

/// See `simulator::Timeline`.
#[sig(module = Simulation)]
pub struct TimelineValue {
    pub node_pages: Array<i64>,
    pub samples: Vec<SampleValue>,
    pub events: Vec<EventValue>,
}

/// See `simulator::RunResult`.
#[sig(module = Simulation)]
pub struct RunValue {
    pub scenario: String,
    pub seed: i64,
    pub flavour: NamedValue,
    pub toolstack: NamedValue,
    pub variant: VariantValue,
    pub strategy: StrategyValue,
    pub starts: Vec<StartValue>,
    pub failed_starts: i64,
    pub starts_on_one_node: i64,
    pub remote_pages: i64,
    pub overclaimed_page_seconds: i64,
    pub seconds_to_all_running: f64,
    pub found: Vec<(NamedValue, i64)>,
    pub ending: EndingValue,
    pub choices: Array<ChoiceValue>,
    pub timeline: Option<TimelineValue>,
}
