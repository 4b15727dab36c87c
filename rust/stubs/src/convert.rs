//! Between the values that cross and the types of the crates behind.

use planner::{
    Alone, Answer, Batch, Explanation, Host, HostDescription, Invalid, LeftOut, Limits, Named,
    NodeDescription, NodeSet, Plan, Policy, Reason, Refusal, Rejected, Request, RequestDescription,
    RunnerUp, Score, Shortfall, Strategy, Topology, TopologyDescription, Weighed, PAGE_BYTES,
};

use crate::abi::{
    AloneValue, AnswerValue, BatchValue, ConfigValue, ExplainedValue, HostValue, LeftOutValue,
    LimitsValue, NamedValue, PlanValue, PolicyValue, RefusalValue, RejectedValue, RequestValue,
    RunnerUpValue, ScoreValue, StrategyValue, WeighedValue, WordsValue,
};

/// A count as an OCaml int, which has 63 bits.
pub fn pages_value(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).min((1 << 62) - 1)
}

pub fn bytes_value(pages: u64) -> i64 {
    pages_value(pages.saturating_mul(PAGE_BYTES))
}

pub fn domid_value(domid: claims::Domid) -> i64 {
    i64::from(domid.0)
}

pub fn domids_value(domids: &[claims::Domid]) -> Vec<i64> {
    domids.iter().copied().map(domid_value).collect()
}

pub fn named_value(named: impl Named) -> NamedValue {
    NamedValue {
        name: named.name().to_string(),
        about: named.about().to_string(),
    }
}

pub fn list_value<T: Named>() -> Vec<NamedValue> {
    T::ALL.iter().copied().map(named_value).collect()
}

pub fn nodes_value(nodes: NodeSet) -> Vec<i64> {
    nodes.iter().map(|node| node as i64).collect()
}

/// A number that must be within `T`.
pub fn checked<T: TryFrom<i64>>(field: &str, value: i64, expected: &str) -> Result<T, Invalid> {
    T::try_from(value).map_err(|_| Invalid::new(field, value, expected))
}

fn bytes(field: &str, value: i64) -> Result<u64, Invalid> {
    checked(field, value, "bytes, at least 0")
}

fn each<T>(field: &str, values: &[Option<i64>], expected: &str) -> Result<Vec<Option<T>>, Invalid>
where
    T: TryFrom<i64>,
{
    (values.iter().enumerate())
        .map(|(i, value)| match value {
            None => Ok(None),
            Some(value) => checked(&format!("{field}[{i}]"), *value, expected).map(Some),
        })
        .collect()
}

pub fn host(value: &HostValue) -> Result<Host, Invalid> {
    let distances = (value.distances.iter().enumerate())
        .map(|(i, row)| {
            let expected = "a distance, or null if unreachable";
            // What is beyond the range of a distance is unreachable like 255.
            let row: Vec<_> = (row.iter())
                .map(|distance| distance.map(|d| d.min(i64::from(u32::MAX))))
                .collect();
            each(&format!("distances[{i}]"), &row, expected)
        })
        .collect::<Result<_, _>>()?;
    let node = |i: usize| -> Result<NodeDescription, Invalid> {
        let optional = |name: &str, value: Option<i64>| match value {
            Some(value) => bytes(&format!("nodes[{i}].{name}"), value).map(Some),
            None => Ok(None),
        };
        Ok(NodeDescription {
            size_bytes: optional("size_bytes", value.size_bytes.get(i).copied().flatten())?,
            free_bytes: optional("free_bytes", value.free_bytes.get(i).copied().flatten())?,
            claimed_bytes: optional("claimed_bytes", value.claimed_bytes.get(i).copied())?
                .unwrap_or(0),
        })
    };
    Host::new(&HostDescription {
        topology: TopologyDescription {
            distances,
            cpu_to_node: each("cpu_to_node", &value.cpu_to_node, "a node, or null")?,
            cpu_to_core: value.cpu_to_core.clone(),
            cpu_to_socket: value.cpu_to_socket.clone(),
        },
        nodes: (0..value.size_bytes.len())
            .map(node)
            .collect::<Result<_, _>>()?,
        host_free_bytes: bytes("host_free_bytes", value.host_free_bytes)?,
        host_outstanding_bytes: bytes("host_outstanding_bytes", value.host_outstanding_bytes)?,
    })
}

