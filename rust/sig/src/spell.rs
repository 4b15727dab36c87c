//! How a Rust type is written in OCaml.

use quote::ToTokens;
use syn::{Error, FnArg, GenericArgument, PathArguments, Result, ReturnType, Type};

/// ocaml-build takes an external of more than this many arguments for one with a bytecode twin.
const MAX_ARGUMENTS: usize = 4;

/// The type of an exported function, its runtime argument left out.
pub fn function(signature: &syn::Signature) -> Result<String> {
    let mut types = Vec::new();
    for input in signature.inputs.iter().skip(1) {
        match input {
            FnArg::Typed(argument) => types.push(ocaml(&argument.ty)?),
            FnArg::Receiver(receiver) => return Err(Error::new_spanned(receiver, "no methods")),
        }
    }
    if types.len() > MAX_ARGUMENTS {
        let message = format!("at most {MAX_ARGUMENTS} arguments: bytecode calls others otherwise");
        return Err(Error::new_spanned(&signature.inputs, message));
    }
    types.push(match &signature.output {
        ReturnType::Default => "unit".to_string(),
        ReturnType::Type(_, result) => ocaml(result)?,
    });
    Ok(types.join(" -> "))
}

/// The record of a struct with named fields.
pub fn record(item: &syn::ItemStruct) -> Result<String> {
    let mut fields = Vec::new();
    let mut all_floats = true;
    for field in &item.fields {
        let Some(name) = &field.ident else {
            return Err(Error::new_spanned(field, "fields must have names"));
        };
        let spelled = crossing(&field.ty)?;
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
pub fn variant(item: &syn::ItemEnum) -> Result<String> {
    let mut constructors = Vec::new();
    for variant in &item.variants {
        let name = constructor(&variant.ident.to_string());
        let slots: Vec<_> = (variant.fields.iter())
            .map(|field| crossing(&field.ty))
            .collect::<Result<_>>()?;
        constructors.push(match slots.is_empty() {
            true => name,
            false => format!("{name} of {}", slots.join(" * ")),
        });
    }
    Ok(constructors.join(" | "))
}

/// `FooBar` as the name of a type: `foo_bar`.
pub fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// `FooBar` as the name of a constructor: `Foo_bar`.
fn constructor(name: &str) -> String {
    let snake = snake(name);
    let mut letters = snake.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => snake,
    }
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

fn tuple(types: impl Iterator<Item = Result<String>>) -> Result<String> {
    let types: Vec<_> = types.collect::<Result<_>>()?;
    match types.is_empty() {
        true => Ok("unit".to_string()),
        false => Ok(format!("({})", types.join(" * "))),
    }
}

/// A type as ocaml-interop names OCaml's, such as `OCaml<OCamlInt>`.
fn ocaml(ty: &Type) -> Result<String> {
    if let Type::Tuple(types) = ty {
        return tuple(types.elems.iter().map(ocaml));
    }
    let (name, arguments) = named(ty)?;
    Ok(match (name.as_str(), arguments.as_slice()) {
        ("OCaml" | "DynBox", [inner]) => ocaml(inner)?,
        ("OCamlUniformArray", [inner]) => format!("{} array", ocaml(inner)?),
        ("Option", [inner]) => format!("{} option", ocaml(inner)?),
        ("Result", [ok, error]) => format!("({}, {}) result", ocaml(ok)?, ocaml(error)?),
        ("OCamlInt", []) => "int".to_string(),
        ("OCamlFloat", []) => "float".to_string(),
        ("String", []) => "string".to_string(),
        ("bool", []) => "bool".to_string(),
        ("i64" | "f64" | "isize", []) => {
            return Err(Error::new_spanned(ty, "pass it as OCaml<…>, not unboxed"));
        }
        (name, []) => snake(name),
        _ => return Err(Error::new_spanned(ty, "cannot cross")),
    })
}

/// A type of a field that is converted, such as `Vec<i64>`.
fn crossing(ty: &Type) -> Result<String> {
    if let Type::Tuple(types) = ty {
        return tuple(types.elems.iter().map(crossing));
    }
    let (name, arguments) = named(ty)?;
    Ok(match (name.as_str(), arguments.as_slice()) {
        ("Vec", [inner]) => match crossing(inner)?.as_str() {
            "float" => return Err(Error::new_spanned(ty, "an array of floats is unboxed")),
            inner => format!("{inner} array"),
        },
        ("Option", [inner]) => format!("{} option", crossing(inner)?),
        ("i64", []) => "int".to_string(),
        ("f64", []) => "float".to_string(),
        ("String", []) => "string".to_string(),
        ("bool", []) => "bool".to_string(),
        ("u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "isize", []) => {
            return Err(Error::new_spanned(ty, "an OCaml int is an i64"));
        }
        (name, []) => snake(name),
        _ => return Err(Error::new_spanned(ty, "cannot cross")),
    })
}
