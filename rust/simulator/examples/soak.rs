//! A soak run of all flavours, with this project's protocol: whether any start fails.
//!
//! `cargo run --release -p xenopsd-numa-simulator --example soak -- [STARTS [SEED]]`, 10,000,000
//! from seed 1 if nothing is said. Exit status 1 if anything is wrong.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use model::{Finding, Flavour};
use xenopsd_numa_simulator::{soak, SoakResult};

/// Starts on one host.
const STARTS_PER_HOST: u64 = 1000;

/// What is added up of a flavour.
#[derive(Default)]
struct Sum {
    hosts: u64,
    starts: u64,
    failed: u64,
    on_one_node: u64,
    waited: u64,
    queued: u64,
    longest_queued: Duration,
    findings: [u64; Finding::ALL.len()],
    wrong: Vec<String>,
}

impl Sum {
    fn add(&mut self, seed: u64, result: &SoakResult) {
        self.hosts += 1;
        self.starts += result.starts;
        self.failed += result.failed_starts;
        self.on_one_node += result.on_one_node;
        self.waited += result.waited;
        self.queued += result.queued;
        self.longest_queued = self.longest_queued.max(result.longest_queued);
        for (sum, found) in self.findings.iter_mut().zip(result.findings) {
            *sum += found;
        }
        let failures = result
            .failures
            .iter()
            .map(|why| format!("seed {seed}: {why}"));
        self.wrong.extend(failures);
        if let Err(ending) = &result.ending {
            self.wrong.push(format!("seed {seed}: {ending}"));
        }
    }
}

/// Hosts of one flavour, on every CPU there is.
fn of_flavour(flavour: Flavour, first_seed: u64, hosts: u64) -> Sum {
    let next = AtomicU64::new(0);
    let work = || {
        let mut runs = Vec::new();
        loop {
            let host = next.fetch_add(1, Ordering::Relaxed);
            if host >= hosts {
                return runs;
            }
            let seed = first_seed + host;
            let run = soak(seed, STARTS_PER_HOST, flavour).map_err(|error| error.to_string());
            runs.push((seed, run));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut runs: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = all
            .into_iter()
            .map(|thread| thread.join().unwrap_or_default());
        joined.flatten().collect()
    });
    runs.sort_by_key(|(seed, _)| *seed);
    let mut sum = Sum::default();
    for (seed, run) in &runs {
        match run {
            Ok(result) => sum.add(*seed, result),
            Err(error) => sum.wrong.push(format!("seed {seed}: {error}")),
        }
    }
    if runs.len() as u64 != hosts {
        sum.wrong
            .push(format!("{} of {hosts} hosts were run", runs.len()));
    }
    sum
}

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (starts, seed) = match (numbers.next(), numbers.next()) {
        (None, _) => (10_000_000, 1),
        (Some(Ok(starts)), None) => (starts, 1),
        (Some(Ok(starts)), Some(Ok(seed))) => (starts, seed),
        (Some(_), _) => {
            eprintln!("usage: soak [STARTS [SEED]]");
            return ExitCode::from(2);
        }
    };
    let flavours = Flavour::ALL.len() as u64;
    let hosts = starts.div_ceil(flavours * STARTS_PER_HOST).max(1);
    println!(
        "flavour    hosts    starts  failed  one node   waited   queued  longest starts/s  found"
    );
    let mut wrong = false;
    for flavour in Flavour::ALL {
        let began = Instant::now();
        let sum = of_flavour(flavour, seed, hosts);
        let seconds = began.elapsed().as_secs_f64();
        let found: Vec<String> = (Finding::ALL.iter().zip(sum.findings))
            .filter(|(_, count)| *count > 0)
            .map(|(finding, count)| format!("{} {count}", finding.name()))
            .collect();
        println!(
            "{:9} {:6} {:9} {:7} {:8.1}% {:8} {:8} {:6.0} s {:8.0}  {}",
            flavour.name,
            sum.hosts,
            sum.starts,
            sum.failed,
            100.0 * sum.on_one_node as f64 / sum.starts.max(1) as f64,
            sum.waited,
            sum.queued,
            sum.longest_queued.as_secs_f64(),
            sum.starts as f64 / seconds,
            found.join(", ")
        );
        for line in sum.wrong.iter().take(10) {
            println!("  {line}");
        }
        wrong |= !sum.wrong.is_empty();
    }
    ExitCode::from(u8::from(wrong))
}
