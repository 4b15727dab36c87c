//! Scenarios that contradict themselves are refused, with the field and the reason.

use xenopsd_numa_simulator::{Call, Scenario, FORMAT};

/// A host of 16 GiB, with these VMs, jobs in phases, and faults.
fn small(vms: &str, phases: &str, faults: &str) -> String {
    let text = format!(
        r#"{{"format": "{FORMAT}", "name": "small", "about": "Small.",
            "host": {{"nodes": [{{"size_pages": 4194304, "free_pages": 4000000}}],
                      "cpus_per_node": 8}},
            "vms": [{vms}], "phases": [{phases}], "faults": [{faults}]}}"#
    );
    match Scenario::from_json(&text) {
        Ok(_) => "read".to_string(),
        Err(error) => error.to_string(),
    }
}

fn vm(name: &str, count: u32) -> String {
    format!(r#"{{"name": "{name}", "count": {count}, "vcpus": 1, "memory": {{"pages": 1000}}}}"#)
}

#[test]
fn names_are_of_one_vm() {
    let expected = "expected a name that no other VM has, nor several alike";
    for (vms, answer) in [
        (vec![vm("a", 1), vm("b", 1)], "read".to_string()),
        (
            vec![vm("a", 1), vm("b", 1), vm("a", 1)],
            format!("vms[2].name: found \"a\" again, {expected}"),
        ),
        (
            vec![vm("a2", 1), vm("a", 3)],
            format!("vms[1].name: found \"a2\" again, {expected}"),
        ),
        (
            vec![vm("a", 2), vm("a1", 2)],
            format!("vms[1].name: found \"a1\" again, {expected}"),
        ),
        (
            vec![vm("a", 1), vm("a", 2)],
            format!("vms[1].name: found \"a\" again, {expected}"),
        ),
    ] {
        assert_eq!(small(&vms.join(", "), "", ""), answer);
    }
}

#[test]
fn distances_are_of_all_nodes() {
    let host = format!(
        r#"{{"format": "{FORMAT}", "name": "small", "about": "Small.", "vms": [], "phases": [],
            "host": {{"nodes": [{{"size_pages": 4194304, "free_pages": 4000000}},
                                {{"size_pages": 4194304, "free_pages": 4000000}}],
                      "distances": [[10]], "cpus_per_node": 8}}}}"#
    );
    let error = Scenario::from_json(&host).unwrap_err().to_string();
    assert_eq!(
        error,
        "host.distances: found 1 rows, expected 2, as many as there are nodes"
    );
}