/// A host as it was read. What is owed to domains counts as claimed.
pub fn host_value(host: &Host) -> HostValue {
    let topology = host.topology();
    let memory = host.memory();
    let nodes = 0..memory.nodes.len();
    let usable = host.usable();
    let node = |node: usize| memory.nodes.get(node).copied().flatten();
    let distance = |from| {
        let near = |to| match usable.contains(from) && usable.contains(to) {
            true => topology.distance(from, to).map(i64::from),
            false => None,
        };
        nodes.clone().map(near).collect()
    };
    let cpus = || (0..topology.cpu_count()).map(|cpu| topology.cpu(cpu));
    HostValue {
        distances: nodes.clone().map(distance).collect(),
        cpu_to_node: cpus().map(|cpu| cpu.map(|(node, _)| node as i64)).collect(),
        // Numbers that no two sockets share: which socket it is does not matter then.
        cpu_to_core: cpus().map(|cpu| cpu.map(|(_, core)| core as i64)).collect(),
        cpu_to_socket: cpus().map(|cpu| cpu.map(|_| 0)).collect(),
        size_bytes: (nodes.clone())
            .map(|n| node(n).map(|node| bytes_value(node.size_pages)))
            .collect(),
        free_bytes: (nodes.clone())
            .map(|n| node(n).map(|node| bytes_value(node.free_pages)))
            .collect(),
        claimed_bytes: nodes
            .map(|n| node(n).map_or(0, |node| node.claimed_pages.max(node.owed_pages)))
            .map(bytes_value)
            .collect(),
        host_free_bytes: bytes_value(memory.host_free_pages),
        host_outstanding_bytes: bytes_value(memory.host_outstanding_pages),
    }
}

pub fn left_out_values(host: &Host) -> Vec<LeftOutValue> {
    let value = |left_out: &LeftOut| LeftOutValue {
        node: left_out.node as i64,
        why: left_out.why.name().to_string(),
        sentence: left_out.to_string(),
    };
    host.left_out().iter().map(value).collect()
}

fn id_list(field: &str, ids: &Option<Vec<i64>>) -> Result<Option<Vec<u32>>, Invalid> {
    let Some(ids) = ids else { return Ok(None) };
    (ids.iter().enumerate())
        .map(|(i, id)| checked(&format!("{field}[{i}]"), *id, "at least 0"))
        .collect::<Result<_, _>>()
        .map(Some)
}

pub fn description(value: &RequestValue) -> Result<RequestDescription, Invalid> {
    let count = |field: &str, least: u32, value: i64| {
        let expected = match value {
            ..0 => format!("at least {least}"),
            0.. => format!("at most {}", planner::MAX_VCPUS),
        };
        checked(field, value, &expected)
    };
    let memory_bytes = checked("memory_bytes", value.memory_bytes, "at least 1")?;
    let overhead_bytes = bytes("overhead_bytes", value.overhead_bytes.unwrap_or(0))?;
    let cores = value
        .cores
        .map(|cores| count("cores", 0, cores))
        .transpose()?;
    Ok(
        RequestDescription::new(memory_bytes, count("vcpus", 1, value.vcpus)?)
            .with_overhead_bytes(overhead_bytes)
            .with_cores(cores)
            .with_policy(value.policy.map(Policy::from))
            .with_strategy(value.strategy.map(Strategy::from))
            .with_allowed_cpus(id_list("allowed_cpus", &value.allowed_cpus)?)
            .with_allowed_nodes(id_list("allowed_nodes", &value.allowed_nodes)?),
    )
}

pub fn limits(value: &LimitsValue) -> Result<Limits, Invalid> {
    let mut limits = Limits::default();
    let pages = |field: &str, value: i64| bytes(field, value).map(planner::pages_up);
    if let Some(bytes) = value.reserve_bytes {
        limits.reserve.host_pages = pages("reserve_bytes", bytes)?;
    }
    if let Some(bytes) = value.node_reserve_bytes {
        limits.reserve.node_pages = pages("node_reserve_bytes", bytes)?;
    }
    if let Some(steps) = value.budget_steps {
        limits.budget_steps = checked("budget_steps", steps, "steps, at least 0")?;
    }
    Ok(limits)
}

