//! Scenarios that chance makes up: whatever is read can be run, and comes to an end.

mod common;

use common::report;
use fastrand::Rng;
use model::Flavour;
use xenopsd_numa_simulator::{
    run, Call, Ending, RunError, Scenario, Schedule, Settings, Toolstack,
};

const SCENARIOS: u64 = 400;

const VMS: [&str; 4] = ["a", "b", "c1", "c2"];

fn one_of<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(0..choices.len())]
}

fn job(rng: &mut Rng) -> String {
    let vm = one_of(rng, &["a", "b", "c", "c1", "c2"]);
    let pages = one_of(rng, &[0, 1, 512, 4000, 60_000, 1_u64 << 40]);
    let seconds = rng.u64(0..100);
    match rng.u32(0..16) {
        0..=4 => format!(r#"{{"start": "{vm}"}}"#),
        5 | 6 => format!(r#"{{"shutdown": "{vm}"}}"#),
        7 | 8 => format!(r#"{{"reboot": "{vm}"}}"#),
        9 => format!(r#"{{"kill": "{vm}"}}"#),
        10 => {
            let off = one_of(rng, &[0, -1, 5000, -(1_i64 << 40), 1 << 40]);
            format!(r#"{{"receive": {{"vm": "{vm}", "estimate_off_pages": {off}}}}}"#)
        }
        11 => {
            let scattered = rng.bool();
            format!(
                r#"{{"balloon": {{"pages": {pages}, "pages_per_second": 200000,
                                  "scattered": {scattered}}}}}"#
            )
        }
        12 => format!(
            r#"{{"restart_toolstack": {{"after_millis": {}}}}}"#,
            rng.u64(0..9000)
        ),
        13 => format!(r#"{{"offline": {{"node": 0, "pages": {pages}}}}}"#),
        14 => format!(
            r#"{{"map_foreign": {{"vm": "{vm}", "pages": {pages}, "seconds": {seconds}}}}}"#
        ),
        _ => format!(
            r#"{{"later": {{"millis": {}, "job": {}}}}}"#,
            rng.u64(0..20_000),
            job(rng)
        ),
    }
}

fn fault(rng: &mut Rng) -> String {
    let call = one_of(rng, &Call::all()).name();
    let vm = match rng.bool() {
        true => format!(r#", "vm": "{}""#, one_of(rng, &VMS)),
        false => String::new(),
    };
    let nth = match rng.u32(0..4) {
        0 => String::new(),
        _ => format!(r#", "nth": {}"#, rng.u64(1..12)),
    };
    let errno = match rng.u32(0..4) {
        0 => String::new(),
        _ => {
            let errnos = [
                "ENOMEM", "EINVAL", "EAGAIN", "EBUSY", "ENOSYS", "EPERM", "ESRCH",
            ];
            format!(r#", "errno": "{}""#, one_of(rng, &errnos))
        }
    };
    let (dies, delay) = (rng.u32(0..3) == 0, one_of(rng, &[0, 0, 100, 100_000]));
    format!(r#"{{"call": "{call}"{vm}{nth}{errno}, "dies": {dies}, "delay_millis": {delay}}}"#)
}

fn list(rng: &mut Rng, most: usize, one: fn(&mut Rng) -> String) -> String {
    let count = rng.usize(0..=most);
    (0..count).map(|_| one(rng)).collect::<Vec<_>>().join(", ")
}

fn phase(rng: &mut Rng) -> String {
    let (at_once, in_sequence) = (list(rng, 3, job), list(rng, 3, job));
    format!(r#"{{"name": "p", "at_once": [{at_once}], "in_sequence": [{in_sequence}]}}"#)
}

fn vm(rng: &mut Rng, name: &str, count: u32) -> String {
    let pages = one_of(rng, &[1, 31, 4000, 50_000, 100_000, 1_u64 << 40]);
    let kind = one_of(rng, &["hvm", "pv"]);
    let policy = one_of(rng, &["any", "best_effort", "strict", "prio_mem_only"]);
    let bound = one_of(rng, &["", r#", "bound_to_nodes": [1]"#]);
    format!(
        r#"{{"name": "{name}", "count": {count}, "vcpus": {}, "memory": {{"pages": {pages}}},
            "kind": "{kind}", "policy": "{policy}", "builder_claims": {}{bound}}}"#,
        rng.u32(1..4),
        rng.u32(0..5) == 0
    )
}

fn made_up(rng: &mut Rng) -> String {
    let [a, b, c] = [("a", 1), ("b", 1), ("c", 2)].map(|(name, count)| vm(rng, name, count));
    let phases: Vec<_> = (0..3).map(|_| phase(rng)).collect();
    let faults = list(rng, 2, fault);
    format!(
        r#"{{"format": "xenopsd-numa-scenario/1", "name": "made up", "about": "Made up.",
            "host": {{"nodes": [{{"size_pages": 131072, "free_pages": {}}},
                                {{"size_pages": 131072, "free_pages": {}}}],
                      "cpus_per_node": 4, "low_pages": {}}},
            "reserve_pages": {}, "noise_pages": {}, "jitter": {},
            "vms": [{a}, {b}, {c}], "phases": [{}], "faults": [{faults}]}}"#,
        rng.u64(90_000..=131_072),
        one_of(rng, &[0, 60_000, 131_072]),
        one_of(rng, &[0_u64, 4096, 1 << 36]),
        one_of(rng, &[0_u64, 4096, 1 << 40]),
        one_of(rng, &[0_u64, 512, 1 << 40]),
        rng.bool(),
        phases.join(", ")
    )
}

#[test]
fn whatever_is_read_comes_to_an_end() {
    let (mut read, mut refused) = (0, 0);
    let mut seed = 0;
    while read < SCENARIOS {
        seed += 1;
        let rng = &mut Rng::with_seed(seed);
        let text = made_up(rng);
        let Ok(scenario) = Scenario::from_json(&text) else {
            refused += 1;
            continue;
        };
        read += 1;
        let toolstack = match rng.bool() {
            true => common::OURS,
            false => one_of(rng, &Toolstack::ALL).name,
        };
        let flavour = one_of(rng, &Flavour::ALL);
        let schedule = match rng.u32(0..3) {
            0 => Schedule::RoundRobin,
            1 => Schedule::Random { one_in: 4 },
            _ => Schedule::Timed,
        };
        let settings = Settings {
            seed,
            flavour,
            toolstack: common::toolstack(toolstack),
            schedule,
            ..Settings::default()
        };
        // A host that cannot be read at all gets an answer of its own.
        let result = match run(&scenario, &settings) {
            Ok(result) => result,
            Err(RunError::Protocol(_)) => continue,
            Err(error) => panic!("made up with {seed}: {error}\n{text}"),
        };
        match &result.ending {
            Ok(()) | Err(Ending::Left { .. } | Ending::Crashed(_)) => (),
            Err(Ending::Stuck { .. } | Ending::Violated(_)) => {
                panic!("made up with {seed}: {}\n{text}", report(&result))
            }
        }
    }
    assert!(refused > SCENARIOS / 4, "hardly any is refused: {refused}");
}
