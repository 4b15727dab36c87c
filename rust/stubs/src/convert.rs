//! Between the values that cross and the types of the crates behind.

use std::sync::Arc;

use claims::{Placed, Reservation};
use crossing::{
    bytes, bytes_value, checked, named_value, nodes_value, pages_value, refusal_value, HostValue,
    RefusalValue, Size, StrategyValue,
};
use planner::{
    Alone, Answer, Batch, Explanation, Host, Invalid, LeftOut, Limits, Named, Plan, Policy, Reason,
    Refusal, Rejected, Request, RequestDescription, RunnerUp, Score, Shortfall, Strategy, Topology,
    Weighed, PAGE_BYTES,
};

use crate::abi::{
    AloneValue, BatchValue, ConfigValue, DescriptionValue, ExplanationValue, LeftOutValue,
    LimitsValue, OutcomeValue, PlanValue, RejectedValue, RunnerUpValue, ScoreValue, WeighedValue,
    WordsHandle, WordsValue,
};

/// A host as it was read. What is committed to domains counts as claimed.
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
            .map(|n| node(n).map_or(0, |node| node.claimed_pages.max(node.committed_pages)))
            .map(bytes_value)
            .collect(),
        host_free_bytes: bytes_value(memory.host_free_pages),
        host_outstanding_bytes: bytes_value(memory.host_outstanding_pages),
    }
}

pub fn left_out_value(left_out: &LeftOut) -> LeftOutValue {
    LeftOutValue {
        node: left_out.node as i64,
        why: left_out.why.name().to_string(),
        sentence: left_out.to_string(),
    }
}

fn id_list(field: &str, ids: &Option<Vec<i64>>) -> Result<Option<Vec<u32>>, Invalid> {
    let Some(ids) = ids else { return Ok(None) };
    (ids.iter().enumerate())
        .map(|(i, id)| checked(&format!("{field}[{i}]"), *id, "at least 0"))
        .collect::<Result<_, _>>()
        .map(Some)
}

pub fn description(value: &DescriptionValue) -> Result<RequestDescription, Invalid> {
    let count = |field: &str, least: u32, value: i64| {
        let expected = match value {
            ..0 => format!("at least {least}"),
            0.. => format!("at most {}", planner::MAX_VCPUS),
        };
        checked(field, value, &expected)
    };
    let overhead_bytes = value.overhead.map_or(0, Size::bytes);
    let cores = value
        .cores
        .map(|cores| count("cores", 0, cores))
        .transpose()?;
    Ok(
        RequestDescription::new(value.memory.bytes(), count("vcpus", 1, value.vcpus)?)
            .with_overhead_bytes(overhead_bytes)
            .with_cores(cores)
            .with_policy(value.policy.map(Policy::from))
            .with_strategy(value.strategy.map(Strategy::from))
            .with_allowed_cpus(id_list("allowed_cpus", &value.allowed_cpus)?)
            .with_allowed_nodes(id_list("allowed_nodes", &value.allowed_nodes)?),
    )
}

