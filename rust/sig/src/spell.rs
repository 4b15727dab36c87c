//! How Rust items and types are written in OCaml.

use quote::ToTokens;
use syn::{Error, FnArg, GenericArgument, PathArguments, Result, ReturnType, Type};

/// ocaml-build takes an external of more than this many arguments for one with a bytecode twin.
const MAX_ARGUMENTS: usize = 4;

/// How OCaml names a type of ours, by its name in Rust.
pub type Path<'a> = &'a dyn Fn(&str) -> String;

/// The type of an exported function.
pub fn function(signature: &syn::Signature, path: Path) -> Result<String> {
    let mut types = Vec::new();
    for input in &signature.inputs {
        types.push(ocaml(&argument(input)?.ty, path)?);
    }
    match types.len() {
        0 => types.push("unit".to_string()),
        1..=MAX_ARGUMENTS => (),
        _ => {
            let message =
                format!("at most {MAX_ARGUMENTS} arguments: bytecode calls others otherwise");
            return Err(Error::new_spanned(&signature.inputs, message));
        }
    }
    types.push(match &signature.output {
        ReturnType::Default => "unit".to_string(),
        ReturnType::Type(_, result) => ocaml(result, path)?,
    });
    Ok(types.join(" -> "))
}

/// An argument of a function that is no method.
pub fn argument(input: &FnArg) -> Result<&syn::PatType> {
    match input {
        FnArg::Typed(argument) => Ok(argument),
        FnArg::Receiver(receiver) => Err(Error::new_spanned(receiver, "no methods")),
    }
}

/// Whether a struct is a boxed Rust value.
pub fn is_abstract(item: &syn::ItemStruct) -> bool {
    is_handle(&item.ident.to_string())
}

/// Whether that is the name of a boxed Rust value.
pub fn is_handle(name: &str) -> bool {
    name.ends_with("Handle")
}

/// The record of a struct with named fields.
pub fn record(item: &syn::ItemStruct, path: Path) -> Result<String> {
    let mut fields = Vec::new();
    let mut all_floats = true;
    for field in &item.fields {
        let Some(name) = &field.ident else {
            return Err(Error::new_spanned(field, "fields must have names"));
        };
        let spelled = ocaml(&field.ty, path)?;
        all_floats &= spelled == "float";
        fields.push(format!("{name} : {spelled}"));
    }
    if all_floats {
        let message = "a record without fields, or of floats only, is laid out differently";
        return Err(Error::new_spanned(&item.ident, message));
    }
    Ok(format!("{{ {} }}", fields.join("; ")))
}

/// The variant of an enum.
pub fn variant(item: &syn::ItemEnum, path: Path) -> Result<String> {
    let mut constructors = Vec::new();
    for variant in &item.variants {
        let name = capital(&snake(&variant.ident.to_string()));
        let slots: Vec<_> = (variant.fields.iter())
            .map(|field| ocaml(&field.ty, path))
            .collect::<Result<_>>()?;
        constructors.push(match slots.is_empty() {
            true => name,
            false => format!("{name} of {}", slots.join(" * ")),
        });
    }
    Ok(constructors.join(" | "))
}

/// The module of a type of ours that names none: `FooBarValue` is `Foo_bar`.
pub fn module(name: &str) -> String {
    capital(&type_name(name))
}

/// The name of a type of ours among others of its module: `FooBarValue` is `foo_bar`.
pub fn type_name(name: &str) -> String {
    snake(name.strip_suffix("Value").unwrap_or(name))
}

/// `FooBar` as `foo_bar`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_uppercase());
    first.into_iter().flatten().chain(letters).collect()
}

/// The name of a path's last segment, and its type arguments.
pub fn named(ty: &Type) -> Result<(String, Vec<&Type>)> {
    let refused = || Error::new_spanned(ty, format!("cannot cross: {}", ty.to_token_stream()));
    let Type::Path(path) = ty else {
        return Err(refused());
    };
    let segment = path.path.segments.last().ok_or_else(refused)?;
    let arguments = match &segment.arguments {
        PathArguments::None => Vec::new(),
        PathArguments::AngleBracketed(arguments) => (arguments.args.iter())
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        PathArguments::Parenthesized(_) => return Err(refused()),
    };
    Ok((segment.ident.to_string(), arguments))
}

/// A type in OCaml.
fn ocaml(ty: &Type, path: Path) -> Result<String> {
    let ocaml = |ty: &Type| ocaml(ty, path);
    if let Type::Tuple(types) = ty {
        let types: Vec<_> = types.elems.iter().map(ocaml).collect::<Result<_>>()?;
        return Ok(match types.is_empty() {
            true => "unit".to_string(),
            false => format!("({})", types.join(" * ")),
        });
    }
    let (name, arguments) = named(ty)?;
    Ok(match (name.as_str(), arguments.as_slice()) {
        ("Vec" | "Array", [inner]) => match (ocaml(inner)?.as_str(), name.as_str()) {
            ("float", "Array") => {
                return Err(Error::new_spanned(ty, "an array of floats is unboxed"));
            }
            (inner, "Array") => format!("{inner} array"),
            (inner, _) => format!("{inner} list"),
        },
        ("Option", [inner]) => format!("{} option", ocaml(inner)?),
        ("Result", [ok, error]) => format!("({}, {}) result", ocaml(ok)?, ocaml(error)?),
        ("i64", []) => "int".to_string(),
        ("f64", []) => "float".to_string(),
        ("String", []) => "string".to_string(),
        ("bool", []) => "bool".to_string(),
        ("u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "isize", []) => {
            return Err(Error::new_spanned(ty, "an OCaml int is an i64"));
        }
        (name, []) => path(name),
        _ => return Err(Error::new_spanned(ty, "cannot cross")),
    })
}
