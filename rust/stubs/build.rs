//! Writes the OCaml externals, `raw.ml` and `raw.mli`, from the `#[sig]` attributes of `src/`,
//! into $XENOPSD_NUMA_RAW_DIR (which dune's rule sets) or OUT_DIR.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-env-changed=XENOPSD_NUMA_RAW_DIR");
    let directory = std::env::var_os("XENOPSD_NUMA_RAW_DIR")
        .or_else(|| std::env::var_os("OUT_DIR"))
        .map(PathBuf::from)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "OUT_DIR is not set"))?;
    std::fs::create_dir_all(&directory)?;
    ocaml_build::Sigs::new(directory.join("raw.ml")).generate()
}
