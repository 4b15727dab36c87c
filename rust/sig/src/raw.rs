//! `raw.ml`: the OCaml side of what Rust sources mark with `#[sig]`.

use std::fmt;
use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use crate::arguments::Arguments;
use crate::export::PREFIX;
use crate::spell;

/// A marked item, and where OCaml has it.
struct Marked<'a> {
    file: &'a Path,
    item: &'a syn::Item,
    /// The module and the name of a type; none for a function.
    of_type: Option<(String, String)>,
}

/// The text of `raw.ml` for the Rust files of `directories`; other types are those of the module
/// `opened`. ocaml-build works in `scratch`, which is made. An error names the file, the item and
/// what is wrong with it.
pub fn raw_ml(opened: Option<&str>, directories: &[PathBuf], scratch: &Path) -> Result<String> {
    let mut files = Vec::new();
    for directory in directories {
        let found = fs::read_dir(directory)?.map(|file| Ok(file?.path()));
        let mut found: Vec<_> = found.collect::<Result<_>>()?;
        found.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
        found.sort();
        for path in found {
            let text = fs::read_to_string(&path)?;
            let parsed = syn::parse_file(&text).map_err(|error| invalid(&path, &error))?;
            files.push((path, parsed));
        }
    }
    let items = (files.iter()).flat_map(|(path, file)| file.items.iter().map(move |i| (path, i)));
    let mut marked = Vec::new();
    for (file, item) in items {
        let found = found(file, item).map_err(|error| invalid(file, &error))?;
        marked.extend(found);
    }
    let path = |name: &str| match marked.iter().find(|one| name_of(one.item) == name) {
        Some(Marked {
            of_type: Some((module, name)),
            ..
        }) => format!("{module}.{name}"),
        Some(Marked { of_type: None, .. }) | None => format!("{}.t", spell::module(name)),
    };
    let mut modules: Vec<Module> = Vec::new();
    let mut externals = String::new();
    for one in &marked {
        let stub = stub(one, &path).map_err(|error| invalid(one.file, &error))?;
        let declared = declared(&stub, scratch)?;
        match &one.of_type {
            None => {
                // An argument a line, so that a difference is seen.
                let external = format!("external {PREFIX}");
                let lines = (declared
                    .replace(&external, "external ")
                    .replace(" -> ", "\n  -> "))
                .replacen(": ", " :\n     ", 1)
                .replace(" = ", "\n  = ");
                externals.push_str(&format!("\n{lines}\n"));
            }
            Some((name, _)) => match modules.iter_mut().find(|module| module.name == *name) {
                Some(module) => module.types.push(declared),
                None => modules.push(Module {
                    name: name.clone(),
                    types: vec![declared],
                }),
            },
        }
    }
    let mut text = String::from("(* Made from rust/ by xenopsd-numa-sig: not to be edited. *)\n");
    if let Some(opened) = opened {
        text.push_str(&format!("\nopen {opened}\n"));
    }
    for module in in_order(modules)? {
        text.push_str(&module.text());
    }
    Ok(text + &externals)
}

/// Types under one name.
struct Module {
    name: String,
    types: Vec<String>,
}

impl Module {
    fn uses(&self, other: &str) -> bool {
        let path = format!("{other}.");
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        (self.types.iter())
            .any(|text| (text.match_indices(&path)).any(|(at, _)| !text[..at].ends_with(is_name)))
    }

    /// Within the module its own types have no path.
    fn text(&self) -> String {
        let path = format!("{}.", self.name);
        let types = self.types.iter().map(|declared| {
            (declared.replace(&format!(" {path}"), " "))
                .replace(&format!("({path}"), "(")
                .replace("{ ", "{\n    ")
                .replace("; ", "\n  ; ")
                .replace(" }", "\n  }")
                .replace(" | ", "\n    | ")
        });
        let types: Vec<String> = types.collect();
        format!(
            "\nmodule {} = struct\n  {}\nend\n",
            self.name,
            types.join("\n\n  ")
        )
    }
}

