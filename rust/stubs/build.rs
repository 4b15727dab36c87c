//! Writes the OCaml externals, `raw.ml` and `raw.mli`, from the `#[sig]` attributes of `src/`,
//! into OUT_DIR, of which cargo tells `rust/library.sh`.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=src");
    let directory = std::env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "OUT_DIR is not set"))?;
    ocaml_build::Sigs::new(directory.join("raw.ml")).generate()
}
