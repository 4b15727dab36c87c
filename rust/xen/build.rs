//! Finds out which calls the installed `xenctrl.h` declares, and that they are what `src/declared`
//! takes them for: each becomes a `cfg` of its name. A call that is declared in another shape is
//! left out, with a warning, as if it were not there.

use std::env;
use std::process::{Command, Stdio};

/// Files of `probes/`: each compiles if the call is declared, and with `SHAPE` if it is as known.
const CALLS: [&str; 4] = ["numa_meminfo", "node_pages", "claim_set_v5", "claim_set_v7"];

/// The same headers as bindgen is given for xenctrl-sys.
const INCLUDES: &str = "BINDGEN_EXTRA_CLANG_ARGS";

fn compiles(probe: &str, arguments: &[&str]) -> bool {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_string());
    Command::new(compiler)
        .args(["-std=gnu11", "-fsyntax-only"])
        .args(env::var(INCLUDES).unwrap_or_default().split_whitespace())
        .args(arguments)
        .arg(probe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn main() {
    println!("cargo:rerun-if-changed=probes");
    println!("cargo:rerun-if-env-changed={INCLUDES}");
    println!("cargo:rerun-if-env-changed=CC");
    for call in CALLS {
        println!("cargo:rustc-check-cfg=cfg(xenctrl_{call})");
        let probe = format!("probes/{call}.c");
        if !compiles(&probe, &[]) {
            continue;
        }
        match compiles(&probe, &["-DSHAPE"]) {
            true => println!("cargo:rustc-cfg=xenctrl_{call}"),
            false => println!(
                "cargo:warning=xenctrl.h declares what {probe} looks for in another shape than is \
                 known; it is left out"
            ),
        }
    }
}
