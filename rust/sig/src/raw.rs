//! `raw.ml`: the OCaml side of what Rust sources mark with `#[sig]`.

use std::fmt;
use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use crate::export::PREFIX;
use crate::spell;

/// An item as ocaml-build reads it: Rust, with its signature in the attribute.
struct Stub {
    /// The module of a type; none for a function.
    module: Option<String>,
    rust: String,
    /// Modules that must come before.
    uses: Vec<String>,
}

/// The text of `raw.ml` for the Rust files of `directories`; other types are those of the module
/// `opened`. ocaml-build works in `scratch`, which is made. An error names the file, the item and
/// what is wrong with it.
pub fn raw_ml(opened: Option<&str>, directories: &[PathBuf], scratch: &Path) -> Result<String> {
    let mut stubs = Vec::new();
    for directory in directories {
        let files = fs::read_dir(directory)?.map(|file| Ok(file?.path()));
        let mut files: Vec<_> = files.collect::<Result<_>>()?;
        files.sort();
        for file in files
            .iter()
            .filter(|file| file.extension().is_some_and(|e| e == "rs"))
        {
            let text = fs::read_to_string(file)?;
            let parsed = syn::parse_file(&text).map_err(|error| invalid(file, &error))?;
            for item in &parsed.items {
                stubs.extend(stub(item).map_err(|error| invalid(file, &error))?);
            }
        }
    }
    let mut text = String::from("(* Made from rust/ by xenopsd-numa-sig: not to be edited. *)\n");
    if let Some(opened) = opened {
        text.push_str(&format!("\nopen {opened}\n"));
    }
    for stub in in_order(stubs)? {
        let declared = declared(&stub, scratch)?;
        match &stub.module {
            Some(module) => {
                let lines = (declared.replace("{ ", "{\n    ").replace("; ", "\n  ; "))
                    .replace(" }", "\n  }")
                    .replace(" | ", "\n    | ");
                text.push_str(&format!("\nmodule {module} = struct\n  {lines}\nend\n"));
            }
            None => {
                let external = format!("external {PREFIX}");
                text.push_str(&format!("\n{}\n", declared.replace(&external, "external ")));
            }
        }
    }
    Ok(text)
}

fn invalid(file: &Path, error: &dyn fmt::Display) -> Error {
    let message = format!("{}: {error}", file.display());
    Error::new(ErrorKind::InvalidData, message)
}

fn is_marked(attributes: &[syn::Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("sig"))
}

/// What ocaml-build is to read of an item.
fn stub(item: &syn::Item) -> syn::Result<Option<Stub>> {
    let (attributes, ident) = match item {
        syn::Item::Fn(item) => (&item.attrs, &item.sig.ident),
        syn::Item::Struct(item) => (&item.attrs, &item.ident),
        syn::Item::Enum(item) => (&item.attrs, &item.ident),
        _ => return Ok(None),
    };
    if !is_marked(attributes) {
        return Ok(None);
    }
    let module = spell::module(&ident.to_string());
    let (module, signature, rust) = match item {
        syn::Item::Fn(item) => {
            let signature = spell::function(&item.sig)?;
            (None, signature, format!("fn {PREFIX}{ident}() {{}}"))
        }
        syn::Item::Struct(item) if spell::is_abstract(item) => {
            (Some(module), String::new(), "struct T;".to_string())
        }
        syn::Item::Struct(item) => {
            let signature = spell::record(item)?;
            (Some(module), signature, "struct T;".to_string())
        }
        syn::Item::Enum(item) => {
            let signature = spell::variant(item)?;
            (Some(module), signature, "enum T {}".to_string())
        }
        _ => return Ok(None),
    };
    let words = signature.split(|c: char| !(c.is_alphanumeric() || "_.".contains(c)));
    let uses = words.filter_map(|word| word.strip_suffix(".t"));
    Ok(Some(Stub {
        module,
        uses: uses.map(str::to_string).collect(),
        rust: format!("#[sig(\"{signature}\")] {rust}"),
    }))
}

/// Each module after those that it uses, functions last; as in the sources otherwise.
fn in_order(mut left: Vec<Stub>) -> Result<Vec<Stub>> {
    let mut ordered: Vec<Stub> = Vec::new();
    while !left.is_empty() {
        let waits = |stub: &Stub| {
            (left.iter())
                .filter_map(|other| other.module.as_ref())
                .any(|module| stub.module.is_none() || stub.uses.contains(module))
        };
        let Some(next) = left.iter().position(|stub| !waits(stub)) else {
            let message = "types that cross refer to each other in a circle";
            return Err(Error::new(ErrorKind::InvalidData, message));
        };
        ordered.push(left.remove(next));
    }
    Ok(ordered)
}

/// The declaration that ocaml-build writes.
fn declared(stub: &Stub, scratch: &Path) -> Result<String> {
    let source = scratch.join("src");
    fs::create_dir_all(&source)?;
    fs::write(source.join("lib.rs"), &stub.rust)?;
    let output = scratch.join("declared.ml");
    ocaml_build::Sigs::new(&output)
        .with_source_dir(&source)
        .generate()?;
    let text = fs::read_to_string(&output)?;
    let declares = |line: &&str| line.starts_with("type ") || line.starts_with("external ");
    let line = text.lines().find(declares);
    line.map(str::to_string).ok_or_else(|| {
        invalid(
            &output,
            &format!("ocaml-build wrote nothing for {}", stub.rust),
        )
    })
}
