//! The values that cross: plain records and variants, the same on both sides.
//!
//! Sizes are in bytes. ocaml-build orders declarations by file name, so this file, which the
//! others refer to, must sort before them.

use std::sync::Arc;

use claims::{Hypervisor, Pinned, Placed, Protocol};
use crossing::{CallValue, InvalidValue, StrategyValue};
use sig::sig;

/// A checked host.
#[sig]
pub struct HostHandle(pub Arc<planner::Host>);

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

/// See `planner::Reason`.
#[sig("Memory | Cpus | Cores | Reachability | Mask | Single_node | Host_memory")]
pub enum ReasonValue {
    Memory,
    Cpus,
    Cores,
    Reachability,
    Mask,
    SingleNode,
    HostMemory,
}

/// See `planner::Refusal`.
#[sig("{ reason : reason_value; short_by_bytes : int; short_by_cpus : int; short_by_cores : int; nearest : int array }")]
pub struct RefusalValue {
    pub reason: ReasonValue,
    pub short_by_bytes: i64,
    pub short_by_cpus: i64,
    pub short_by_cores: i64,
    pub nearest: Vec<i64>,
}

/// See `claims::Error::HostFull`.
#[sig(
    "{ full_domid : int; needed_bytes : int; available_bytes : int; full_waited_seconds : float }"
)]
pub struct HostFullValue {
    pub full_domid: i64,
    pub needed_bytes: i64,
    pub available_bytes: i64,
    pub full_waited_seconds: f64,
}

/// See `claims::Error::Busy`.
#[sig("{ busy_domid : int; busy_builds : int array; busy_waiters : int array; why : string }")]
pub struct BusyValue {
    pub busy_domid: i64,
    pub busy_builds: Vec<i64>,
    pub busy_waiters: Vec<i64>,
    pub why: String,
}

/// Everything that can go wrong.
#[sig("Invalid of invalid_value | Host_full of host_full_value | Refused of int * refusal_value | Call of call_value | Must_destroy of int * string | Cancelled of int | Too_late of int * int * int | Busy of busy_value | Internal of string")]
pub enum FailureValue {
    Invalid(InvalidValue),
    HostFull(HostFullValue),
    Refused(i64, RefusalValue),
    Call(CallValue),
    MustDestroy(i64, String),
    Cancelled(i64),
    /// Domain, bytes asked, bytes outstanding.
    TooLate(i64, i64, i64),
    Busy(BusyValue),
    Internal(String),
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

/// See `planner::LeftOut`: the name of why, and the whole in words.
#[sig("{ node : int; why : string; sentence : string }")]
pub struct LeftOutValue {
    pub node: i64,
    pub why: String,
    pub sentence: String,
}

/// See `planner::RequestDescription`.
#[sig("{ memory_bytes : int; overhead_bytes : int; vcpus : int; cores : int option; policy : policy_value option; strategy : strategy_value option; allowed_cpus : int array option; allowed_nodes : int array option }")]
pub struct RequestValue {
    pub memory_bytes: i64,
    pub overhead_bytes: i64,
    pub vcpus: i64,
    pub cores: Option<i64>,
    pub policy: Option<PolicyValue>,
    pub strategy: Option<StrategyValue>,
    pub allowed_cpus: Option<Vec<i64>>,
    pub allowed_nodes: Option<Vec<i64>>,
}

/// See `planner::Limits`.
#[sig("{ reserve_bytes : int; node_reserve_bytes : int; budget_steps : int }")]
pub struct LimitsValue {
    pub reserve_bytes: i64,
    pub node_reserve_bytes: i64,
    pub budget_steps: i64,
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

/// See `planner::Behind`.
#[sig("Without_cpus | Maximum | Average | Strategy | Numbers | Budget")]
pub enum BehindValue {
    WithoutCpus,
    Maximum,
    Average,
    Strategy,
    Numbers,
    Budget,
}

/// See `planner::RunnerUp`.
#[sig("{ second : plan_value; behind : behind_value; second_weighed : weighed_value }")]
pub struct RunnerUpValue {
    pub second: PlanValue,
    pub behind: BehindValue,
    pub second_weighed: WeighedValue,
}

/// See `planner::Alone`: why it was not taken, or what it is short of.
#[sig("{ alone_node : int; would_do : behind_value option; lacks : refusal_value option }")]
pub struct AloneValue {
    pub alone_node: i64,
    pub would_do: Option<BehindValue>,
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

/// See `claims::BuilderClaims`.
#[sig("No_builder | Pv_builder | All_builders")]
pub enum BuilderClaimsValue {
    NoBuilder,
    PvBuilder,
    AllBuilders,
}

/// See `claims::Config`.
#[sig("{ always_claim : bool; builder_claims : builder_claims_value; config_policy : policy_value; config_strategy : strategy_value; config_limits : limits_value; memory_wait_seconds : int }")]
pub struct ConfigValue {
    pub always_claim: bool,
    pub builder_claims: BuilderClaimsValue,
    pub config_policy: PolicyValue,
    pub config_strategy: StrategyValue,
    pub config_limits: LimitsValue,
    pub memory_wait_seconds: i64,
}

/// See `claims::Placement`.
#[sig("{ domid : int; request : request_value; hvm : bool; hard_pinned : bool }")]
pub struct PlacementValue {
    pub domid: i64,
    pub request: RequestValue,
    pub hvm: bool,
    pub hard_pinned: bool,
}

/// See `claims::Rung`.
#[sig("Node_claim of int | Claim_set | Host_claim | Anywhere | Unplaced of string | Claimed_by_builder | Unclaimed")]
pub enum RungValue {
    NodeClaim(i64),
    ClaimSet,
    HostClaim,
    Anywhere,
    Unplaced(String),
    ClaimedByBuilder,
    Unclaimed,
}

/// See `claims::Outcome`.
#[sig("{ rung : rung_value; plan : plan_value option; claimed_pages : int; replans : int; waited_seconds : float; queued_seconds : float }")]
pub struct OutcomeValue {
    pub rung: RungValue,
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
#[sig("{ in_force : bool; pending : bool option; builds : int array; host_claims : bool option; node_claims : bool option; claim_sets : bool option; late_accounting : bool; degraded : string array; panics : int }")]
pub struct StatusValue {
    /// Whether claims are made.
    pub in_force: bool,
    /// Whether they will be, when the builds have ended.
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
