//! What `build.rs` finds in the headers of each Xen.

use std::path::Path;

#[path = "../build/header.rs"]
mod header;

/// The compiler that `build.rs` asks.
fn cc() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".to_string())
}

/// What finds one of `headers/`, or the installed header as it was found for this build.
fn arguments(headers: Option<&str>) -> Vec<String> {
    match headers {
        Some(headers) => vec![format!(
            "-I{}/headers/{headers}",
            env!("CARGO_MANIFEST_DIR")
        )],
        None => header::includes(),
    }
}

fn probe_file(probe: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(format!("probes/{probe}.c")).display().to_string()
}

/// Whether a probe finds its call with a header, and finds it as known.
fn found(probe: &str, headers: Option<&str>) -> (bool, bool) {
    let compiles = |shape: &[String]| {
        let arguments = [&arguments(headers)[..], shape].concat();
        header::compiles(&cc(), &arguments, &probe_file(probe)).unwrap()
    };
    (compiles(&[]), compiles(&["-DSHAPE".to_string()]))
}

const ABSENT: (bool, bool) = (false, false);
const KNOWN: (bool, bool) = (true, true);
const UNKNOWN: (bool, bool) = (true, false);

#[test]
fn each_header_has_what_it_has() {
    let probes = ["numa_meminfo", "node_pages", "claim_set_v5", "claim_set_v7"];
    for (headers, expected) in [
        (Some("xs9"), [KNOWN, KNOWN, ABSENT, ABSENT]),
        (Some("v4"), [ABSENT, ABSENT, UNKNOWN, ABSENT]),
        (Some("v5"), [ABSENT, ABSENT, KNOWN, ABSENT]),
        (Some("v7"), [ABSENT, ABSENT, ABSENT, KNOWN]),
        (Some("odd"), [UNKNOWN, UNKNOWN, ABSENT, UNKNOWN]),
    ] {
        assert_eq!(
            probes.map(|probe| found(probe, headers)),
            expected,
            "{headers:?}"
        );
    }
}

/// The build that this test is part of was made with the installed header.
#[test]
fn this_build_has_what_the_installed_header_has() {
    let has = |probe| found(probe, None).1;
    let sets = has("claim_set_v5") || has("claim_set_v7");
    let expected = [
        ("xc_numa_meminfo", has("numa_meminfo")),
        ("xc_domain_numa_get_node_pages", has("node_pages")),
        ("xc_domain_claim_memory", sets),
    ];
    assert_eq!(xenopsd_numa_xen::DECLARED, expected);
}

/// What `build.rs` has compared with bindgen's: this build compiled with the first.
#[test]
fn a_member_more_is_another_layout() {
    let layout = |more: &[&str]| {
        let more: Vec<String> = more.iter().map(|word| word.to_string()).collect();
        let arguments = [arguments(Some("v5")), more].concat();
        header::layout(&cc(), &arguments, &probe_file("layout")).unwrap()
    };
    let (installed, sets) = (layout(&[]), layout(&["-DHAS_CLAIM_SET_V5"]));
    let condition = "size_of::<xc::memory_claim_t>() == 16".to_string();
    assert!(sets.starts_with(&installed) && sets.contains(&condition));
    let changed = layout(&["-Dvmtrace_size=vmtrace_size; uint32_t more[2]"]);
    let differ: Vec<_> = (installed.iter().zip(&changed))
        .filter(|(installed, changed)| installed != changed)
        .map(|(installed, _)| installed.split(" == ").next().unwrap())
        .collect();
    let of_arch = "offset_of!(xc::xen_domctl_createdomain, arch.emulation_flags)";
    assert_eq!(
        differ,
        ["size_of::<xc::xen_domctl_createdomain>()", of_arch]
    );
}

#[test]
fn each_header_is_watched() {
    let headers = header::included(&cc(), &arguments(Some("v5")), &probe_file("xenctrl")).unwrap();
    for end in ["headers/v5/xenctrl.h", "/xen/domctl.h", "/xen/sysctl.h"] {
        assert!(headers.iter().any(|header| header.ends_with(end)), "{end}");
    }
}

/// That there is no compiler or no header is not that nothing is declared.
#[test]
fn what_cannot_be_compiled_is_an_error() {
    let included = |cc: &str, more: &str| {
        let arguments = [arguments(None), vec![more.to_string()]].concat();
        header::included(cc, &arguments, &probe_file("xenctrl"))
    };
    let absent = included("no-such-compiler -O1", "-O1").unwrap_err();
    // Under valgrind a program that is not there is one that fails.
    assert!(absent.contains("no-such-compiler -O1 cannot"), "{absent}");
    let broken = included(&cc(), "-Dxc_interface=7").unwrap_err();
    assert!(
        broken.contains("cannot compile") && broken.contains("error"),
        "{broken}"
    );
    // A wrapper around the compiler is a word of its own.
    assert!(included(&format!("env {}", cc()), "-O1").is_ok());
}
