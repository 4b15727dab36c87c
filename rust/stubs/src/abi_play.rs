//! The values of scenarios that cross.
//!
//! They refer to those of `abi.rs`, and others to them; see there about this file's name.

use std::sync::Arc;

use sig::sig;

use crate::abi::{FailureValue, FlavourValue, StrategyValue};

/// A checked scenario.
#[sig]
pub struct ScenarioHandle(pub Arc<simulator::Scenario>);

/// What is wrong with a scenario's text, and in which line and column.
#[sig("{ position : (int * int) option; wrong : failure_value }")]
pub struct ScenarioFaultValue {
    pub position: Option<(i64, i64)>,
    pub wrong: FailureValue,
}

/// What a scenario is.
#[sig("{ scenario_name : string; scenario_about : string; scenario_has_variants : bool }")]
pub struct AboutValue {
    pub scenario_name: String,
    pub scenario_about: String,
    pub scenario_has_variants: bool,
}

/// See `simulator::Toolstack`.
#[sig("{ toolstack_name : string; toolstack_about : string }")]
pub struct ToolstackValue {
    pub toolstack_name: String,
    pub toolstack_about: String,
}

/// See `simulator::Schedule`.
#[sig("Timed | Round_robin | Random of int | Trace of (int * int) array")]
pub enum ScheduleValue {
    Timed,
    RoundRobin,
    Random(i64),
    /// Events and actors.
    Trace(Vec<(i64, i64)>),
}

/// See `simulator::Settings`.
#[sig("{ seed : int; flavour : flavour_value; toolstack : string; play_strategy : strategy_value option; play_aligned : bool; schedule : schedule_value; filmed : bool }")]
pub struct SettingsValue {
    pub seed: i64,
    pub flavour: FlavourValue,
    pub toolstack: String,
    pub play_strategy: Option<StrategyValue>,
    pub play_aligned: bool,
    pub schedule: ScheduleValue,
    pub filmed: bool,
}

/// See `simulator::Start`.
#[sig("{ vm : string; is_aligned : bool; phase : string; start_nodes : int array; requested_pages : int; start_claimed_pages : int; claim : string; pages_on : (int * int) array; start_remote_pages : int; started : bool; reason : string; start_queued_seconds : float; start_waited_seconds : float; build_seconds : float; began_seconds : float; ended_seconds : float }")]
pub struct StartValue {
    pub vm: String,
    pub is_aligned: bool,
    pub phase: String,
    pub start_nodes: Vec<i64>,
    pub requested_pages: i64,
    pub start_claimed_pages: i64,
    pub claim: String,
    pub pages_on: Vec<(i64, i64)>,
    pub start_remote_pages: i64,
    pub started: bool,
    pub reason: String,
    pub start_queued_seconds: f64,
    pub start_waited_seconds: f64,
    pub build_seconds: f64,
    pub began_seconds: f64,
    pub ended_seconds: f64,
}

/// See `simulator::Finding`.
#[sig("Host_overclaimed | Node_overclaimed | Sticky_node | Beyond_maximum | Claim_not_honoured | Refilled | Leaked")]
pub enum FindingValue {
    HostOverclaimed,
    NodeOverclaimed,
    StickyNode,
    BeyondMaximum,
    ClaimNotHonoured,
    Refilled,
    Leaked,
}

/// See `simulator::Ending`.
#[sig("As_before | Left of int * int * int | Crashed of string | Violated of string | Stuck of string * string * int")]
pub enum EndingValue {
    AsBefore,
    /// Outstanding pages, missing pages, builds.
    Left(i64, i64, i64),
    Crashed(String),
    Violated(String),
    /// The VM, why, and events.
    Stuck(String, String, i64),
}

/// See `simulator::Happening`.
#[sig("Phase | Restart | Destroy | Create | Set_maximum | Look_for_memory | Place | Fill_pool | Create_vcpus | Plan_and_claim | Pin | Build | End_of_build | Start_devices | Runs | Fails | Gone")]
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
#[sig("{ sample_seconds : float; sample_free : int array; sample_claimed : int array; sample_outstanding : int }")]
pub struct SampleValue {
    pub sample_seconds: f64,
    pub sample_free: Vec<i64>,
    pub sample_claimed: Vec<i64>,
    pub sample_outstanding: i64,
}

/// See `simulator::Event`.
#[sig("{ event_seconds : float; what : string; happened : happening_value }")]
pub struct EventValue {
    pub event_seconds: f64,
    pub what: String,
    pub happened: HappeningValue,
}

/// See `simulator::Film`.
#[sig("{ film_node_pages : int array; film_samples : sample_value array; film_events : event_value array }")]
pub struct FilmValue {
    pub film_node_pages: Vec<i64>,
    pub film_samples: Vec<SampleValue>,
    pub film_events: Vec<EventValue>,
}

/// See `simulator::Played`.
#[sig("{ played_strategy : strategy_value; played_starts : start_value array; played_failed : int; played_one_node : int; played_remote_pages : int; played_overclaimed : int; played_running_seconds : float; played_findings : (finding_value * int) array; played_ending : ending_value; played_choices : (int * int) array; played_film : film_value }")]
pub struct PlayedValue {
    pub played_strategy: StrategyValue,
    pub played_starts: Vec<StartValue>,
    pub played_failed: i64,
    pub played_one_node: i64,
    pub played_remote_pages: i64,
    /// Pages times seconds.
    pub played_overclaimed: i64,
    pub played_running_seconds: f64,
    pub played_findings: Vec<(FindingValue, i64)>,
    pub played_ending: EndingValue,
    pub played_choices: Vec<(i64, i64)>,
    pub played_film: FilmValue,
}