pub fn config(value: &ConfigValue) -> Result<claims::Config, Invalid> {
    (value.settings.iter()).try_fold(claims::Config::default(), |config, (key, text)| {
        config.with(key, text)
    })
}

pub fn config_value(config: &claims::Config) -> ConfigValue {
    let limits = config.limits();
    ConfigValue {
        settings: (config.settings())
            .map(|(key, text)| (key.to_string(), text))
            .collect(),
        always_claim: always(config.claims()),
        config_policy: config.policy().into(),
        config_strategy: config.strategy().into(),
        config_limits: LimitsValue {
            reserve_bytes: Some(bytes_value(limits.reserve.host_pages)),
            node_reserve_bytes: Some(bytes_value(limits.reserve.node_pages)),
            budget_steps: Some(pages_value(limits.budget_steps)),
        },
    }
}

pub fn always(claims: claims::Claims) -> bool {
    match claims {
        claims::Claims::Always => true,
        claims::Claims::Never => false,
    }
}

pub fn refusal_value(refusal: &Refusal) -> RefusalValue {
    RefusalValue {
        reason: named_value(refusal.reason),
        short_by_bytes: bytes_value(refusal.short.pages),
        short_by_cpus: i64::from(refusal.short.cpus),
        short_by_cores: i64::from(refusal.short.cores),
        nearest: nodes_value(refusal.nearest),
    }
}

pub fn refusal(value: &RefusalValue) -> Result<Refusal, Invalid> {
    let reason = || Invalid::new("reason", &value.reason.name, "a reason of a refusal");
    Ok(Refusal {
        reason: Reason::by_name(&value.reason.name).ok_or_else(reason)?,
        short: Shortfall {
            pages: bytes("short_by_bytes", value.short_by_bytes).map(planner::pages_up)?,
            cpus: checked("short_by_cpus", value.short_by_cpus, "a count")?,
            cores: checked("short_by_cores", value.short_by_cores, "a count")?,
        },
        nearest: (value.nearest.iter())
            .map(|node| checked::<usize>("nearest", *node, "a node"))
            .collect::<Result<_, _>>()?,
    })
}

pub fn words_value(answer: &Answer, explanation: &Explanation) -> WordsValue {
    let wider = explanation.rejected.iter().zip(0..);
    WordsValue {
        alone_lines: explanation.alone.iter().map(Alone::line).collect(),
        wider_lines: (wider.filter(|(rejected, _)| explanation.is_wider(rejected)))
            .map(|(rejected, at)| (at, rejected.line()))
            .collect(),
        choice_lines: explanation.choice_lines(answer),
        all_lines: explanation.lines(answer),
        log_line: explanation.log_line(answer),
    }
}

/// A plan for a request with these allowed CPUs.
pub fn plan_value(plan: &Plan, topology: &Topology, request: &Request) -> PlanValue {
    PlanValue {
        nodes: nodes_value(plan.nodes),
        pages: (plan.nodes.iter())
            .map(|node| pages_value(plan.pages[node]))
            .collect(),
        cpus: topology
            .cpus_of(plan.cpu_nodes, request.allowed_cpus.as_ref())
            .to_string(),
        max_distance: plan.distance.map(|distance| i64::from(distance.maximum)),
        average_distance: plan.distance.map(|distance| distance.average()),
        optimal: plan.optimal,
        gap: plan.gap,
    }
}

pub fn answer_value(answer: &Answer, topology: &Topology, request: &Request) -> AnswerValue {
    match answer {
        Ok(plan) => AnswerValue::Planned(plan_value(plan, topology, request)),
        Err(refusal) => AnswerValue::NotPlanned(refusal_value(refusal)),
    }
}

pub fn answer_values(
    answers: &[Answer],
    topology: &Topology,
    requests: &[Request],
) -> Vec<AnswerValue> {
    (answers.iter().zip(requests))
        .map(|(answer, request)| answer_value(answer, topology, request))
        .collect()
}

