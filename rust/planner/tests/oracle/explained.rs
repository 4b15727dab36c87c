//! What an explanation says beside the answer, by looking at every set.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use xenopsd_numa_planner::{
    explain, Alone, Behind, Explanation, NodeSet, Plan, Policy, Reason, Shortfall,
};

use crate::check::limits;
use crate::exact::{bits, Kept, Question, Short};
use crate::generate;
use crate::world::{Ask, World};

/// `Less` if the rules prefer the set `a`.
fn compare(question: &Question, a: u64, b: u64) -> Ordering {
    let without_cpus = |set: u64| !question.all_have_cpus(set);
    let (far_a, far_b) = (question.far(a), question.far(b));
    without_cpus(a).cmp(&without_cpus(b)).then_with(|| {
        match (far_a.closer(&far_b), far_b.closer(&far_a)) {
            (true, _) => Ordering::Less,
            (_, true) => Ordering::Greater,
            (false, false) if question.preferred(&[a, b]) == a => Ordering::Less,
            (false, false) => Ordering::Greater,
        }
    })
}

/// All sets that would do, best first.
fn all(question: &Question) -> Vec<u64> {
    let sets = 1..1u64 << question.offers.len();
    let mut sets: Vec<u64> = sets.filter(|set| question.irreducible(*set)).collect();
    sets.sort_by(|a, b| match a == b {
        true => Ordering::Equal,
        false => compare(question, *a, *b),
    });
    sets
}

fn wrong(question: &Question, plan: &Plan, explanation: &Explanation) -> Option<String> {
    let sets = all(question);
    let right = sets.get(1).copied();
    let reported = explanation.runner_up.as_ref();
    let nodes = reported.map(|runner_up| runner_up.plan.nodes.bits());
    if nodes != right {
        let (nodes, right) = (nodes.map(NodeSet::from_bits), right.map(NodeSet::from_bits));
        return Some(format!("runner-up {nodes:?}, should be {right:?}"));
    }
    let weighed = explanation.weighed?;
    let headroom = question.offer(plan.nodes.bits()).pages;
    if weighed.headroom_pages != headroom
        || weighed.ended_holes.is_some() != (plan.nodes.len() == 1)
    {
        return Some(format!("{weighed:?}, headroom {headroom}"));
    }
    let (runner_up, second) = (reported?, right?);
    let (far, best) = (question.far(second), question.far(sets[0]));
    let without_cpus = question.all_have_cpus(sets[0]) && !question.all_have_cpus(second);
    let true_of = match runner_up.behind {
        Behind::WithoutCpus => without_cpus,
        Behind::Maximum => !without_cpus && far.maximum > best.maximum,
        Behind::Average => !without_cpus && far.maximum == best.maximum && best.closer(&far),
        Behind::Strategy | Behind::Numbers => !without_cpus && far.as_near(&best),
        Behind::Budget => false,
    };
    (!true_of).then(|| format!("{:?} of {far:?}, best is {best:?}", runner_up.behind))
}

fn world(seed: u64) -> (World, Ask, Kept) {
    let mut rng = Rng::with_seed(seed);
    let nodes = rng.usize(1..=7);
    let world = generate::world(&mut rng, nodes);
    let kept = generate::kept(&mut rng);
    let ask = generate::ask(&mut rng, &world, kept);
    (world, ask, kept)
}

#[test]
fn the_runner_up_is_the_second_best() {
    let mut seen = BTreeMap::<String, u32>::new();
    for seed in 0..20_000 {
        let (world, ask, kept) = world(seed);
        let host = world.host();
        let (answer, explanation) = explain(&host, &ask.request(&host), &limits(kept));
        let placed = answer.ok().filter(|plan| plan.distance.is_some());
        let Some(plan) = placed else {
            assert!(explanation.runner_up.is_none() && explanation.weighed.is_none());
            continue;
        };
        let question = Question::new(&world, &ask, kept);
        if let Some(why) = wrong(&question, &plan, &explanation) {
            panic!("seed {seed}: {why}\n{ask:?}\n{world:?}");
        }
        let behind = explanation.runner_up.map(|runner_up| runner_up.behind);
        *seen.entry(format!("{behind:?}")).or_default() += 1;
    }
    assert!(
        seen.len() == 6 && seen.values().all(|times| *times > 20),
        "{seen:?}"
    );
}