fn invalid(file: &Path, error: &dyn fmt::Display) -> Error {
    let message = format!("{}: {error}", file.display());
    Error::new(ErrorKind::InvalidData, message)
}

fn name_of(item: &syn::Item) -> String {
    match item {
        syn::Item::Fn(item) => item.sig.ident.to_string(),
        syn::Item::Struct(item) => item.ident.to_string(),
        syn::Item::Enum(item) => item.ident.to_string(),
        _ => String::new(),
    }
}

/// The item, if it is marked.
fn found<'a>(file: &'a Path, item: &'a syn::Item) -> syn::Result<Option<Marked<'a>>> {
    let (attributes, is_type) = match item {
        syn::Item::Fn(item) => (&item.attrs, false),
        syn::Item::Struct(item) => (&item.attrs, true),
        syn::Item::Enum(item) => (&item.attrs, true),
        _ => return Ok(None),
    };
    let name = name_of(item);
    Ok(Arguments::of_item(attributes)?.map(|arguments| {
        let of_type = is_type.then(|| match arguments.module {
            Some(module) => {
                let short = name.strip_suffix("Handle").unwrap_or(&name);
                match spell::module(short) == module {
                    true => (module, "t".to_string()),
                    false => (module, spell::type_name(short)),
                }
            }
            None => (spell::module(&name), "t".to_string()),
        });
        Marked {
            file,
            item,
            of_type,
        }
    }))
}

/// What ocaml-build is to read of an item: Rust, with its signature in the attribute.
fn stub(marked: &Marked, path: spell::Path) -> syn::Result<String> {
    // ocaml-build makes names of OCaml of those of Rust, and cannot tell a keyword.
    let name = (marked.of_type.as_ref()).map_or(String::new(), |(_, name)| name.clone());
    let (signature, rust) = match marked.item {
        syn::Item::Fn(item) => {
            let ident = &item.sig.ident;
            (
                spell::function(&item.sig, path)?,
                format!("fn {PREFIX}{ident}() {{}}"),
            )
        }
        syn::Item::Struct(item) if spell::is_abstract(item) => {
            (String::new(), format!("struct {name};"))
        }
        syn::Item::Struct(item) => (spell::record(item, path)?, format!("struct {name};")),
        syn::Item::Enum(item) => (spell::variant(item, path)?, format!("enum {name} {{}}")),
        item => return Err(syn::Error::new_spanned(item, "cannot cross")),
    };
    Ok(format!("#[sig(\"{signature}\")] {rust}"))
}

/// Each module after those that it uses; as in the sources otherwise.
fn in_order(mut left: Vec<Module>) -> Result<Vec<Module>> {
    let mut ordered: Vec<Module> = Vec::new();
    while !left.is_empty() {
        let waits = |module: &Module| {
            let others = left.iter().filter(|other| other.name != module.name);
            others.into_iter().any(|other| module.uses(&other.name))
        };
        let Some(next) = left.iter().position(|module| !waits(module)) else {
            let message = "modules of types that cross refer to each other in a circle";
            return Err(Error::new(ErrorKind::InvalidData, message));
        };
        ordered.push(left.remove(next));
    }
    Ok(ordered)
}

/// The declaration that ocaml-build writes.
fn declared(stub: &str, scratch: &Path) -> Result<String> {
    let source = scratch.join("src");
    fs::create_dir_all(&source)?;
    fs::write(source.join("lib.rs"), stub)?;
    let output = scratch.join("declared.ml");
    ocaml_build::Sigs::new(&output)
        .with_source_dir(&source)
        .generate()?;
    let text = fs::read_to_string(&output)?;
    let declares = |line: &&str| line.starts_with("type ") || line.starts_with("external ");
    let line = text.lines().find(declares);
    line.map(str::to_string)
        .ok_or_else(|| invalid(&output, &format!("ocaml-build wrote nothing for {stub}")))
}
