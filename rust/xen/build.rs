//! Finds out which calls the installed `xenctrl.h` declares, and that they are what `src/declared`
//! takes them for: each becomes a `cfg` of its name. A call that is declared in another shape is
//! left out, with a warning, as if it were not there. And writes down how the header lays out what
//! is passed to libxenctrl, for `src/layout` to compare with what bindgen made of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs, process};

#[path = "build/header.rs"]
mod header;

/// Files of `probes/`: each compiles if the call is declared, and with `SHAPE` if it is as known.
const CALLS: [&str; 4] = ["numa_meminfo", "node_pages", "claim_set_v5", "claim_set_v7"];

/// What xenctrl-sys was built with is not looked at again by its own build script.
const STALE: &str = "xenctrl-sys was built with another xenctrl.h than is installed now: \
                     run `cargo clean -p xenctrl-sys` with the same profile and \
                     target directory";

/// Has this run again when a header changes. A package's files keep the time at which it was made,
/// so that only the directory's says when they came.
fn watch(headers: &[String]) {
    let directories = headers.iter().filter_map(|header| {
        let directory = header.strip_suffix("/domctl.h");
        directory.map(str::to_string)
    });
    let all: BTreeSet<String> = headers.iter().cloned().chain(directories).collect();
    for path in all {
        println!("cargo:rerun-if-changed={path}");
    }
}

fn look() -> Result<(), String> {
    let cc = env::var("CC").unwrap_or_else(|_| "cc".to_string());
    let mut arguments = header::includes();
    let headers = header::included(&cc, &arguments, "probes/xenctrl.c").map_err(|why| {
        format!(
            "{why}\nA C compiler and Xen's headers are needed (Debian: gcc, libxen-dev); CC is \
             the compiler, {} what finds the headers.",
            header::INCLUDES
        )
    })?;
    watch(&headers);
    for call in CALLS {
        println!("cargo:rustc-check-cfg=cfg(xenctrl_{call})");
        let probe = format!("probes/{call}.c");
        if !header::compiles(&cc, &arguments, &probe)? {
            continue;
        }
        let shape = [&arguments[..], &["-DSHAPE".to_string()]].concat();
        match header::compiles(&cc, &shape, &probe)? {
            true => {
                println!("cargo:rustc-cfg=xenctrl_{call}");
                arguments.push(format!("-DHAS_{}", call.to_uppercase()));
            }
            false => println!(
                "cargo:warning=xenctrl.h declares what {probe} looks for in another shape than is \
                 known; it is left out"
            ),
        }
    }
    let conditions = header::layout(&cc, &arguments, "probes/layout.c")?;
    if conditions.is_empty() {
        return Err(format!("{cc} says no layout of probes/layout.c"));
    }
    let asserted = |condition| format!("const _: () = assert!({condition}, \"{STALE}\");\n");
    let asserted: String = conditions.into_iter().map(asserted).collect();
    let directory = env::var("OUT_DIR").map_err(|error| error.to_string())?;
    fs::write(Path::new(&directory).join("layout.rs"), asserted).map_err(|error| error.to_string())
}

fn main() {
    for path in ["build.rs", "build", "probes"] {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rerun-if-env-changed={}", header::INCLUDES);
    println!("cargo:rerun-if-env-changed=CC");
    if let Err(why) = look() {
        eprintln!("{why}");
        process::exit(1);
    }
}
