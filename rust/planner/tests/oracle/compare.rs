//! Holds the planner against the exhaustive oracles in numbers that a test run has no time for:
//!
//! `cargo run --release -p xenopsd-numa-planner --example compare -- [PART[=CASES]]...`
//!
//! Parts: `four-nodes` (10^8 cases unless given), `ten-nodes` (10^6), `sixteen-nodes` (10^4); all
//! of them unless some are named. `XENOPSD_NUMA_SEED` is the seed, 1 unless given; the same seed
//! gives the same cases. Exits with 1 if an answer was wrong.
// The tests use the rest of the oracle.
#![allow(dead_code)]
// Matrices are filled on both sides of the diagonal, which iterators cannot say.
#![allow(clippy::needless_range_loop)]

mod check;
mod exact;
mod frame;
mod generate;
mod parts;
mod reasons;
mod rotation;
mod run;
mod small;
mod strategies;
mod wide;
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fastrand::Rng;
use xenopsd_numa_planner::{Policy, Request};

use check::check_by;
use frame::{request, Amounts, Case, Frame};
use parts::share;
use run::Run;
use small::MOST;
use wide::Wide;
use world::STRATEGIES;

/// A part: its name, how many cases it has by default, how many a piece of it has, and what
/// does a piece.
struct Part {
    name: &'static str,
    cases: u64,
    piece: u64,
    check: fn(u64, u64, &mut Run),
}

const PARTS: [Part; 3] = [
    Part {
        name: "four-nodes",
        cases: 100_000_000,
        piece: 50_000,
        check: four_nodes,
    },
    Part {
        name: "ten-nodes",
        cases: 1_000_000,
        piece: 1_000,
        check: |seed, cases, run| random(seed, cases, 1..=10, run),
    },
    Part {
        name: "sixteen-nodes",
        cases: 10_000,
        piece: 20,
        check: |seed, cases, run| random(seed, cases, 16..=16, run),
    },
];

/// Requests of one host, and hosts of one matrix.
const REQUESTS: u64 = 20;
const HOSTS: u64 = 25;

/// Asymmetric hosts of four nodes, 0 to 3 pages and 0 to 1 CPUs each, with three distances.
fn four_nodes(seed: u64, cases: u64, run: &mut Run) {
    let mut rng = Rng::with_seed(seed);
    for _ in 0..cases.div_ceil(REQUESTS * HOSTS) {
        let values: [Option<u32>; 3] = std::array::from_fn(|_| distance(&mut rng));
        let mut row = |a| {
            (0..MOST)
                .map(|b| match a == b {
                    true => Some(10),
                    false => values[rng.usize(0..3)],
                })
                .collect()
        };
        let distances: Vec<Vec<_>> = (0..MOST).map(&mut row).collect();
        let cpus = std::array::from_fn(|_| rng.u64(0..2));
        let frame = Frame::new(&distances, cpus);
        for _ in 0..HOSTS {
            let headroom: [u64; MOST] = std::array::from_fn(|_| rng.u64(0..4));
            let size = headroom.map(|headroom| rng.u64(headroom..4));
            let case = frame.with(Amounts { headroom, size });
            for _ in 0..REQUESTS {
                let request = small_request(&mut rng, &case);
                case.ask(&request, run, || format!("piece of seed {seed}"));
            }
        }
    }
}

fn distance(rng: &mut Rng) -> Option<u32> {
    match rng.u32(0..12) {
        0 => None,
        1 | 2 => Some(10),
        3..=6 => Some(rng.u32(10..30)),
        _ => Some(rng.u32(10..255)),
    }
}