pub fn limits(value: &LimitsValue) -> Result<Limits, Invalid> {
    let pages = |size: Option<Size>| size.map_or(0, Size::pages_up);
    let mut limits = Limits::default();
    limits.reserve.host_pages = pages(value.reserve);
    limits.reserve.node_pages = pages(value.node_reserve);
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
        claims: config.claims().into(),
        policy: config.policy().into(),
        strategy: config.strategy().into(),
        reserve: Size::of_pages(limits.reserve.host_pages),
        node_reserve: Size::of_pages(limits.reserve.node_pages),
        plan_budget_steps: pages_value(limits.budget_steps),
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
        alone: explanation.alone.iter().map(Alone::line).collect(),
        wider: (wider.filter(|(rejected, _)| explanation.is_wider(rejected)))
            .map(|(rejected, at)| (at, rejected.line()))
            .collect(),
        choice: explanation.choice_lines(answer),
        lines: explanation.lines(answer),
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

type AnswerValue = Result<PlanValue, RefusalValue>;

pub fn answer(answer: &Answer, topology: &Topology, request: &Request) -> AnswerValue {
    let plan = answer.as_ref().map_err(refusal_value)?;
    Ok(plan_value(plan, topology, request))
}

pub fn answers(answers: &[Answer], topology: &Topology, requests: &[Request]) -> Vec<AnswerValue> {
    (answers.iter().zip(requests))
        .map(|(one, request)| answer(one, topology, request))
        .collect()
}

fn rejected_value(rejected: &Rejected) -> RejectedValue {
    RejectedValue {
        max_distance: i64::from(rejected.maximum),
        size: rejected.size.map(|size| size as i64),
        bound: refusal_value(&rejected.bound),
    }
}

fn alone_value(alone: &Alone) -> AloneValue {
    AloneValue {
        node: alone.node as i64,
        verdict: (alone.answer).map_or_else(
            |refusal| Err(refusal_value(&refusal)),
            |behind| Ok(named_value(behind)),
        ),
    }
}

fn weighed_value(weighed: &Weighed) -> WeighedValue {
    WeighedValue {
        room_bytes: bytes_value(weighed.headroom_pages),
        emptiest_bytes: bytes_value(weighed.emptiest_pages),
        used_share: weighed.used_share,
        ended_holes: weighed.ended_holes.map(i64::from),
    }
}

fn runner_up_value(runner_up: &RunnerUp, topology: &Topology, request: &Request) -> RunnerUpValue {
    RunnerUpValue {
        plan: plan_value(&runner_up.plan, topology, request),
        behind: named_value(runner_up.behind),
        weighed: weighed_value(&runner_up.weighed),
    }
}

pub fn explanation_value(
    explained: (Answer, Explanation),
    topology: &Topology,
    request: &Request,
) -> ExplanationValue {
    let (plan, why) = &explained;
    ExplanationValue {
        answer: answer(plan, topology, request),
        rejected: why.rejected.iter().map(rejected_value).collect(),
        alone: why.alone.iter().map(alone_value).collect(),
        compared: pages_value(why.equals),
        steps: pages_value(why.steps),
        strategy: StrategyValue::from(why.strategy),
        weighed: why.weighed.as_ref().map(weighed_value),
        runner_up: (why.runner_up.as_ref())
            .map(|runner_up| runner_up_value(runner_up, topology, request)),
        words: WordsHandle(Arc::new(explained)),
    }
}

fn score_value(score: &Score) -> ScoreValue {
    let bytes = score.left_out_pages.saturating_mul(u128::from(PAGE_BYTES));
    ScoreValue {
        left_out: pages_value(score.left_out),
        left_out_bytes: pages_value(u64::try_from(bytes).unwrap_or(u64::MAX)),
        on_several_nodes: pages_value(score.on_several_nodes),
        average_distance: score.average_distance(),
    }
}

pub fn batch_value(batch: &Batch, topology: &Topology, requests: &[Request]) -> BatchValue {
    BatchValue {
        answers: answers(&batch.answers, topology, requests),
        order: batch.order.iter().map(|i| *i as i64).collect(),
        score: score_value(&batch.score),
        one_by_one: score_value(&batch.one_by_one),
        orders_tried: pages_value(batch.orders_tried),
        optimal: batch.optimal,
        complete: batch.complete,
    }
}

pub fn outcome_value(placed: &Placed) -> OutcomeValue {
    let outcome = placed.outcome();
    let (node, unplaced_because) = match &outcome.reservation {
        Reservation::NodeClaim(node) => (Some(*node as i64), None),
        Reservation::Unplaced(why) => (None, Some(why.clone())),
        Reservation::ClaimSet
        | Reservation::HostClaim
        | Reservation::Anywhere
        | Reservation::ClaimedByBuilder
        | Reservation::Unclaimed => (None, None),
    };
    let plan = outcome.plan.as_ref();
    OutcomeValue {
        kind: named_value(outcome.reservation.kind()),
        node,
        unplaced_because,
        plan: plan.map(|plan| plan_value(plan, placed.topology(), placed.request())),
        claimed_pages: pages_value(outcome.claimed_pages),
        replans: i64::from(outcome.replans),
        waited_seconds: outcome.waited.as_secs_f64(),
        queued_seconds: outcome.queued.as_secs_f64(),
    }
}
