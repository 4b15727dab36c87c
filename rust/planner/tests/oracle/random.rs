//! Random requests on random hosts of up to twelve nodes.

use std::collections::{BTreeMap, HashMap};

use fastrand::Rng;
use xenopsd_numa_planner::{plan, Reason};

use crate::check::{check, check_reason, limits};
use crate::exact::{Kept, Question};
use crate::generate;
use crate::parts::share;
use crate::run::Run;
use crate::wide::Wide;
use crate::world::{Ask, World, PAGE};

fn small_world(seed: u64) -> (World, Ask, Kept) {
    let mut rng = Rng::with_seed(!seed);
    let nodes = match seed % 40 {
        0 => rng.usize(10..=12),
        1..=10 => rng.usize(6..=9),
        _ => rng.usize(1..=5),
    };
    generate::case(seed, nodes)
}

/// Seeds in a part of a run.
const PART: u64 = 500;

/// 100,000 of 1 to 10 nodes, as many of each; and some larger ones.
#[test]
fn every_answer_is_right() {
    let part = |part: u64, run: &mut Run| {
        for seed in part * PART..(part + 1) * PART {
            let nodes = match seed {
                0..100_000 => 1 + seed as usize % 10,
                _ => 11 + seed as usize % 2,
            };
            let case = generate::case(seed, nodes);
            let checked = check(&case.0, &case.1, case.2);
            run.count(checked, &format!("seed {seed}"), &case);
        }
    };
    let run = share(100_500 / PART, part, |_| ());
    println!("1 to 12 nodes: {}", run.figures());
    let least = run.kinds().min_by_key(|(_, times)| *times);
    run.none_or_panic();
    assert!(least.is_some_and(|(_, times)| times >= 2_000), "{least:?}");
}

/// What makes a host other than a plain one.
fn peculiarities(world: &World) -> Vec<&'static str> {
    let count = world.nodes.len();
    let online: Vec<usize> = (0..count).filter(|node| world.online(*node)).collect();
    let far = |a: usize, b: usize| world.distances[a][b].filter(|far| *far < 255);
    let pairs = || {
        let others = |a: usize| {
            online
                .iter()
                .filter(move |b| **b != a)
                .map(move |b| (a, *b))
        };
        online.iter().copied().flat_map(others)
    };
    let has_cpus = |node: usize| world.cpus.iter().any(|cpu| cpu.node == Some(node as u32));
    let memory = |node: usize| world.nodes[node].free_bytes / PAGE;
    // Closer to every other node, there and back, than any two of the others are.
    let is_hub = |hub: usize| {
        let mut of_hub = pairs().filter(|(a, b)| *a == hub || *b == hub);
        let others = || pairs().filter(|(a, b)| *a != hub && *b != hub);
        online.len() > 2
            && of_hub.all(|(a, b)| {
                let near = far(a, b);
                near.is_some()
                    && others().all(|(c, d)| far(c, d).is_none_or(|far| near < Some(far)))
            })
    };
    let of = |node: &usize| (memory(*node) > 0, has_cpus(*node));
    let found = [
        ("asymmetric", pairs().any(|(a, b)| far(a, b) != far(b, a))),
        ("unreachable", pairs().any(|(a, b)| far(a, b).is_none())),
        ("offline", online.len() < count),
        (
            "memory only",
            online.iter().any(|node| of(node) == (true, false)),
        ),
        (
            "CPUs only",
            online.iter().any(|node| of(node) == (false, true)),
        ),
        ("hub", online.iter().any(|node| is_hub(*node))),
        ("unequal", pairs().any(|(a, b)| memory(a) != memory(b))),
    ];
    found
        .into_iter()
        .filter(|found| found.1)
        .map(|found| found.0)
        .collect()
}

/// No kind of host is rare among those that are compared.
#[test]
fn every_kind_of_host_is_among_them() {
    let mut times = BTreeMap::<&str, u32>::new();
    for seed in 0..10_000 {
        let (world, _, _) = generate::case(seed, 1 + seed as usize % 10);
        for peculiarity in peculiarities(&world) {
            *times.entry(peculiarity).or_default() += 1;
        }
    }
    println!("of 10000 random hosts: {times:?}");
    let enough = times.len() == 7 && times.values().all(|times| *times >= 500);
    assert!(enough, "{times:?}");
}

/// The oracle for hosts of up to 16 nodes answers as the plainer one.
#[test]
fn the_oracles_agree() {
    let mut wide = Wide::default();
    for seed in 0..5_000 {
        let (world, ask, kept) = generate::case(seed, 1 + seed as usize % 9);
        let question = Question::new(&world, &ask, kept);
        assert_eq!(wide.answer(&question), question.answer(), "seed {seed}");
    }
}

#[test]
fn every_refusal_is_true() {
    let mut run = Run::default();
    let mut seen = HashMap::<Reason, u32>::new();
    for seed in 0..12_000 {
        let (world, ask, kept) = small_world(seed);
        let host = world.host();
        let Err(refusal) = plan(&host, &ask.request(&host), &limits(kept)) else {
            continue;
        };
        *seen.entry(refusal.reason).or_default() += 1;
        if let Err(why) = check_reason(&world, &ask, kept, &refusal) {
            run.add(&format!("seed {seed}"), &world, &ask, kept, &why);
        }
    }
    run.none_or_panic();
    assert!(
        seen.len() == 7 && seen.values().all(|times| *times > 20),
        "{seen:?}"
    );
}
