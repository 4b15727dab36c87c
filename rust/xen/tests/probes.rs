//! What `build.rs` finds in the headers of each Xen.

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether a probe finds its call with a header, and finds it as known.
fn found(probe: &str, headers: Option<&str>) -> (bool, bool) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compiles = |shape: &[&str]| {
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu11", "-fsyntax-only"]).args(shape);
        match headers {
            Some(headers) => {
                cc.arg("-I").arg(root.join("headers").join(headers));
            }
            None => {
                let given = std::env::var("BINDGEN_EXTRA_CLANG_ARGS").unwrap_or_default();
                cc.args(given.split_whitespace());
            }
        }
        let cc = cc.arg(root.join(format!("probes/{probe}.c")));
        cc.stderr(Stdio::null()).status().unwrap().success()
    };
    (compiles(&[]), compiles(&["-DSHAPE"]))
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
