//! `xenopsd-numa-sig [--open MODULE] DIRECTORY...`: prints the OCaml side of what the Rust files of
//! these directories mark with `#[sig]`. Other types are those of MODULE.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    // ocaml-build asks for it, though it is given where the sources are.
    std::env::set_var("CARGO_MANIFEST_DIR", ".");
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let opened = match arguments.as_slice() {
        [option, module, ..] if option == "--open" => Some(module.clone()),
        _ => None,
    };
    arguments.drain(..if opened.is_some() { 2 } else { 0 });
    let directories: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
    let scratch = std::env::temp_dir().join(format!("xenopsd-numa-sig-{}", std::process::id()));
    let text = xenopsd_numa_sig::raw_ml(opened.as_deref(), &directories, &scratch);
    // What is left of it harms nobody.
    let _ = std::fs::remove_dir_all(&scratch);
    match text {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("xenopsd-numa-sig: {error}");
            ExitCode::FAILURE
        }
    }
}
