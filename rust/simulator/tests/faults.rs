//! Calls that fail or are slow, and a toolstack that dies, wherever it may be: this project's
//! protocol leaves nothing behind, and what comes later is not harmed.

mod common;

use common::{report, run_timed, OURS};
use model::Flavour;
use xenopsd_numa_simulator::{Ending, FaultSpec, RunResult, Scenario};

/// Three VMs on a host that is just large enough, twice together and once more.
const SMALL: &str = r#"{
  "format": "xenopsd-numa-scenario/1",
  "name": "small",
  "about": "Three VMs that nearly fill a small host.",
  "host": {
    "nodes": [
      { "size_pages": 262144, "free_pages": 237500, "jitter_pages": 500 },
      { "size_pages": 262144, "free_pages": 250000, "jitter_pages": 500 }
    ],
    "cpus_per_node": 8
  },
  "strategy": "balance",
  "reserve_pages": 4096,
  "node_reserve_pages": 2048,
  "vms": [
    { "name": "one", "vcpus": 2, "memory": { "pages": 162500 } },
    { "name": "two", "vcpus": 2, "memory": { "pages": 150000 } },
    { "name": "pv", "vcpus": 2, "memory": { "pages": 137500 }, "kind": "pv", "policy": "any" }
  ],
  "phases": [
    { "name": "start", "at_once": [{ "start": "one" }, { "start": "two" }, { "start": "pv" }] },
    { "name": "reboot", "at_once": [{ "reboot": "one" }, { "reboot": "pv" }] },
    { "name": "shutdown", "at_once": [{ "shutdown": "one" }, { "shutdown": "two" },
      { "shutdown": "pv" }] },
    { "name": "afterwards", "in_sequence": [{ "start": "one" }, { "start": "two" },
      { "start": "pv" }] }
  ]
}"#;

const FLAVOURS: [Flavour; 5] = [
    Flavour::XEN_4_17,
    Flavour::UPSTREAM,
    Flavour::XS9,
    Flavour::XS9_2025,
    Flavour::V8,
];

/// The calls of the protocol and of the toolstack around it, and what each can answer.
const CALLS: [(&str, &[&str]); 15] = [
    (
        "xc_domain_claim_pages",
        &[
            "EPERM",
            "EACCES",
            "EINVAL",
            "ENOMEM",
            "EFAULT",
            "EOPNOTSUPP",
            "ENOSYS",
        ],
    ),
    (
        "xc_domain_claim_pages_node",
        &[
            "EPERM", "EINVAL", "ENOMEM", "ENOENT", "ERANGE", "ESRCH", "EBUSY", "E2BIG", "ENOSYS",
        ],
    ),
    (
        "xc_domain_claim_memory",
        &[
            "EPERM",
            "EOPNOTSUPP",
            "EINVAL",
            "E2BIG",
            "ESRCH",
            "EBUSY",
            "ENOMEM",
            "ENOENT",
            "EFAULT",
            "ENOSYS",
        ],
    ),
    (
        "xc_domain_numa_get_node_pages",
        &["EPERM", "EFAULT", "ESRCH", "EOPNOTSUPP"],
    ),
    ("xc_physinfo", &["EPERM", "EFAULT"]),
    ("xc_domain_getinfolist", &["EPERM", "EFAULT", "ENOMEM"]),
    (
        "xc_domain_node_getaffinity",
        &["EPERM", "EFAULT", "ESRCH", "EINVAL"],
    ),
    (
        "xc_domain_node_setaffinity",
        &["EPERM", "EFAULT", "ESRCH", "EINVAL"],
    ),
    (
        "xc_vcpu_setaffinity",
        &["EPERM", "EFAULT", "ESRCH", "EINVAL", "ENOMEM"],
    ),
    ("xc_domain_create", &["ENOMEM", "EPERM"]),
    ("xc_domain_setmaxmem", &["EPERM", "ESRCH"]),
    ("xc_shadow_control", &["ENOMEM", "EINVAL"]),
    ("xc_domain_max_vcpus", &["ENOMEM", "EINVAL"]),
    ("xc_domain_populate_physmap", &["ENOMEM", "EPERM"]),
    ("xc_domain_destroy", &["EAGAIN", "EPERM"]),
];

fn small() -> Scenario {
    Scenario::from_json(SMALL).expect("a scenario")
}

fn fault(call: &str, nth: u64) -> FaultSpec {
    FaultSpec {
        call: call.to_string(),
        vm: None,
        nth: Some(nth),
        errno: None,
        delay_millis: 0,
        dies: false,
    }
}

fn run(scenario: &Scenario, flavour: Flavour) -> RunResult {
    run_timed(scenario, OURS, flavour, 1)
}

#[test]
fn without_a_fault_all_is_well() {
    for flavour in Flavour::ALL
        .into_iter()
        .filter(|flavour| *flavour != Flavour::V4)
    {
        common::assert_well(&run(&small(), flavour));
    }
}

