//! Random requests on random hosts of up to twelve nodes.

use std::collections::{BTreeMap, HashMap};

use fastrand::Rng;
use xenopsd_numa_planner::{plan, Reason};

use crate::check::{check, check_telling, limits, Kind};
use crate::exact::Kept;
use crate::generate;
use crate::world::{Ask, World};

/// The failures of a run, the smallest of each sort kept.
#[derive(Default)]
pub struct Failures {
    smallest: BTreeMap<String, (usize, usize, String)>,
}

impl Failures {
    pub fn add(&mut self, name: &str, world: &World, ask: &Ask, kept: Kept, why: &str) {
        let why_sort: String = why.chars().filter(|c| c.is_alphabetic()).take(16).collect();
        let sort = format!("{why_sort} {:?}", ask.policy);
        let memory: u64 = world.nodes.iter().map(|node| node.free_bytes).sum();
        let size = world.nodes.len() << 50 | world.cpus.len() << 40 | (memory >> 20) as usize;
        let text = format!("{name}: {why}\n  {kept:?}\n  {ask:?}\n  {world:?}");
        let start = (0, usize::MAX, String::new());
        let (count, least, smallest) = self.smallest.entry(sort).or_insert(start);
        *count += 1;
        if size < *least {
            (*least, *smallest) = (size, text);
        }
    }

    pub fn none_or_panic(self) {
        let texts: Vec<_> = self
            .smallest
            .into_values()
            .map(|(count, _, text)| format!("{count} like {text}"))
            .collect();
        assert!(texts.is_empty(), "failures:\n{}", texts.join("\n"));
    }
}

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
