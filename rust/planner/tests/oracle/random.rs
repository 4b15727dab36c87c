//! Random requests on random hosts of up to twelve nodes.

use std::collections::{BTreeMap, HashMap};

use fastrand::Rng;
use xenopsd_numa_planner::{plan, Reason};

use crate::check::{check, check_telling, limits, Kind};
use crate::exact::Kept;
use crate::failures::Failures;
use crate::generate;
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

#[test]
fn every_answer_is_right() {
    let mut failures = Failures::default();
    let mut seen = BTreeMap::<Kind, u32>::new();
    for seed in 0..24_000 {
        let (world, ask, kept) = small_world(seed);
        match check(&world, &ask, kept) {
            Ok(kind) => *seen.entry(kind).or_default() += 1,
            Err(why) => failures.add(&format!("seed {seed}"), &world, &ask, kept, &why),
        }
    }
    failures.none_or_panic();
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
        assert!(times >= 500, "{kind:?} was answered {times} times only");
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
