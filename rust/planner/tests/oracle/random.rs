//! Random requests on random hosts of up to twelve nodes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use fastrand::Rng;
use xenopsd_numa_planner::{plan, Reason};

use crate::check::{check, check_telling, limits, Kind};
use crate::exact::{Kept, Question};
use crate::failures::Failures;
use crate::generate;
use crate::parts::share;
use crate::wide::Wide;
use crate::world::{Ask, World};

fn small_world(seed: u64) -> (World, Ask, Kept) {
    let mut rng = Rng::with_seed(seed);
    let nodes = match seed % 40 {
        0 => rng.usize(10..=12),
        1..=10 => rng.usize(6..=9),
        _ => rng.usize(1..=5),
    };
    let world = generate::world(&mut rng, nodes);
    let kept = generate::kept(&mut rng);
    let ask = generate::ask(&mut rng, &world, kept);
    (world, ask, kept)
}

/// A request on a host of so many nodes, the same for the same seed.
pub fn random(seed: u64, nodes: usize) -> (World, Ask, Kept) {
    let mut rng = Rng::with_seed(seed);
    let world = generate::world(&mut rng, nodes);
    let kept = generate::kept(&mut rng);
    let ask = generate::ask(&mut rng, &world, kept);
    (world, ask, kept)
}

/// Seeds in a part of a run.
const PART: u64 = 500;

/// 100,000 of 1 to 10 nodes, as many of each; and some larger ones.
#[test]
fn every_answer_is_right() {
    let seen = Mutex::new(BTreeMap::<Kind, u64>::new());
    let part = |part: u64, failures: &mut Failures| {
        for seed in part * PART..(part + 1) * PART {
            let nodes = match seed {
                0..100_000 => 1 + seed as usize % 10,
                _ => 11 + seed as usize % 2,
            };
            let (world, ask, kept) = random(seed, nodes);
            match check(&world, &ask, kept) {
                Ok(kind) => *seen.lock().unwrap().entry(kind).or_default() += 1,
                Err(why) => failures.add(&format!("seed {seed}"), &world, &ask, kept, &why),
            }
        }
        PART
    };
    let (asked, failures) = share(100_500 / PART, part, |_| ());
    failures.none_or_panic();
    assert_eq!(asked, 100_500);
    let seen = seen.into_inner().unwrap();
    println!("{asked} random requests, 0 mismatches: {seen:?}");
    let kinds = [
        Kind::OneNode,
        Kind::SeveralNodes,
        Kind::Choice,
        Kind::MemoryOnlyNode,
        Kind::Anywhere,
        Kind::Refused,
    ];
    for kind in kinds {
        let times = seen.get(&kind).copied().unwrap_or(0);
        assert!(times >= 2_000, "{kind:?} was answered {times} times only");
    }
}

/// The oracle for hosts of up to 16 nodes answers as the plainer one.
#[test]
fn the_oracles_agree() {
    let mut wide = Wide::default();
    for seed in 0..5_000 {
        let (world, ask, kept) = random(seed, 1 + seed as usize % 9);
        let question = Question::new(&world, &ask, kept);
        assert_eq!(wide.answer(&question), question.answer(), "seed {seed}");
    }
}

#[test]
fn every_refusal_tells_the_truth() {
    let mut failures = Failures::default();
    let mut seen = HashMap::<Reason, u32>::new();
    for seed in 0..12_000 {
        let (world, ask, kept) = small_world(seed);
        let host = world.host();
        let Err(refusal) = plan(&host, &ask.request(&host), &limits(kept)) else {
            continue;
        };
        *seen.entry(refusal.reason).or_default() += 1;
        if let Err(why) = check_telling(&world, &ask, kept, &refusal) {
            failures.add(&format!("seed {seed}"), &world, &ask, kept, &why);
        }
    }
    failures.none_or_panic();
    assert!(
        seen.len() == 7 && seen.values().all(|times| *times > 20),
        "{seen:?}"
    );
}
