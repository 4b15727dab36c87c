//! The values that cross: records and variants, the same on both sides, and boxed Rust values.

use std::sync::Arc;

use claims::{Hypervisor, Pinned, Placed, Protocol};
use crossing::{Array, NamedValue, RefusalValue, Size, StrategyValue};
use sig::sig;

/// A checked host.
#[sig]
#[derive(Clone)]
pub struct HostHandle(pub Arc<planner::Host>);

/// An answer and its explanation, for their words.
#[sig(module = Explanation)]
#[derive(Clone)]
pub struct WordsHandle(pub Arc<(planner::Answer, planner::Explanation)>);

/// A hypervisor of any kind.
#[sig]
#[derive(Clone)]
pub struct HypervisorHandle(pub Arc<dyn Hypervisor>);

/// A host that is being placed on.
#[sig(module = Claims)]
#[derive(Clone)]
pub struct ClaimsHandle(pub Arc<Protocol<Arc<dyn Hypervisor>>>);

/// A placed domain.
#[sig(module = Claims)]
#[derive(Clone)]
pub struct PlacedHandle(pub Placed);

/// A pinned domain.
#[sig(module = Claims)]
#[derive(Clone)]
pub struct PinnedHandle(pub Pinned);

/// See `planner::Policy`.
#[sig(of = planner::Policy, module = Request)]
#[derive(Clone, Copy)]
pub enum PolicyValue {
    Any,
    BestEffort,
    BestEffortHard,
    PrioMemOnly,
    Strict,
}

/// See `planner::LeftOut`: the name of why, and the whole in words.
#[sig]
pub struct LeftOutValue {
    pub node: i64,
    pub why: String,
    pub sentence: String,
}

/// See `planner::RequestDescription`.
#[sig(module = Request)]
pub struct DescriptionValue {
    pub memory: Size,
    pub overhead: Option<Size>,
    pub vcpus: i64,
    pub cores: Option<i64>,
    pub policy: Option<PolicyValue>,
    pub strategy: Option<StrategyValue>,
    pub allowed_cpus: Option<Vec<i64>>,
    pub allowed_nodes: Option<Vec<i64>>,
}

/// See `planner::Limits`.
#[sig]
pub struct LimitsValue {
    pub reserve: Option<Size>,
    pub node_reserve: Option<Size>,
    pub budget_steps: Option<i64>,
}

/// See `planner::Plan`; `pages` go with `nodes`.
#[sig]
pub struct PlanValue {
    pub nodes: Vec<i64>,
    pub pages: Vec<i64>,
    pub cpus: String,
    pub max_distance: Option<i64>,
    pub average_distance: Option<f64>,
    pub optimal: bool,
    pub gap: Option<f64>,
}

/// See `planner::Score`.
#[sig(module = Batch)]
pub struct ScoreValue {
    pub left_out: i64,
    pub left_out_bytes: i64,
    pub average_distance: Option<f64>,
    pub on_several_nodes: i64,
}

/// See `planner::Batch`.
#[sig(module = Batch)]
pub struct BatchValue {
    pub answers: Vec<Result<PlanValue, RefusalValue>>,
    pub order: Vec<i64>,
    pub score: ScoreValue,
    pub one_by_one: ScoreValue,
    pub orders_tried: i64,
    pub optimal: bool,
    pub complete: bool,
}

/// See `planner::Rejected`.
#[sig(module = Explanation)]
pub struct RejectedValue {
    pub max_distance: i64,
    pub size: Option<i64>,
    pub bound: RefusalValue,
}

/// See `planner::Weighed`.
#[sig(module = Explanation)]
pub struct WeighedValue {
    pub room_bytes: i64,
    pub emptiest_bytes: i64,
    pub used_share: f64,
    pub ended_holes: Option<i64>,
}

/// See `planner::RunnerUp`.
#[sig(module = Explanation)]
pub struct RunnerUpValue {
    pub plan: PlanValue,
    pub behind: NamedValue,
    pub weighed: WeighedValue,
}