/// One call that fails costs one start at most, which says so, and nothing stays behind.
#[test]
fn each_call_fails_with_each_errno() {
    let mut scenario = small();
    let mut failed_starts = 0;
    for flavour in FLAVOURS {
        for (call, errnos) in CALLS {
            for errno in errnos {
                for nth in (1..=8).chain([11, 15, 21]) {
                    scenario.faults = vec![FaultSpec {
                        errno: Some((*errno).to_string()),
                        ..fault(call, nth)
                    }];
                    let result = run(&scenario, flavour);
                    let report = || format!("{call} {nth} {errno}: {}", report(&result));
                    assert_eq!(result.ending, Ok(()), "{}", report());
                    assert!(result.failed_starts() <= 1, "{}", report());
                    failed_starts += result.failed_starts();
                    for start in result.starts.iter().filter(|start| !start.started) {
                        assert!(start.reason.contains(errno), "{}", report());
                    }
                }
            }
        }
    }
    assert!(failed_starts > 300, "{failed_starts} starts failed");
}

/// A call that always fails costs starts, but leaves nothing behind either.
#[test]
fn each_call_always_fails() {
    let mut scenario = small();
    for flavour in FLAVOURS {
        for (call, errnos) in CALLS {
            for errno in errnos {
                scenario.faults = vec![FaultSpec {
                    nth: None,
                    errno: Some((*errno).to_string()),
                    ..fault(call, 1)
                }];
                let result = run(&scenario, flavour);
                // What can never be cancelled, or never be listed, is gone with its domain.
                assert_eq!(result.ending, Ok(()), "{call} {errno}: {}", report(&result));
            }
        }
    }
}

#[test]
fn each_call_takes_its_time() {
    let mut scenario = small();
    for flavour in FLAVOURS {
        for (call, _) in CALLS {
            for delay_millis in [300, 5000] {
                scenario.faults = vec![FaultSpec {
                    nth: None,
                    delay_millis: match call {
                        "xc_domain_populate_physmap" => delay_millis / 100,
                        _ => delay_millis,
                    },
                    ..fault(call, 1)
                }];
                common::assert_well(&run(&scenario, flavour));
            }
        }
    }
}

/// The toolstack dies before each event, and comes back: every VM runs in the end.
#[test]
fn it_dies_at_each_event() {
    let mut scenario = small();
    for flavour in [Flavour::XEN_4_17, Flavour::XS9, Flavour::V8] {
        let events = run(&scenario, flavour).events;
        assert!(events > 200, "{events}");
        for event in 0..events {
            scenario.dies_at_events = vec![event];
            let result = run(&scenario, flavour);
            let report = || format!("event {event}: {}", report(&result));
            assert_eq!(result.ending, Ok(()), "{}", report());
            assert_eq!(result.failed_starts(), 0, "{}", report());
        }
    }
}

/// It dies in the middle of what it does, when a call has just had its effect.
#[test]
fn it_dies_after_each_call() {
    let mut scenario = small();
    for flavour in FLAVOURS {
        for (call, _) in CALLS {
            for nth in 1..=15 {
                scenario.faults = vec![FaultSpec {
                    dies: true,
                    ..fault(call, nth)
                }];
                let result = run(&scenario, flavour);
                let report = || format!("{call} {nth}: {}", report(&result));
                assert_eq!(result.ending, Ok(()), "{}", report());
                assert_eq!(result.failed_starts(), 0, "{}", report());
            }
        }
    }
}

/// Where a toolstack dies whenever it begins again, the run ends and says which VM it was.
#[test]
fn it_dies_for_ever() {
    let each_start_makes = [
        "xc_domain_claim_pages",
        "xc_domain_create",
        "xc_domain_max_vcpus",
        "xc_domain_populate_physmap",
        "xc_domain_setmaxmem",
        "xc_physinfo",
        "xc_shadow_control",
    ];
    for flavour in FLAVOURS {
        for call in each_start_makes {
            let mut scenario = small();
            scenario.faults = vec![dies_always(call)];
            let result = run(&scenario, flavour);
            let Err(Ending::Stuck { who, why, events }) = &result.ending else {
                panic!("{call}: {}", report(&result));
            };
            let expected = format!("its toolstack dies in {call} whenever it begins again, ");
            assert!(why.starts_with(&expected), "{why}");
            assert!(
                ["\"one\"", "\"two\"", "\"pv\""].contains(&who.as_str()),
                "{who}"
            );
            assert!(
                *events < 1_000_000 && result.events < 1_000_000,
                "{result:?}"
            );
        }
        // A domain that was destroyed is not destroyed again.
        let mut scenario = small();
        scenario.faults = vec![dies_always("xc_domain_destroy")];
        common::assert_well(&run(&scenario, flavour));
    }
}

fn dies_always(call: &str) -> FaultSpec {
    FaultSpec {
        nth: None,
        dies: true,
        ..fault(call, 1)
    }
}

/// It dies again and again.
#[test]
fn it_dies_often() {
    let mut scenario = small();
    for flavour in FLAVOURS {
        for every in [7, 23, 60] {
            scenario.dies_at_events = (0..20).map(|time| 5 + time * every).collect();
            let result = run(&scenario, flavour);
            assert_eq!(result.ending, Ok(()), "every {every}: {}", report(&result));
            assert_eq!(result.failed_starts(), 0, "{}", report(&result));
        }
    }
}
