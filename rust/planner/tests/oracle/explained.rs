//! What an explanation tells beside the answer, by looking at every set.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use fastrand::Rng;
use xenopsd_numa_planner::{explain, Behind, Explanation, NodeSet, Plan};

use crate::check::limits;
use crate::exact::{Kept, Question};
use crate::generate;
use crate::world::{Ask, World};

/// `Less` if the rules prefer the set `a`.
fn compare(question: &Question, a: u64, b: u64) -> Ordering {
    let without_cpus = |set: u64| !question.all_have_cpus(set);
    let (far_a, far_b) = (question.far(a), question.far(b));
    without_cpus(a).cmp(&without_cpus(b)).then_with(|| {
        match (far_a.nearer(&far_b), far_b.nearer(&far_a)) {
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
    let told = explanation.runner_up.as_ref();
    let nodes = told.map(|runner_up| runner_up.plan.nodes.bits());
    if nodes != right {
        let (nodes, right) = (nodes.map(NodeSet::from_bits), right.map(NodeSet::from_bits));
        return Some(format!("runner-up {nodes:?}, should be {right:?}"));
    }
    let weighed = explanation.weighed?;
    let room = question.offer(plan.nodes.bits()).pages;
    if weighed.room_pages != room || weighed.ended_holes.is_some() != (plan.nodes.len() == 1) {
        return Some(format!("{weighed:?}, room {room}"));
    }
    let (runner_up, second) = (told?, right?);
    let (far, best) = (question.far(second), question.far(sets[0]));
    let without_cpus = question.all_have_cpus(sets[0]) && !question.all_have_cpus(second);
    let true_of = match runner_up.behind {
        Behind::WithoutCpus => without_cpus,
        Behind::Maximum => !without_cpus && far.maximum > best.maximum,
        Behind::Average => !without_cpus && far.maximum == best.maximum && best.nearer(&far),
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
