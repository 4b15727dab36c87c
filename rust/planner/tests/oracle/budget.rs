//! Answers that a small budget cut short, and irregular hosts just above sixteen nodes, held
//! against all sets.

use fastrand::Rng;
use xenopsd_numa_planner::{plan, Limits, Policy};

use crate::check::{check_valid, limits};
use crate::exact::{Answer, Kept, Question};
use crate::generate;
use crate::structured::unsound_gap;
use crate::world::{Ask, World};

/// Whether the answer within `limits` was said to be the best; `None` if it was refused.
fn check(world: &World, ask: &Ask, limits: &Limits) -> Result<Option<bool>, String> {
    let question = Question::new(world, ask, Kept::default());
    let host = world.host();
    let answer = plan(&host, &ask.request(&host), limits);
    if answer != plan(&host, &ask.request(&host), limits) {
        return Err("the second answer differs from the first".to_string());
    }
    match (answer, question.answer()) {
        (Ok(plan), Answer::Placed { best, .. }) => {
            check_valid(&question, &plan)?;
            let far = question.far(plan.nodes.bits());
            let without = !question.all_have_cpus(plan.nodes.bits());
            let has_cpus = |node: &usize| question.offers[*node].cpus > 0;
            let nodes = (0..question.offers.len()).filter(has_cpus);
            let with_cpus = Question {
                usable: question.usable & nodes.fold(0, |set, node| set | 1 << node),
                ..question.clone()
            };
            if without && matches!(with_cpus.answer(), Answer::Placed { .. }) {
                return Err(format!("{:?}, though nodes with CPUs do", plan.nodes));
            }
            match plan.optimal {
                true if !far.as_near(&best) => Err(format!("{far:?}, best is {best:?}")),
                true if plan.gap != Some(0.0) => Err(format!("optimal, gap {:?}", plan.gap)),
                true => Ok(Some(true)),
                false => match unsound_gap(plan.gap, &far, &best) {
                    Some(why) => Err(why),
                    None => Ok(Some(false)),
                },
            }
        }
        (Err(_), Answer::Refused { .. }) => Ok(None),
        (Err(refusal), Answer::Placed { best, .. }) => Err(format!("{refusal}, best is {best:?}")),
        (Ok(plan), Answer::Refused { short }) => Err(format!("{:?}, short {short:?}", plan.nodes)),
    }
}

fn random(seed: u64, nodes: std::ops::RangeInclusive<usize>) -> (World, Ask) {
    let mut rng = Rng::with_seed(seed);
    let nodes = rng.usize(nodes);
    let world = generate::world(&mut rng, nodes);
    let mut ask = generate::ask(&mut rng, &world, Kept::default());
    if ask.policy == Policy::Any {
        ask.policy = Policy::PrioMemOnly;
    }
    (world, ask)
}

fn report(failures: &[String]) {
    let text = failures
        .iter()
        .take(4)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(failures.is_empty(), "{} failures\n{text}", failures.len());
}

#[test]
fn a_small_budget_never_says_what_is_not_so() {
    let mut failures = Vec::new();
    for seed in 0..2_000 {
        let (world, ask) = random(seed, 1..=10);
        for budget_steps in [0, 1, 3, 10, 40] {
            let limits = Limits {
                budget_steps,
                ..limits(Kept::default())
            };
            if let Err(why) = check(&world, &ask, &limits) {
                failures.push(format!(
                    "seed {seed}, {} nodes, {budget_steps} steps: {why}\n {ask:?}\n {world:?}",
                    world.nodes.len()
                ));
            }
        }
    }
    failures.sort_by_key(String::len);
    report(&failures);
}

#[test]
fn irregular_hosts_above_sixteen_nodes() {
    let mut failures = Vec::new();
    let (mut proven, mut unproven) = (0, 0);
    for seed in 0..40 {
        let (world, ask) = random(seed, 17..=18);
        match check(&world, &ask, &limits(Kept::default())) {
            Ok(Some(true)) => proven += 1,
            Ok(Some(false)) => unproven += 1,
            Ok(None) => (),
            Err(why) => failures.push(format!("seed {seed}: {why}\n {ask:?}\n {world:?}")),
        }
    }
    report(&failures);
    assert!(proven > 15, "{proven} proven, {unproven} not");
}
