//! The planner's answer held against the right one.

use xenopsd_numa_planner::*;

use crate::exact::{bits, Answer, Far, Kept, Question, Short};
use crate::reasons::true_reasons;
use crate::rotation::{is_rotation, rotate};
use crate::world::{Ask, World, PAGE};

/// What was answered, so that a test can say that it saw each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    OneNode,
    SeveralNodes,
    /// Several sets were equally near.
    Choice,
    /// A node without CPUs had to be used.
    MemoryOnlyNode,
    Anywhere,
    Refused,
}

pub const KINDS: [Kind; 6] = [
    Kind::OneNode,
    Kind::SeveralNodes,
    Kind::Choice,
    Kind::MemoryOnlyNode,
    Kind::Anywhere,
    Kind::Refused,
];

/// On hosts of more nodes the strategy may not have seen all sets that are as near.
const EXACT_NODES: usize = 16;

/// Fails with what follows, unless the condition holds.
macro_rules! claim {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}

pub fn limits(kept: Kept) -> Limits {
    Limits {
        reserve: Reserve {
            host_pages: kept.host,
            node_pages: kept.node,
        },
        ..Limits::default()
    }
}

/// Asks the planner, twice, and says what is wrong with the answer.
pub fn check(world: &World, ask: &Ask, kept: Kept) -> Result<Kind, String> {
    check_by(world, ask, kept, Question::answer)
}

/// As [`check`], by an oracle.
pub fn check_by(
    world: &World,
    ask: &Ask,
    kept: Kept,
    oracle: impl FnOnce(&Question) -> Answer,
) -> Result<Kind, String> {
    let host = world.host();
    let request = ask.request(&host);
    let limits = limits(kept);
    let answer = plan(&host, &request, &limits);
    claim!(
        answer == plan(&host, &request, &limits),
        "the second answer differs from the first"
    );
    claim!(
        answer == explain(&host, &request, &limits).0,
        "the explained answer differs from the plan"
    );
    check_answer_by(world, ask, kept, &answer, oracle)
}

/// What is wrong with `answer`, which must be optimal.
pub fn check_answer(
    world: &World,
    ask: &Ask,
    kept: Kept,
    answer: &Result<Plan, Refusal>,
) -> Result<Kind, String> {
    check_answer_by(world, ask, kept, answer, Question::answer)
}

/// As [`check_answer`], by an oracle.
fn check_answer_by(
    world: &World,
    ask: &Ask,
    kept: Kept,
    answer: &Result<Plan, Refusal>,
    oracle: impl FnOnce(&Question) -> Answer,
) -> Result<Kind, String> {
    let question = Question::new(world, ask, kept);
    if ask.policy == Policy::Any {
        return check_any(world, &question, answer);
    }
    match (answer, oracle(&question)) {
        (Ok(plan), Answer::Placed { best, sets }) => check_plan(&question, plan, best, &sets),
        (Err(refusal), Answer::Refused { short }) => check_refusal(&question, refusal, short),
        (Ok(plan), Answer::Refused { short }) => Err(format!(
            "placed on {:?}, though nothing fits: {short:?}",
            plan.nodes
        )),
        (Err(refusal), Answer::Placed { best, sets }) => Err(format!(
            "{refusal}, though {:?} fits, {best:?}",
            NodeSet::from_bits(sets[0])
        )),
    }
}

fn check_plan(question: &Question, plan: &Plan, best: Far, sets: &[u64]) -> Result<Kind, String> {
    let set = plan.nodes.bits();
    check_valid(question, plan)?;
    claim!(
        sets.contains(&set),
        "{:?} at {:?} is not one of the best, at {best:?}: {:?}",
        plan.nodes,
        question.far(set),
        sets.iter()
            .map(|set| NodeSet::from_bits(*set))
            .collect::<Vec<_>>()
    );
    claim!(
        plan.optimal && plan.gap == Some(0.0),
        "optimal: {}, gap {:?}",
        plan.optimal,
        plan.gap
    );
    let (compared, all) = (plan.equals, sets.len() as u64);
    claim!(
        (1..=all).contains(&compared),
        "compared {compared} of {all} equally near sets"
    );
    let preferred = question.preferred(sets);
    claim!(
        sets.len() == 1 || question.offers.len() > EXACT_NODES || set == preferred,
        "{:?} prefers {:?} to {:?}",
        question.strategy,
        NodeSet::from_bits(preferred),
        plan.nodes
    );
    Ok(match plan.nodes.len() {
        _ if !question.all_have_cpus(set) => Kind::MemoryOnlyNode,
        _ if sets.len() > 1 => Kind::Choice,
        1 => Kind::OneNode,
        _ => Kind::SeveralNodes,
    })
}

