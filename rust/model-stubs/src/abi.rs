//! The values that cross: plain records and variants, the same on both sides.
//!
//! ocaml-build orders declarations by file name, so this file, which the others refer to, must sort
//! before them.

use std::sync::Arc;

use crossing::{CallValue, InvalidValue, StrategyValue};
use model::Model;
use sig::sig;
use simulator::Scenario;
use table::Exported;

/// A modelled Xen with its table, which whoever has the table's address may use until the process
/// ends.
#[sig]
pub struct ModelHandle(pub &'static Exported<Model>);

/// A checked scenario.
#[sig]
pub struct ScenarioHandle(pub Arc<Scenario>);

/// Everything that can go wrong.
#[sig("Invalid of invalid_value | Call of call_value | Internal of string")]
pub enum FailureValue {
    Invalid(InvalidValue),
    Call(CallValue),
    Internal(String),
}

/// What is wrong with a scenario's text, and in which line and column.
#[sig("Wrong of (int * int) option * invalid_value | Broken of string")]
pub enum ScenarioFaultValue {
    Wrong(Option<(i64, i64)>, InvalidValue),
    /// A panic.
    Broken(String),
}

/// One of a list: a flavour, a toolstack, a finding.
#[sig("{ name : string; about : string }")]
pub struct NamedValue {
    pub name: String,
    pub about: String,
}

/// What a scenario is.
#[sig("{ name : string; about : string; has_variants : bool }")]
pub struct AboutValue {
    pub name: String,
    pub about: String,
    pub has_variants: bool,
}

/// See `simulator::Variant`.
#[sig("Unaligned | Aligned")]
#[derive(Clone, Copy)]
pub enum VariantValue {
    Unaligned,
    Aligned,
}

/// See `simulator::Choice`.
#[sig("{ event : int; actor : int }")]
pub struct ChoiceValue {
    pub event: i64,
    pub actor: i64,
}

/// See `simulator::Schedule`.
#[sig("Timed | Round_robin | Random of int | Trace of choice_value array")]
pub enum ScheduleValue {
    Timed,
    RoundRobin,
    Random(i64),
    Trace(Vec<ChoiceValue>),
}

/// See `simulator::Settings`; flavour and toolstack by name.
#[sig("{ seed : int; flavour : string; toolstack : string; strategy : strategy_value option; variant : variant_value; schedule : schedule_value; film : bool }")]
pub struct SettingsValue {
    pub seed: i64,
    pub flavour: String,
    pub toolstack: String,
    pub strategy: Option<StrategyValue>,
    pub variant: VariantValue,
    pub schedule: ScheduleValue,
    pub film: bool,
}

/// See `simulator::Start`.
#[sig("{ vm : string; variant : variant_value; phase : string; nodes : int array; requested_pages : int; claimed_pages : int; claim : string; pages_on : (int * int) array; remote_pages : int; started : bool; reason : string; queued_seconds : float; waited_seconds : float; build_seconds : float; began_seconds : float; ended_seconds : float }")]
pub struct StartValue {
    pub vm: String,
    pub variant: VariantValue,
    pub phase: String,
    pub nodes: Vec<i64>,
    pub requested_pages: i64,
    pub claimed_pages: i64,
    pub claim: String,
    pub pages_on: Vec<(i64, i64)>,
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
#[sig("As_before | Left of string | Crashed of string | Violated of string | Stuck of string")]
pub enum EndingValue {
    AsBefore,
    Left(String),
    Crashed(String),
    Violated(String),
    Stuck(String),
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
#[sig("{ at_seconds : float; free_pages : int array; claimed_pages : int array; outstanding_pages : int }")]
pub struct SampleValue {
    pub at_seconds: f64,
    pub free_pages: Vec<i64>,
    pub claimed_pages: Vec<i64>,
    pub outstanding_pages: i64,
}

/// See `simulator::Event`.
#[sig("{ at_seconds : float; what : string; happened : happening_value }")]
pub struct EventValue {
    pub at_seconds: f64,
    pub what: String,
    pub happened: HappeningValue,
}

/// See `simulator::Film`.
#[sig("{ node_pages : int array; samples : sample_value array; events : event_value array }")]
pub struct FilmValue {
    pub node_pages: Vec<i64>,
    pub samples: Vec<SampleValue>,
    pub events: Vec<EventValue>,
}

/// See `simulator::Played`.
#[sig("{ strategy : strategy_value; starts : start_value array; failed_starts : int; starts_on_one_node : int; remote_pages : int; overclaimed_page_seconds : int; seconds_to_all_running : float; found : (named_value * int) array; ending : ending_value; choices : choice_value array; film : film_value }")]
pub struct RunValue {
    pub strategy: StrategyValue,
    pub starts: Vec<StartValue>,
    pub failed_starts: i64,
    pub starts_on_one_node: i64,
    pub remote_pages: i64,
    pub overclaimed_page_seconds: i64,
    pub seconds_to_all_running: f64,
    pub found: Vec<(NamedValue, i64)>,
    pub ending: EndingValue,
    pub choices: Vec<ChoiceValue>,
    pub film: FilmValue,
}