fn rejected_value(rejected: &Rejected) -> RejectedValue {
    RejectedValue {
        rejected_max_distance: i64::from(rejected.maximum),
        rejected_size: rejected.size.map(|size| size as i64),
        bound: refusal_value(&rejected.bound),
    }
}

fn alone_value(alone: &Alone) -> AloneValue {
    AloneValue {
        alone_node: alone.node as i64,
        would_do: alone.answer.ok().map(named_value),
        lacks: alone.answer.err().as_ref().map(refusal_value),
    }
}

fn weighed_value(weighed: &Weighed) -> WeighedValue {
    WeighedValue {
        room_bytes: bytes_value(weighed.room_pages),
        emptiest_bytes: bytes_value(weighed.emptiest_pages),
        used_share: weighed.used_share,
        ended_holes: weighed.ended_holes.map(i64::from),
    }
}

fn runner_up_value(runner_up: &RunnerUp, topology: &Topology, request: &Request) -> RunnerUpValue {
    RunnerUpValue {
        second: plan_value(&runner_up.plan, topology, request),
        behind: named_value(runner_up.behind),
        second_weighed: weighed_value(&runner_up.weighed),
    }
}

pub fn explained_value(
    answer: &Answer,
    explanation: &Explanation,
    topology: &Topology,
    request: &Request,
) -> ExplainedValue {
    ExplainedValue {
        answer: answer_value(answer, topology, request),
        rejected: explanation.rejected.iter().map(rejected_value).collect(),
        alone: explanation.alone.iter().map(alone_value).collect(),
        compared: pages_value(explanation.equals),
        steps: pages_value(explanation.steps),
        chosen_by: StrategyValue::from(explanation.strategy),
        weighed: explanation.weighed.as_ref().map(weighed_value),
        runner_up: (explanation.runner_up.as_ref())
            .map(|runner_up| runner_up_value(runner_up, topology, request)),
    }
}

fn score_value(score: &Score) -> ScoreValue {
    let bytes = score.left_out_pages.saturating_mul(u128::from(PAGE_BYTES));
    ScoreValue {
        left_out: pages_value(score.left_out),
        left_out_bytes: pages_value(u64::try_from(bytes).unwrap_or(u64::MAX)),
        on_several_nodes: pages_value(score.on_several_nodes),
        mean_distance: score.average_distance(),
    }
}

pub fn batch_value(batch: &Batch, topology: &Topology, requests: &[Request]) -> BatchValue {
    BatchValue {
        batch_answers: answer_values(&batch.answers, topology, requests),
        order: batch.order.iter().map(|i| *i as i64).collect(),
        score: score_value(&batch.score),
        one_by_one: score_value(&batch.one_by_one),
        orders_tried: pages_value(batch.orders_tried),
        best_of_orders: batch.optimal,
        complete: batch.complete,
    }
}

impl From<PolicyValue> for Policy {
    fn from(value: PolicyValue) -> Self {
        match value {
            PolicyValue::Any => Policy::Any,
            PolicyValue::BestEffort => Policy::BestEffort,
            PolicyValue::BestEffortHard => Policy::BestEffortHard,
            PolicyValue::PrioMemOnly => Policy::PrioMemOnly,
            PolicyValue::Strict => Policy::Strict,
        }
    }
}

impl From<Policy> for PolicyValue {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Any => PolicyValue::Any,
            Policy::BestEffort => PolicyValue::BestEffort,
            Policy::BestEffortHard => PolicyValue::BestEffortHard,
            Policy::PrioMemOnly => PolicyValue::PrioMemOnly,
            Policy::Strict => PolicyValue::Strict,
        }
    }
}

impl From<StrategyValue> for Strategy {
    fn from(value: StrategyValue) -> Self {
        match value {
            StrategyValue::Pack => Strategy::Pack,
            StrategyValue::Spread => Strategy::Spread,
            StrategyValue::Balance => Strategy::Balance,
        }
    }
}

impl From<Strategy> for StrategyValue {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Pack => StrategyValue::Pack,
            Strategy::Spread => StrategyValue::Spread,
            Strategy::Balance => StrategyValue::Balance,
        }
    }
}
