//! The values that cross: plain records and variants, the same on both sides.
//!
//! Sizes are in bytes. ocaml-build orders declarations by file name, so this file, which the
//! others refer to, must sort before them.

use std::sync::Arc;

use claims::{Hypervisor, Pinned, Placed, Protocol};
use model::Model;
use sig::sig;

/// A checked host.
#[sig]
pub struct HostHandle(pub Arc<planner::Host>);

/// An answer and its explanation, for their words.
#[sig]
pub struct ExplainedHandle(pub planner::Answer, pub planner::Explanation);

/// A hypervisor of any kind.
#[sig]
pub struct HypervisorHandle(pub Arc<dyn Hypervisor>);

/// A host that is being placed on.
#[sig]
pub struct ClaimsHandle(pub Arc<Protocol<Arc<dyn Hypervisor>>>);

/// A placed domain.
#[sig]
pub struct PlacedHandle(pub Placed);

/// A pinned domain.
#[sig]
pub struct PinnedHandle(pub Pinned);

/// A modelled Xen.
#[sig]
pub struct ModelHandle(pub Arc<Model>);

/// A value that cannot be.
#[sig("{ field : string; found : string; expected : string }")]
pub struct InvalidValue {
    pub field: String,
    pub found: String,
    pub expected: String,
}

/// See `planner::Named`.
#[sig("{ name : string; about : string }")]
pub struct NamedValue {
    pub name: String,
    pub about: String,
}

/// See `planner::Refusal`.
#[sig("{ reason : named_value; short_by_bytes : int; short_by_cpus : int; short_by_cores : int; nearest : int array }")]
pub struct RefusalValue {
    pub reason: NamedValue,
    pub short_by_bytes: i64,
    pub short_by_cpus: i64,
    pub short_by_cores: i64,
    pub nearest: Vec<i64>,
}

/// See `claims::Error`: what a caller may match on.
#[sig("Invalid of invalid_value | Conflict of int | Host_full of int * int * int * float | Refused of int * refusal_value | Call of string * string * int option * string | Must_destroy of int | Cancelled of int | Too_late of int * int * int | Busy of int * int array * int array | Internal")]
pub enum CauseValue {
    Invalid(InvalidValue),
    Conflict(i64),
    /// Domain, bytes needed, bytes available, seconds waited.
    HostFull(i64, i64, i64, f64),
    Refused(i64, RefusalValue),
    /// Call, errno, domain, what was attempted.
    Call(String, String, Option<i64>, String),
    MustDestroy(i64),
    Cancelled(i64),
    /// Domain, bytes asked, bytes outstanding.
    TooLate(i64, i64, i64),
    /// Domain, builds, waiters.
    Busy(i64, Vec<i64>, Vec<i64>),
    Internal,
}

/// Everything that can go wrong: a sentence, and its facts.
#[sig("{ message : string; cause : cause_value }")]
pub struct FailureValue {
    pub message: String,
    pub cause: CauseValue,
}

/// See `planner::Policy`.
#[sig("Any | Best_effort | Best_effort_hard | Prio_mem_only | Strict")]
#[derive(Clone, Copy)]
pub enum PolicyValue {
    Any,
    BestEffort,
    BestEffortHard,
    PrioMemOnly,
    Strict,
}

/// See `planner::Strategy`.
#[sig("Pack | Spread | Balance")]
#[derive(Clone, Copy)]
pub enum StrategyValue {
    Pack,
    Spread,
    Balance,
}

/// See `planner::HostDescription`.
#[sig("{ distances : int option array array; cpu_to_node : int option array; cpu_to_core : int option array; cpu_to_socket : int option array; size_bytes : int option array; free_bytes : int option array; claimed_bytes : int array; host_free_bytes : int; host_outstanding_bytes : int }")]
pub struct HostValue {
    pub distances: Vec<Vec<Option<i64>>>,
    pub cpu_to_node: Vec<Option<i64>>,
    pub cpu_to_core: Vec<Option<i64>>,
    pub cpu_to_socket: Vec<Option<i64>>,
    pub size_bytes: Vec<Option<i64>>,
    pub free_bytes: Vec<Option<i64>>,
    pub claimed_bytes: Vec<i64>,
    pub host_free_bytes: i64,
    pub host_outstanding_bytes: i64,
}

/// See `planner::LeftOut`: the name of why, and the whole in words.
#[sig("{ node : int; why : string; sentence : string }")]
pub struct LeftOutValue {
    pub node: i64,
    pub why: String,
    pub sentence: String,
}

