//! Scenarios for tests: read from their files, and run.
#![allow(dead_code, reason = "each test uses some of it")]

use std::path::PathBuf;

use model::{Finding, Flavour};
use xenopsd_numa_simulator::{run, RunResult, Scenario, Schedule, Settings, Start, Toolstack};

fn folder() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/scenarios"
    ))
}

/// The names of all scenarios, in order.
pub fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("the scenarios");
    let mut names: Vec<_> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The scenario in the file of that name.
pub fn scenario(name: &str) -> Scenario {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json")));
    Scenario::from_json(&text.expect(name)).expect(name)
}

pub fn toolstack(name: &str) -> Toolstack {
    Toolstack::by_name(name).expect(name)
}

/// Runs a scenario with a toolstack, on the schedule `Timed`.
pub fn run_timed(scenario: &Scenario, toolstack: &str, flavour: Flavour, seed: u64) -> RunResult {
    scheduled(scenario, toolstack, flavour, seed, Schedule::Timed)
}

pub fn scheduled(
    scenario: &Scenario,
    name: &str,
    flavour: Flavour,
    seed: u64,
    schedule: Schedule,
) -> RunResult {
    let settings = Settings {
        seed,
        flavour,
        toolstack: toolstack(name),
        schedule,
        ..Settings::default()
    };
    run(scenario, &settings).expect("a scenario that can be run")
}

/// This project's toolstack.
pub const OURS: &str = "xenopsd-numa";

/// The start of a VM in a phase.
pub fn start<'a>(result: &'a RunResult, phase: &str, vm: &str) -> &'a Start {
    let found = (result.starts.iter()).find(|start| start.phase == phase && start.vm == vm);
    found.unwrap_or_else(|| panic!("no start of {vm} in {phase}: {}", report(result)))
}

/// How often something was found.
pub fn found(result: &RunResult, finding: Finding) -> u64 {
    let found = result.findings.iter().find(|(f, _)| *f == finding);
    found.map_or(0, |(_, count)| *count)
}

/// That every start succeeded and the host is at its end what it was.
pub fn assert_well(result: &RunResult) {
    assert_eq!(result.failed_starts(), 0, "{}", report(result));
    assert_eq!(result.ending, Ok(()), "{}", report(result));
}

/// What happened, for a message.
pub fn report(result: &RunResult) -> String {
    let mut text = format!(
        "{} with {} on {}, seed {}: {:?}",
        result.scenario, result.toolstack.name, result.flavour.name, result.seed, result.ending
    );
    for start in &result.starts {
        let how = if start.started { "runs" } else { "failed" };
        text += &format!(
            "\n  {} {} {how}, {} on {:?}, {} remote: {}",
            start.phase, start.vm, start.claim, start.pages_on, start.remote_pages, start.reason
        );
    }
    text
}