#[test]
fn jobs_go_together() {
    let off = "which is off, expected a VM that was started before";
    let runs = "again, expected a VM that was not started, or was shut down since";
    let once = "again, expected one job for each VM among those that begin together";
    // Phases, each with its list of jobs: `|` ends one, `;` is for those in sequence.
    let cases = [
        (
            r#"{"start": "a"} | {"shutdown": "a"} | {"start": "a"}"#,
            "read".to_string(),
        ),
        (
            r#"{"start": "a"} | {"reboot": "a"} | {"reboot": "a"}"#,
            "read".to_string(),
        ),
        (
            r#"; {"start": "a"}, {"shutdown": "a"}, {"start": "a"}"#,
            "read".to_string(),
        ),
        (r#"{"start": "a"} ; {"shutdown": "a"}"#, "read".to_string()),
        (
            r#"{"start": "vm"} | {"later": {"millis": 1, "job": {"kill": "vm2"}}} |
               {"start": "vm2"}, {"reboot": "vm1"}"#,
            "read".to_string(),
        ),
        (
            r#"{"start": "a"}, {"kill": "a"} | {"start": "a"}"#,
            "read".to_string(),
        ),
        (
            r#"{"start": "a"} | {"start": "a"}"#,
            format!("phases[1].at_once[0].start: found \"a\" {runs}"),
        ),
        (
            r#"{"start": "vm2"} | {"start": "vm"}"#,
            format!("phases[1].at_once[0].start: found \"vm2\" {runs}"),
        ),
        (
            r#"{"start": "a"} | {"receive": {"vm": "a", "estimate_off_pages": 0}}"#,
            format!("phases[1].at_once[0].receive.vm: found \"a\" {runs}"),
        ),
        (
            r#"{"start": "a"}, {"start": "a"}"#,
            format!("phases[0].at_once[1].start: found \"a\" {once}"),
        ),
        (
            r#"{"start": "a"}, {"later": {"millis": 9, "job": {"shutdown": "a"}}}"#,
            format!("phases[0].at_once[1].later.job.shutdown: found \"a\" {once}"),
        ),
        (
            r#"{"start": "vm"}, {"start": "vm3"}"#,
            format!("phases[0].at_once[1].start: found \"vm3\" {once}"),
        ),
        (
            r#"; {"start": "a"}, {"start": "a"}"#,
            format!("phases[0].in_sequence[1].start: found \"a\" {runs}"),
        ),
        (
            r#"{"shutdown": "a"}"#,
            format!("phases[0].at_once[0].shutdown: found \"a\", {off}"),
        ),
        (
            r#"{"start": "a"} | {"shutdown": "a"} | ; {"reboot": "a"}"#,
            format!("phases[2].in_sequence[0].reboot: found \"a\", {off}"),
        ),
        (
            r#"{"kill": "a"} | {"start": "a"}"#,
            format!("phases[0].at_once[0].kill: found \"a\", {off}"),
        ),
        (
            r#"{"map_foreign": {"vm": "a", "pages": 1, "seconds": 1}}"#,
            format!("phases[0].at_once[0].map_foreign.vm: found \"a\", {off}"),
        ),
        (
            r#"{"balloon": {"vm": "a", "pages": 1, "pages_per_second": 1}}"#,
            format!("phases[0].at_once[0].balloon.vm: found \"a\", {off}"),
        ),
        (
            r#"{"balloon": {"pages": 1099511627776, "pages_per_second": 1}}"#,
            "phases[0].at_once[0].balloon.pages_per_second: found 1, \
             expected a number from 109951 to 1099511627776"
                .to_string(),
        ),
    ];
    let vms = [vm("a", 1), vm("vm", 3)].join(", ");
    for (jobs, answer) in cases {
        let phase = |jobs: &str| {
            let (at_once, in_sequence) = jobs.split_once(';').unwrap_or((jobs, ""));
            format!(r#"{{"name": "p", "at_once": [{at_once}], "in_sequence": [{in_sequence}]}}"#)
        };
        let phases: Vec<_> = jobs.split('|').map(phase).collect();
        assert_eq!(small(&vms, &phases.join(", "), ""), answer, "{jobs}");
    }
}

#[test]
fn faults_are_of_calls_that_there_are_and_end() {
    let dies = "faults[0].dies: found no nth beside it, expected the number of the call in \
                which the toolstack dies; it would die in each, for ever";
    for (fault, answer) in [
        (
            r#""call": "xc_domain_create", "nth": 2, "dies": true"#,
            "read",
        ),
        (r#""call": "xc_domain_destroy", "dies": true"#, "read"),
        (r#""call": "xc_domain_create", "dies": true"#, dies),
        (r#""call": "xc_physinfo", "vm": "a", "dies": true"#, dies),
        (
            r#""call": "xc_domain_destroy", "errno": "EPERM", "dies": true"#,
            dies,
        ),
        (
            r#""call": "xc_physinfo", "nth": 0"#,
            "faults[0].nth: found 0, expected the number of a call, from 1",
        ),
        (
            r#""call": "xc_physinfo", "errno": "ENOMEN""#,
            "faults[0].errno: found \"ENOMEN\", expected an errno of Xen's, such as \"ENOMEM\"",
        ),
    ] {
        assert_eq!(
            small(&vm("a", 1), "", &format!("{{{fault}}}")),
            answer,
            "{fault}"
        );
    }
    let unknown = small(&vm("a", 1), "", r#"{"call": "xc_claim_pages"}"#);
    let start = "faults[0].call: found \"xc_claim_pages\", expected one of ";
    assert!(unknown.starts_with(start), "{unknown}");
    for call in Call::all() {
        assert!(unknown.contains(call.name()), "{unknown}");
        let fault = format!(r#"{{"call": "{}", "errno": "EPERM"}}"#, call.name());
        assert_eq!(small(&vm("a", 1), "", &fault), "read");
    }
}