/// See `planner::RequestDescription`.
#[sig("{ memory_bytes : int; overhead_bytes : int option; vcpus : int; cores : int option; policy : policy_value option; strategy : strategy_value option; allowed_cpus : int array option; allowed_nodes : int array option }")]
pub struct RequestValue {
    pub memory_bytes: i64,
    pub overhead_bytes: Option<i64>,
    pub vcpus: i64,
    pub cores: Option<i64>,
    pub policy: Option<PolicyValue>,
    pub strategy: Option<StrategyValue>,
    pub allowed_cpus: Option<Vec<i64>>,
    pub allowed_nodes: Option<Vec<i64>>,
}

/// See `planner::Limits`.
#[sig("{ reserve_bytes : int option; node_reserve_bytes : int option; budget_steps : int option }")]
pub struct LimitsValue {
    pub reserve_bytes: Option<i64>,
    pub node_reserve_bytes: Option<i64>,
    pub budget_steps: Option<i64>,
}

/// See `planner::Plan`; `pages` go with `nodes`.
#[sig("{ nodes : int array; pages : int array; cpus : string; max_distance : int option; average_distance : float option; optimal : bool; gap : float option }")]
pub struct PlanValue {
    pub nodes: Vec<i64>,
    pub pages: Vec<i64>,
    pub cpus: String,
    pub max_distance: Option<i64>,
    pub average_distance: Option<f64>,
    pub optimal: bool,
    pub gap: Option<f64>,
}

/// A plan or a refusal.
#[sig("Planned of plan_value | Not_planned of refusal_value")]
pub enum AnswerValue {
    Planned(PlanValue),
    NotPlanned(RefusalValue),
}

/// What is wrong with a batch, and with which of its requests, from 0.
#[sig("{ at : int; failure : failure_value }")]
pub struct BatchFailureValue {
    pub at: i64,
    pub failure: FailureValue,
}

/// See `planner::Score`.
#[sig("{ left_out : int; left_out_bytes : int; on_several_nodes : int; mean_distance : float option }")]
pub struct ScoreValue {
    pub left_out: i64,
    pub left_out_bytes: i64,
    pub on_several_nodes: i64,
    pub mean_distance: Option<f64>,
}

/// See `planner::Batch`.
#[sig("{ batch_answers : answer_value array; order : int array; score : score_value; one_by_one : score_value; orders_tried : int; best_of_orders : bool; complete : bool }")]
pub struct BatchValue {
    pub batch_answers: Vec<AnswerValue>,
    pub order: Vec<i64>,
    pub score: ScoreValue,
    pub one_by_one: ScoreValue,
    pub orders_tried: i64,
    pub best_of_orders: bool,
    pub complete: bool,
}

/// See `planner::Rejected`.
#[sig("{ rejected_max_distance : int; rejected_size : int option; bound : refusal_value }")]
pub struct RejectedValue {
    pub rejected_max_distance: i64,
    pub rejected_size: Option<i64>,
    pub bound: RefusalValue,
}

/// See `planner::Weighed`.
#[sig("{ room_bytes : int; emptiest_bytes : int; used_share : float; ended_holes : int option }")]
pub struct WeighedValue {
    pub room_bytes: i64,
    pub emptiest_bytes: i64,
    pub used_share: f64,
    pub ended_holes: Option<i64>,
}

/// See `planner::RunnerUp`.
#[sig("{ second : plan_value; behind : named_value; second_weighed : weighed_value }")]
pub struct RunnerUpValue {
    pub second: PlanValue,
    pub behind: NamedValue,
    pub second_weighed: WeighedValue,
}

/// See `planner::Alone`: why it was not taken, or what it is short of.
#[sig("{ alone_node : int; would_do : named_value option; lacks : refusal_value option }")]
pub struct AloneValue {
    pub alone_node: i64,
    pub would_do: Option<NamedValue>,
    pub lacks: Option<RefusalValue>,
}

/// An answer and its explanation.
#[sig("{ answer : answer_value; rejected : rejected_value array; alone : alone_value array; compared : int; steps : int; chosen_by : strategy_value; weighed : weighed_value option; runner_up : runner_up_value option }")]
pub struct ExplainedValue {
    pub answer: AnswerValue,
    pub rejected: Vec<RejectedValue>,
    pub alone: Vec<AloneValue>,
    pub compared: i64,
    pub steps: i64,
    pub chosen_by: StrategyValue,
    pub weighed: Option<WeighedValue>,
    pub runner_up: Option<RunnerUpValue>,
}