/// What is wrong with what is said of the nodes by themselves.
fn wrong_alone(question: &Question, plan: Option<&Plan>, reported: &[Alone]) -> Option<String> {
    let of = |node: usize| 1u64 << node;
    let taken = plan.map_or(0, |plan| plan.nodes.bits());
    let right: BTreeSet<usize> = bits(question.usable)
        .filter(|node| of(*node) != taken)
        .collect();
    let nodes: BTreeSet<usize> = reported.iter().map(|alone| alone.node).collect();
    if nodes != right || reported.len() != right.len() {
        return Some(format!("{reported:?}, should be {right:?}"));
    }
    let short_of = |alone: &Alone| alone.answer.err().map(|refusal| refusal.short);
    if !reported.is_sorted_by_key(|alone| (short_of(alone), alone.node)) {
        return Some(format!("{reported:?} not nearest first"));
    }
    reported.iter().find_map(|alone| {
        let set = of(alone.node);
        let short = question.short(set);
        let true_of = match alone.answer {
            Err(refusal) => Short::from(refusal.short) == short && short != Short::default(),
            Ok(Behind::Strategy | Behind::Numbers) => {
                let as_near = question.far(set).as_near(&question.far(taken));
                short == Short::default() && as_near && compare(question, taken, set).is_lt()
            }
            Ok(_) => false,
        };
        (!true_of).then(|| format!("{alone:?}, {short:?}"))
    })
}

/// The least shortfall of the sets within a distance, of at most so many nodes.
fn least(question: &Question, maximum: u32, size: usize) -> Short {
    let sets = 1..1u64 << question.offers.len();
    let of_kind = sets.filter(|set| {
        set.count_ones() as usize <= size
            && question.together(*set)
            && question.far(*set).maximum <= maximum
    });
    let short = of_kind.map(|set| question.short(set)).min();
    short.unwrap_or_else(|| question.short(0))
}

/// The kinds of sets that are short of something, by looking at every set.
fn kinds(question: &Question, plan: Option<&Plan>) -> Vec<(u32, Option<usize>, Short)> {
    let nodes = || bits(question.usable);
    let mut distances: Vec<u32> = nodes()
        .flat_map(|a| nodes().map(move |b| 1 << a | 1 << b))
        .filter(|pair| question.together(*pair))
        .map(|pair| question.far(pair).maximum)
        .collect();
    distances.sort_unstable();
    distances.dedup();
    let far = plan.and_then(|plan| plan.distance);
    let closer = distances
        .iter()
        .filter(|maximum| far.is_none_or(|far| **maximum < far.maximum));
    let mut kinds: Vec<_> = closer.map(|maximum| (*maximum, None)).collect();
    if question.policy == Policy::Strict {
        kinds = vec![(10, Some(1))];
        kinds.retain(|_| plan.is_none());
    } else if let (Some(plan), Some(far)) = (plan, far) {
        let smallest = if far.maximum == 10 { 1 } else { 2 };
        kinds.extend((smallest..plan.nodes.len()).map(|size| (far.maximum, Some(size))));
    }
    let short = |(maximum, size): (u32, Option<usize>)| {
        (maximum, size, least(question, maximum, size.unwrap_or(64)))
    };
    let kinds = kinds.into_iter().map(short);
    kinds.filter(|kind| kind.2 != Short::default()).collect()
}

#[test]
fn what_bound_every_kind_is_reported() {
    let (mut seen, mut would_do) = (0, 0);
    for seed in 0..6_000 {
        let (world, ask, kept) = world(seed);
        let host = world.host();
        let (answer, explanation) = explain(&host, &ask.request(&host), &limits(kept));
        let question = Question::new(&world, &ask, kept);
        let host_memory = matches!(&answer, Err(refusal) if refusal.reason == Reason::HostMemory);
        if ask.policy == Policy::Any || host_memory {
            assert_eq!(explanation.rejected, [], "seed {seed}");
            assert_eq!(explanation.alone, [], "seed {seed}");
            continue;
        }
        if let Some(why) = wrong_alone(&question, answer.as_ref().ok(), &explanation.alone) {
            panic!("seed {seed}: {why}\n{ask:?}\n{world:?}");
        }
        would_do += (explanation.alone.iter())
            .filter(|alone| alone.answer.is_ok())
            .count();
        let reported: Vec<_> = (explanation.rejected.iter())
            .map(|rejected| {
                let Shortfall { pages, cpus, cores } = rejected.bound.short;
                let (cpus, cores) = (cpus.into(), cores.into());
                (
                    rejected.maximum,
                    rejected.size,
                    Short { pages, cpus, cores },
                )
            })
            .collect();
        let mut right = kinds(&question, answer.as_ref().ok());
        // The host's distances between nodes that may not be used are kinds too.
        let known = |kind: &(u32, Option<usize>, Short)| right.contains(kind);
        let others: Vec<_> = reported
            .iter()
            .filter(|kind| !known(kind))
            .copied()
            .collect();
        for (maximum, size, short) in others {
            assert_eq!(
                short,
                least(&question, maximum, size.unwrap_or(64)),
                "seed {seed}"
            );
            right.push((maximum, size, short));
        }
        right.sort_by_key(|kind| (kind.0, kind.1));
        assert_eq!(reported, right, "seed {seed}: {ask:?}\n{world:?}");
        for rejected in &explanation.rejected {
            let nearest = rejected.bound.nearest.bits();
            let far = question.far(nearest).maximum;
            assert!(
                far <= rejected.maximum && question.together(nearest),
                "seed {seed}"
            );
        }
        seen += reported.len();
    }
    assert!(seen > 3_000, "{seen} kinds");
    assert!(would_do > 300, "{would_do} nodes would do");
}
