//! Between the values that cross and the types of the crates behind.

use crossing::{bytes, bytes_value, checked, pages_value, HostValue, StrategyValue};
use planner::{
    Alone, Answer, Batch, Behind, Explanation, Host, Invalid, LeftOut, Limits, NodeSet, Plan,
    Policy, Reason, Refusal, Rejected, Request, RequestDescription, Reserve, RunnerUp, Score,
    Strategy, Topology, Weighed, PAGE_BYTES,
};

use crate::abi::{
    AloneValue, AnswerValue, BatchValue, BehindValue, ExplainedValue, LeftOutValue, LimitsValue,
    PlanValue, PolicyValue, ReasonValue, RefusalValue, RejectedValue, RequestValue, RunnerUpValue,
    ScoreValue, WeighedValue,
};

pub fn nodes_value(nodes: NodeSet) -> Vec<i64> {
    nodes.iter().map(|node| node as i64).collect()
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
        .map(|(i, id)| checked(&format!("{field}[{i}]"), *id, "a number of the host's"))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// A request on a host of `topology`, whose own policy and strategy are used if it has none.
pub fn request(
    value: &RequestValue,
    topology: &Topology,
    policy: Policy,
    strategy: Strategy,
) -> Result<Request, Invalid> {
    let expected = format!("a count, at most {}", planner::MAX_VCPUS);
    let count = |field: &str, value: i64| checked(field, value, &expected);
    Request::new(
        &RequestDescription {
            memory_bytes: bytes("memory_bytes", value.memory_bytes)?,
            overhead_bytes: bytes("overhead_bytes", value.overhead_bytes)?,
            vcpus: count("vcpus", value.vcpus)?,
            cores: value.cores.map(|cores| count("cores", cores)).transpose()?,
            policy: value.policy.map_or(policy, Policy::from),
            strategy: value.strategy.map_or(strategy, Strategy::from),
            allowed_cpus: id_list("allowed_cpus", &value.allowed_cpus)?,
            allowed_nodes: id_list("allowed_nodes", &value.allowed_nodes)?,
        },
        topology,
    )
}

pub fn limits(value: &LimitsValue) -> Result<Limits, Invalid> {
    let pages = |field: &str, value: i64| bytes(field, value).map(planner::pages_up);
    Ok(Limits {
        reserve: Reserve {
            host_pages: pages("reserve_bytes", value.reserve_bytes)?,
            node_pages: pages("node_reserve_bytes", value.node_reserve_bytes)?,
        },
        budget_steps: checked("budget_steps", value.budget_steps, "steps, at least 0")?,
    })
}

pub fn refusal_value(refusal: &Refusal) -> RefusalValue {
    RefusalValue {
        reason: match refusal.reason {
            Reason::Memory => ReasonValue::Memory,
            Reason::Cpus => ReasonValue::Cpus,
            Reason::Cores => ReasonValue::Cores,
            Reason::Reachability => ReasonValue::Reachability,
            Reason::Mask => ReasonValue::Mask,
            Reason::SingleNode => ReasonValue::SingleNode,
            Reason::HostMemory => ReasonValue::HostMemory,
        },
        short_by_bytes: bytes_value(refusal.short.pages),
        short_by_cpus: i64::from(refusal.short.cpus),
        short_by_cores: i64::from(refusal.short.cores),
        nearest: nodes_value(refusal.nearest),
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
        would_do: alone.answer.ok().map(BehindValue::from),
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
        behind: runner_up.behind.into(),
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

impl From<Behind> for BehindValue {
    fn from(behind: Behind) -> Self {
        match behind {
            Behind::WithoutCpus => BehindValue::WithoutCpus,
            Behind::Maximum => BehindValue::Maximum,
            Behind::Average => BehindValue::Average,
            Behind::Strategy => BehindValue::Strategy,
            Behind::Numbers => BehindValue::Numbers,
            Behind::Budget => BehindValue::Budget,
        }
    }
}

impl From<ReasonValue> for Reason {
    fn from(value: ReasonValue) -> Self {
        match value {
            ReasonValue::Memory => Reason::Memory,
            ReasonValue::Cpus => Reason::Cpus,
            ReasonValue::Cores => Reason::Cores,
            ReasonValue::Reachability => Reason::Reachability,
            ReasonValue::Mask => Reason::Mask,
            ReasonValue::SingleNode => Reason::SingleNode,
            ReasonValue::HostMemory => Reason::HostMemory,
        }
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
