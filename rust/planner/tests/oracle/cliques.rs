//! Hosts of up to 64 nodes, some of which cannot reach each other: what fits fits in one of the
//! largest sets that reach each other, and what comes nearest is one of them too.

use fastrand::Rng;
use xenopsd_numa_planner::{plan, Policy};

use crate::check::{check_answer, check_refusal, check_valid, limits, Kind};
use crate::exact::{bits, Kept, Question, Short};
use crate::generate;
use crate::world::{simple_world, Ask, World};

/// The sets of usable nodes that reach each other and to which none can be added (Bron and
/// Kerbosch's search), unless there are more than `most`.
fn largest_sets(question: &Question, most: usize) -> Option<Vec<u64>> {
    fn search(q: &Question, set: u64, more: u64, done: u64, most: usize, found: &mut Vec<u64>) {
        if more == 0 && done == 0 {
            found.push(set);
        }
        let (mut more, mut done) = (more, done);
        let others = |node: usize| q.mutual[node] & !(1 << node);
        let pivot = bits(more | done).max_by_key(|node| (more & others(*node)).count_ones());
        for node in bits(more & !pivot.map_or(0, others)) {
            if found.len() > most {
                return;
            }
            let next = others(node);
            search(q, set | 1 << node, more & next, done & next, most, found);
            more &= !(1 << node);
            done |= 1 << node;
        }
    }
    let mut found = Vec::new();
    search(question, 0, question.usable, 0, most, &mut found);
    (found.len() <= most).then_some(found)
}

/// Checks an answer by the largest sets; whether it was placed, `None` if there are too many.
fn check(
    world: &World,
    ask: &Ask,
    kept: Kept,
    budget: Option<u64>,
) -> Result<Option<bool>, String> {
    let question = Question::new(world, ask, kept);
    let Some(sets) = largest_sets(&question, 3_000) else {
        return Ok(None);
    };
    let host = world.host();
    let request = ask.request(&host);
    let mut limits = limits(kept);
    limits.budget_steps = budget.unwrap_or(limits.budget_steps);
    let answer = plan(&host, &request, &limits);
    if answer != plan(&host, &request, &limits) {
        return Err("the second answer differs from the first".to_string());
    }
    if ask.policy == Policy::Any {
        return check_answer(world, ask, kept, &answer).map(|kind| Some(kind == Kind::Anywhere));
    }
    let short = match ask.policy {
        Policy::Strict => bits(question.usable)
            .map(|node| question.short(1 << node))
            .min(),
        _ => sets.iter().map(|set| question.short(*set)).min(),
    };
    let short = short.unwrap_or_else(|| question.short(0));
    match answer {
        Ok(_) if short != Short::default() => Err(format!("placed, though short by {short:?}")),
        Ok(plan) => {
            check_valid(&question, &plan)?;
            let set = plan.nodes.bits();
            let has_cpus = bits(question.usable).filter(|node| question.offers[*node].cpus > 0);
            let has_cpus = has_cpus.fold(0, |set, node| set | 1 << node);
            let without = ask.policy != Policy::Strict && !question.all_have_cpus(set);
            match sets
                .iter()
                .find(|set| without && question.fits(**set & has_cpus))
            {
                Some(better) => Err(format!("{:?}: all of {better:#x} have CPUs", plan.nodes)),
                None => Ok(Some(true)),
            }
        }
        Err(refusal) if short == Short::default() => Err(format!("{refusal}, though it fits")),
        Err(refusal) => check_refusal(&question, &refusal, short).map(|_| Some(false)),
    }
}