/// What must be true of every plan, the best one or not.
pub fn check_valid(question: &Question, plan: &Plan) -> Result<(), String> {
    let set = plan.nodes.bits();
    claim!(
        set & !question.usable == 0,
        "{:?} is not allowed",
        plan.nodes
    );
    claim!(
        plan.cpu_nodes == plan.nodes,
        "the CPUs of {:?} for {:?}",
        plan.cpu_nodes,
        plan.nodes
    );
    claim!(
        question.together(set),
        "{:?} do not reach each other",
        plan.nodes
    );
    claim!(
        question.fits(set),
        "{:?} does not fit: {:?}",
        plan.nodes,
        question.short(set)
    );
    claim!(
        question.irreducible(set),
        "{:?} has a proper subset that fits",
        plan.nodes
    );
    let far = plan.distance.map(Far::from);
    claim!(
        far == Some(question.far(set)),
        "the distance of {:?} is {:?}, not {far:?}",
        plan.nodes,
        question.far(set)
    );
    claim!(
        plan.gap.is_none_or(|gap| gap >= 0.0) && plan.equals > 0,
        "gap {:?}, equals {}",
        plan.gap,
        plan.equals
    );
    check_pages(question, set, &plan.pages)
}

fn check_pages(question: &Question, set: u64, pages: &[u64; MAX_NODES]) -> Result<(), String> {
    let headroom = question.headroom(set);
    let (pages, rest) = pages.split_at(headroom.len());
    claim!(
        rest.iter().all(|pages| *pages == 0),
        "pages beyond the last node"
    );
    let right = match question.memory {
        0..=10_000 => pages == rotate(question.memory, &headroom),
        _ => is_rotation(question.memory, &headroom, pages),
    };
    claim!(
        right,
        "{pages:?} is not {} pages in turn over {headroom:?}",
        question.memory
    );
    Ok(())
}

pub fn check_refusal(question: &Question, refusal: &Refusal, short: Short) -> Result<Kind, String> {
    let found = Short::from(refusal.short);
    let nearest = refusal.nearest.bits();
    claim!(found == short, "short by {found:?}, should be {short:?}");
    claim!(
        question.together(nearest) && question.short(nearest) == short,
        "the nearest nodes {:?} are short by {:?}",
        refusal.nearest,
        question.short(nearest)
    );
    Ok(Kind::Refused)
}

/// What is wrong with what `refusal` says beside its figures: a reason that is true, and the
/// nodes that come nearest, of which there is one wherever a node may be used.
pub fn check_reason(world: &World, ask: &Ask, kept: Kept, refusal: &Refusal) -> Result<(), String> {
    let question = Question::new(world, ask, kept);
    let nearest = refusal.nearest.bits();
    claim!(
        nearest != 0 || question.usable == 0,
        "no nearest nodes, though {:?} could be",
        NodeSet::from_bits(question.usable)
    );
    claim!(
        nearest == 0 || question.size_allowed(nearest),
        "nearest {:?} under strict",
        refusal.nearest
    );
    let reasons = true_reasons(world, ask, kept);
    claim!(
        reasons.contains(&refusal.reason),
        "refused for {}, true are {reasons:?}",
        refusal.reason
    );
    Ok(())
}

/// In turn over all nodes; where their claimable pages do not suffice but the host has the
/// memory, at least never more than what is free.
fn check_pages_anywhere(question: &Question, pages: &[u64; MAX_NODES]) -> Result<(), String> {
    if question.offer(question.usable).pages >= question.memory {
        return check_pages(question, question.usable, pages);
    }
    let free = question.free.iter().copied().chain(std::iter::repeat(0));
    claim!(
        pages.iter().sum::<u64>() == question.memory
            && pages.iter().zip(free).all(|(p, f)| *p <= f),
        "any: {pages:?} is not {} pages of {:?}",
        question.memory,
        question.free
    );
    Ok(())
}

/// Policy `any`: no distances, all nodes with memory, refused only for the memory of the host.
fn check_any(
    world: &World,
    question: &Question,
    answer: &Result<Plan, Refusal>,
) -> Result<Kind, String> {
    let short = Short {
        pages: question.short_anywhere(),
        ..Short::default()
    };
    match answer {
        Ok(plan) => {
            claim!(short == Short::default(), "any: placed, though {short:?}");
            claim!(
                plan.distance.is_none() && plan.optimal && plan.gap == Some(0.0),
                "any: distance {:?}, gap {:?}",
                plan.distance,
                plan.gap
            );
            let with = bits(question.usable).filter(|i| world.nodes[*i].size_bytes >= PAGE);
            let with = with.fold(NodeSet::EMPTY, NodeSet::with);
            claim!(plan.nodes == with, "any: {:?}, not {with:?}", plan.nodes);
            claim!(
                plan.cpu_nodes.bits() == question.usable,
                "any: the CPUs of {:?}",
                plan.cpu_nodes
            );
            check_pages_anywhere(question, &plan.pages)?;
            Ok(Kind::Anywhere)
        }
        Err(refusal) => {
            let found = refusal.short;
            claim!(
                short != Short::default(),
                "any: {refusal}, though the memory is there"
            );
            claim!(
                (found.pages, found.cpus, found.cores) == (short.pages, 0, 0),
                "any: {refusal}, should be {short:?}"
            );
            claim!(
                refusal.nearest.bits() & !question.usable == 0,
                "any: nearest {:?} is not allowed",
                refusal.nearest
            );
            Ok(Kind::Refused)
        }
    }
}