/// See `planner::Alone`.
#[sig(module = Explanation)]
pub struct AloneValue {
    pub node: i64,
    pub verdict: Result<NamedValue, RefusalValue>,
}

/// An answer and its explanation.
#[sig(module = Explanation)]
pub struct ExplanationValue {
    pub answer: Result<PlanValue, RefusalValue>,
    pub rejected: Vec<RejectedValue>,
    pub alone: Vec<AloneValue>,
    pub compared: i64,
    pub steps: i64,
    pub strategy: StrategyValue,
    pub weighed: Option<WeighedValue>,
    pub runner_up: Option<RunnerUpValue>,
    pub words: WordsHandle,
}

/// An explanation in words: a line for each node by itself, lines for other kinds of sets, by
/// position, what chose the plan; and all of it, for a terminal and for a log.
#[sig]
pub struct WordsValue {
    pub alone: Vec<String>,
    pub wider: Vec<(i64, String)>,
    pub choice: Vec<String>,
    pub lines: Vec<String>,
    pub log_line: String,
}

/// See `claims::Claims`.
#[sig(of = claims::Claims, module = Config)]
#[derive(Clone, Copy)]
pub enum ClaimsValue {
    Always,
    Never,
}

/// See `claims::Config`: the text of every switch, and what planning needs of them.
#[sig(module = Config)]
pub struct ConfigValue {
    pub settings: Vec<(String, String)>,
    pub claims: ClaimsValue,
    pub policy: PolicyValue,
    pub strategy: StrategyValue,
    pub reserve: Size,
    pub node_reserve: Size,
    pub plan_budget_steps: i64,
}

/// See `claims::Builder`.
#[sig(module = Claims)]
pub enum BuilderValue {
    PvBuilder,
    HvmBuilder,
}

/// See `claims::Placement`.
#[sig(module = Claims)]
pub struct PlacementValue {
    pub domid: i64,
    pub request: DescriptionValue,
    pub builder: BuilderValue,
    pub hard_pinned: bool,
}

/// See `claims::Outcome` and `claims::ClaimKind`.
#[sig(module = Claims)]
pub struct OutcomeValue {
    pub kind: NamedValue,
    pub node: Option<i64>,
    pub unplaced_because: Option<String>,
    pub plan: Option<PlanValue>,
    pub claimed_pages: i64,
    pub replans: i64,
    pub waited_seconds: f64,
    pub queued_seconds: f64,
}

/// See `claims::Report`.
#[sig(module = Claims)]
pub struct ReportValue {
    pub unused_pages: i64,
    pub pages_by_node: Option<Array<i64>>,
    pub elsewhere_pages: Option<i64>,
}

/// See `claims::Status`.
#[sig(module = Claims)]
pub struct StatusValue {
    pub config: ConfigValue,
    /// The mode that will be in force when the builds have ended.
    pub pending: Option<ClaimsValue>,
    pub builds: Vec<i64>,
    pub host_claims: Option<bool>,
    pub node_claims: Option<bool>,
    pub claim_sets: Option<bool>,
    pub late_accounting: bool,
    pub degraded: Vec<String>,
    pub panics: i64,
}

/// See `claims::Probed`.
#[sig(module = Claims)]
pub struct ProbedValue {
    pub on_host: Option<bool>,
    pub on_single_nodes: Option<bool>,
    pub on_several_nodes: Option<bool>,
}

/// See `claims::DomainClaim`.
#[sig(module = Claims)]
pub struct ClaimValue {
    pub domid: i64,
    pub outstanding_pages: i64,
    pub nodes: Vec<i64>,
    pub being_built: bool,
}

/// See `claims::DomainAudit`.
#[sig(module = Claims)]
pub struct AuditValue {
    pub domid: i64,
    pub nodes: Vec<i64>,
    pub tot_pages: i64,
    pub outstanding_pages: i64,
    pub pages_by_node: Option<Array<i64>>,
    pub elsewhere_pages: Option<i64>,
    pub being_built: bool,
}