#[test]
fn what_fits_on_large_hosts_is_never_refused() {
    let mut failures = Vec::new();
    let (mut placed, mut refused, mut skipped) = (0, 0, 0);
    for seed in 0..1_500 {
        let mut rng = Rng::with_seed(seed);
        let nodes = rng.usize(17..=64);
        let budget = [None, Some(0), Some(1), Some(10), Some(100), Some(1_000)];
        let budget = budget[rng.usize(0..budget.len())];
        let world = generate::world(&mut rng, nodes);
        let kept = generate::kept(&mut rng);
        let ask = generate::ask(&mut rng, &world, kept);
        match check(&world, &ask, kept, budget) {
            Ok(Some(true)) => placed += 1,
            Ok(Some(false)) => refused += 1,
            Ok(None) => skipped += 1,
            Err(why) => {
                let text = format!("seed {seed}, {nodes} nodes, {budget:?} steps: {why}\n {ask:?}");
                failures.push((nodes, text));
            }
        }
    }
    report(failures);
    let enough = placed > 500 && refused > 150;
    assert!(
        enough,
        "{placed} placed, {refused} refused, {skipped} skipped"
    );
}

/// Irregular matrices without unreachable nodes, and budgets that end within the search.
#[test]
fn what_all_nodes_together_hold_is_never_refused() {
    let mut failures = Vec::new();
    for seed in 0..1_600 {
        let mut rng = Rng::with_seed(seed);
        let nodes = rng.usize(17..=40);
        let cpu_less = rng.bool();
        let sizes: Vec<(u64, u32)> = (0..nodes)
            .map(|_| (rng.u64(1..=4), u32::from(!cpu_less || rng.u32(0..6) > 0)))
            .collect();
        let mut matrix = vec![vec![10; nodes]; nodes];
        for a in 0..nodes {
            for b in 0..a {
                let distance = rng.u32(10..255);
                (matrix[a][b], matrix[b][a]) = (distance, distance);
            }
        }
        let world = simple_world(&sizes, |a, b| Some(matrix[a][b]));
        let with_cpus = sizes.iter().filter(|(_, cpus)| *cpus > 0);
        let most: u64 = with_cpus.map(|(pages, _)| pages).sum();
        for budget in [0, 10, 100, 1_000] {
            let ask = Ask::new(rng.u64(most / 2..=most), 1);
            match check(&world, &ask, Kept::default(), Some(budget)) {
                Ok(placed) => assert_eq!(placed, Some(true)),
                Err(why) => {
                    let text = format!("seed {seed}, {budget} steps: {why}\n {sizes:?}\n {ask:?}");
                    failures.push((nodes, text));
                }
            }
        }
    }
    report(failures);
}

fn report(mut failures: Vec<(usize, String)>) {
    failures.sort();
    let text: Vec<_> = failures
        .iter()
        .take(4)
        .map(|(_, text)| text.as_str())
        .collect();
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        text.join("\n")
    );
}

/// Nodes in pairs of which only one can be used: as many largest sets as 2 to the power of the
/// pairs, of which the one with the larger node of each pair has most memory.
#[test]
fn nodes_that_exclude_each_other_in_pairs() {
    for seed in 0..24 {
        let mut rng = Rng::with_seed(seed);
        let pairs = rng.usize(9..=if seed == 0 { 32 } else { 18 });
        let sizes: Vec<(u64, u32)> = (0..2 * pairs).map(|_| (rng.u64(1..50), 1)).collect();
        let most: u64 = sizes.chunks(2).map(|pair| pair[0].0.max(pair[1].0)).sum();
        let world = simple_world(&sizes, |a, b| {
            (a / 2 != b / 2).then_some(15 + ((a * b) % 3) as u32)
        });
        let host = world.host();
        let kept = Kept::default();
        for pages in [most + 7, most + 1, most, most - 1, most / 2] {
            let ask = Ask::new(pages, 1);
            let question = Question::new(&world, &ask, kept);
            let answer = plan(&host, &ask.request(&host), &limits(kept));
            match answer {
                Ok(plan) => {
                    assert!(pages <= most, "seed {seed}: {pages} of {most} placed");
                    check_valid(&question, &plan)
                        .unwrap_or_else(|why| panic!("seed {seed}: {why}"));
                }
                Err(refusal) => {
                    assert!(pages > most, "seed {seed}: {pages} of {most}: {refusal}");
                    let short = Short {
                        pages: pages - most,
                        ..Short::default()
                    };
                    let checked = check_refusal(&question, &refusal, short);
                    checked.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
                }
            }
        }
    }
}