/// An explanation in words: lines beside the nodes by themselves and beside the other kinds of
/// sets, by position, what chose the plan; and all of it, for a terminal and for a log.
#[sig("{ alone_lines : string array; wider_lines : (int * string) array; choice_lines : string array; all_lines : string array; log_line : string }")]
pub struct WordsValue {
    pub alone_lines: Vec<String>,
    pub wider_lines: Vec<(i64, String)>,
    pub choice_lines: Vec<String>,
    pub all_lines: Vec<String>,
    pub log_line: String,
}

/// See `claims::Config`: the text of every switch, and what planning needs of them.
#[sig("{ settings : (string * string) array; always_claim : bool; config_policy : policy_value; config_strategy : strategy_value; config_limits : limits_value }")]
pub struct ConfigValue {
    pub settings: Vec<(String, String)>,
    pub always_claim: bool,
    pub config_policy: PolicyValue,
    pub config_strategy: StrategyValue,
    pub config_limits: LimitsValue,
}

/// See `claims::Placement`.
#[sig("{ domid : int; request : request_value; hvm : bool; hard_pinned : bool }")]
pub struct PlacementValue {
    pub domid: i64,
    pub request: RequestValue,
    pub hvm: bool,
    pub hard_pinned: bool,
}

/// See `claims::Outcome` and `claims::ClaimKind`.
#[sig("{ kind : named_value; claimed_node : int option; unplaced_because : string option; plan : plan_value option; claimed_pages : int; replans : int; waited_seconds : float; queued_seconds : float }")]
pub struct OutcomeValue {
    pub kind: NamedValue,
    pub claimed_node: Option<i64>,
    pub unplaced_because: Option<String>,
    pub plan: Option<PlanValue>,
    pub claimed_pages: i64,
    pub replans: i64,
    pub waited_seconds: f64,
    pub queued_seconds: f64,
}

/// See `claims::Report`.
#[sig("{ unused_pages : int; pages_by_node : int array option; elsewhere_pages : int option }")]
pub struct ReportValue {
    pub unused_pages: i64,
    pub pages_by_node: Option<Vec<i64>>,
    pub elsewhere_pages: Option<i64>,
}

/// See `claims::Status`.
#[sig("{ in_force : config_value; pending : bool option; builds : int array; host_claims : bool option; node_claims : bool option; claim_sets : bool option; late_accounting : bool; degraded : string array; panics : int }")]
pub struct StatusValue {
    pub in_force: ConfigValue,
    /// Whether claims will be made, when the builds have ended.
    pub pending: Option<bool>,
    pub builds: Vec<i64>,
    pub host_claims: Option<bool>,
    pub node_claims: Option<bool>,
    pub claim_sets: Option<bool>,
    pub late_accounting: bool,
    pub degraded: Vec<String>,
    pub panics: i64,
}

/// See `claims::Probed`.
#[sig("{ claims_on_host : bool option; claims_on_node : bool option; claims_on_several : bool option }")]
pub struct ProbedValue {
    pub claims_on_host: Option<bool>,
    pub claims_on_node: Option<bool>,
    pub claims_on_several: Option<bool>,
}

/// See `claims::DomainClaim`.
#[sig(
    "{ claim_domid : int; outstanding_pages : int; claim_nodes : int array; being_built : bool }"
)]
pub struct DomainClaimValue {
    pub claim_domid: i64,
    pub outstanding_pages: i64,
    pub claim_nodes: Vec<i64>,
    pub being_built: bool,
}

/// See `claims::DomainAudit`.
#[sig("{ audit_domid : int; audit_nodes : int array; tot_pages : int; claimed_left_pages : int; on_nodes : int array option; away_pages : int option; in_build : bool }")]
pub struct DomainAuditValue {
    pub audit_domid: i64,
    pub audit_nodes: Vec<i64>,
    pub tot_pages: i64,
    pub claimed_left_pages: i64,
    pub on_nodes: Option<Vec<i64>>,
    pub away_pages: Option<i64>,
    pub in_build: bool,
}

/// See `model::Flavour::ALL`.
#[sig("Xen_4_17 | Upstream | Xen_4_22 | Xs9 | Xs9_2025 | V4 | V4_fixed | V5 | V7 | V8")]
#[allow(non_camel_case_types, reason = "4.17 is a version")]
#[derive(Clone, Copy)]
pub enum FlavourValue {
    Xen_4_17,
    Upstream,
    Xen_4_22,
    Xs9,
    Xs9_2025,
    V4,
    V4Fixed,
    V5,
    V7,
    V8,
}
