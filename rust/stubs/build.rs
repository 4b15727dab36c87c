//! Writes the OCaml externals, `raw.ml` and `raw.mli`, from the `#[sig]` attributes of
//! `rust/crossing` and of `src/` into OUT_DIR, of which cargo tells `rust/library.sh`.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

const SHARED: &str = "../crossing/src";

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed={SHARED}");
    let directory = std::env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "OUT_DIR is not set"))?;
    let (shared, raw) = (directory.join("shared.ml"), directory.join("raw.ml"));
    let of_shared = ocaml_build::Sigs::new(&shared).with_source_dir(SHARED);
    of_shared.generate()?;
    ocaml_build::Sigs::new(&raw).generate()?;
    for end in ["ml", "mli"] {
        prepend(&shared.with_extension(end), &raw.with_extension(end))?;
    }
    Ok(())
}

fn prepend(shared: &Path, raw: &Path) -> Result<()> {
    let text = std::fs::read_to_string(shared)? + &std::fs::read_to_string(raw)?;
    std::fs::write(raw, text)
}