/// What the host could or could just not hold; half of them for one vCPU, since more are often
/// more than what is reachable has.
fn small_request(rng: &mut Rng, case: &Case) -> Request {
    let (pages, cpus) = case.small.total();
    let pages = rng.u64(1..=pages + 1);
    let vcpus = match rng.bool() {
        true => 1,
        false => rng.u32(1..=cpus as u32 + 1),
    };
    let overhead_pages = match rng.u32(0..4) {
        0 => rng.u64(0..pages),
        _ => 0,
    };
    let cores = rng.u32(0..2) * vcpus;
    let policy = match rng.u32(0..8) {
        0 => Policy::Strict,
        1 => Policy::BestEffortHard,
        2 => Policy::PrioMemOnly,
        _ => Policy::BestEffort,
    };
    let mut asked = request(pages - overhead_pages, vcpus, STRATEGIES[rng.usize(0..3)]);
    asked.overhead_pages = overhead_pages;
    (asked.cores, asked.policy) = (cores, policy);
    asked
}

/// Hosts as irregular as the generator makes them, of every kind that the tests have.
fn random(seed: u64, cases: u64, nodes: std::ops::RangeInclusive<usize>, run: &mut Run) {
    let mut wide = Wide::default();
    for i in 0..cases {
        let seed = seed.wrapping_add(i);
        let nodes = Rng::with_seed(!seed).usize(nodes.clone());
        let case = generate::case(seed, nodes);
        let checked = check_by(&case.0, &case.1, case.2, |question| wide.answer(question));
        run.count(checked, &format!("seed {seed}"), &case);
    }
}

/// Does `cases` of a part and prints how it went; whether every answer was right.
fn compare(part: &Part, cases: u64, seed: u64) -> bool {
    let start = Instant::now();
    let pieces = cases.div_ceil(part.piece);
    // Seeds of pieces are far apart: a piece counts up from its own.
    let first = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let piece = |number: u64, run: &mut Run| {
        let cases = part.piece.min(cases - number * part.piece);
        (part.check)(first.wrapping_add(number << 24), cases, run);
    };
    let shown = AtomicU64::new(0);
    let done = |pieces_done: u64| {
        let percent = pieces_done * 100 / pieces;
        if percent / 5 > shown.fetch_max(percent, Ordering::Relaxed) / 5 {
            let seconds = start.elapsed().as_secs();
            eprintln!("{}: {percent} % in {seconds} s", part.name);
        }
    };
    let run = share(pieces, piece, done);
    let seconds = start.elapsed().as_secs();
    println!("{}: seed {seed}, {}, {seconds} s", part.name, run.figures());
    if run.failures() > 0 {
        println!("{}", run.text());
    }
    run.failures() == 0
}

/// The parts that are named, and how many cases of each; all if none is.
fn chosen(arguments: &[String]) -> Result<Vec<(&'static Part, u64)>, String> {
    if arguments.is_empty() {
        return Ok(PARTS.iter().map(|part| (part, part.cases)).collect());
    }
    let one = |argument: &String| {
        let (name, cases) = match argument.split_once('=') {
            None => (argument.as_str(), None),
            Some((name, cases)) => (name, Some(cases.parse().map_err(|_| argument.clone())?)),
        };
        let part = PARTS.iter().find(|part| part.name == name);
        let part = part.ok_or_else(|| argument.clone())?;
        Ok((part, cases.unwrap_or(part.cases)))
    };
    arguments.iter().map(one).collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seed = match std::env::var("XENOPSD_NUMA_SEED") {
        Ok(seed) => seed
            .parse()
            .map_err(|_| format!("XENOPSD_NUMA_SEED={seed}")),
        Err(_) => Ok(1),
    };
    match (chosen(&arguments), seed) {
        (Ok(parts), Ok(seed)) => {
            let right = parts
                .iter()
                .map(|(part, cases)| compare(part, *cases, seed));
            match right.fold(true, |all, right| all & right) {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        (Err(unknown), _) | (_, Err(unknown)) => {
            let names = PARTS.map(|part| part.name).join(", ");
            eprintln!("{unknown}: expected a part with a number of cases or without ({names})");
            ExitCode::from(2)
        }
    }
}
