//! `#[sig("…")]`: the OCaml signature of a Rust item, checked against the item.
//!
//! ocaml-build reads the attribute's text and writes the OCaml declaration from it, without a look
//! at the Rust types; ocaml-interop converts by Rust types that say nothing of OCaml's. This
//! attribute makes the two agree or the build fail, and derives the conversions:
//!
//! - on a `fn`, the text is the type of the external;
//! - on a `struct` with named fields, the text is the record, and conversions both ways are made;
//! - on an `enum`, the text is the variant, and conversions both ways are made;
//! - without text, on a `struct`, the type is abstract in OCaml (a boxed Rust value).
//!
//! The text has one spelling for each Rust type: `i64` is `int`, `f64` `float`, `Vec<T>`
//! `t array`, `Option<T>` `t option`, `(A, B)` `(a * b)`, a type `FooBar` of our own `foo_bar`.

mod derive;
mod spell;

use proc_macro::TokenStream;
use quote::quote;

/// See the crate's documentation.
#[proc_macro_attribute]
pub fn sig(text: TokenStream, item: TokenStream) -> TokenStream {
    let tokens = proc_macro2::TokenStream::from(item);
    let text = if text.is_empty() {
        None
    } else {
        match syn::parse::<syn::LitStr>(text) {
            Ok(text) => Some(text),
            Err(error) => return error.to_compile_error().into(),
        }
    };
    let checked = syn::parse2(tokens.clone()).and_then(|item| checked(text, &item));
    match checked {
        Ok(derived) => quote!(#tokens #derived).into(),
        Err(error) => {
            let error = error.to_compile_error();
            quote!(#tokens #error).into()
        }
    }
}

/// What is to stand beside `item`, if `text` is its signature.
fn checked(text: Option<syn::LitStr>, item: &syn::Item) -> syn::Result<proc_macro2::TokenStream> {
    let Some(text) = text else {
        return match item {
            syn::Item::Struct(_) => Ok(quote!()),
            item => Err(syn::Error::new_spanned(item, "a signature is missing")),
        };
    };
    let (spelled, derived) = match item {
        syn::Item::Fn(item) => (spell::function(&item.sig)?, quote!()),
        syn::Item::Struct(item) => (spell::record(item)?, derive::record(item)?),
        syn::Item::Enum(item) => (spell::variant(item)?, derive::variant(item)?),
        item => {
            return Err(syn::Error::new_spanned(
                item,
                "not a fn, a struct or an enum",
            ))
        }
    };
    match text.value() == spelled {
        true => Ok(derived),
        false => Err(syn::Error::new(
            text.span(),
            format!("the Rust types say: {spelled}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str, item: &str) -> Result<(), String> {
        let text = syn::LitStr::new(text, proc_macro2::Span::call_site());
        let item = syn::parse_str(item).map_err(|error| error.to_string())?;
        checked(Some(text), &item)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn functions() {
        let item = "fn f(cr: &mut OCamlRuntime, a: OCaml<DynBox<HostHandle>>, b: OCaml<OCamlInt>) \
                    -> OCaml<Result<OCamlUniformArray<Option<OCamlInt>>, FailureValue>> {}";
        let right = "host_handle -> int -> (int option array, failure_value) result";
        assert_eq!(verdict(right, item), Ok(()));
        for wrong in [
            "host_handle -> (int option array, failure_value) result",
            "host_handle -> int -> (int array, failure_value) result",
            "host_handle -> float -> (int option array, failure_value) result",
        ] {
            assert_eq!(
                verdict(wrong, item),
                Err(format!("the Rust types say: {right}"))
            );
        }
    }

    #[test]
    fn records() {
        let item =
            "struct S { a_bytes: i64, b: Vec<Option<String>>, c: (bool, f64), d: NodeValue }";
        let right =
            "{ a_bytes : int; b : string option array; c : (bool * float); d : node_value }";
        assert_eq!(verdict(right, item), Ok(()));
        let swapped =
            "{ b : string option array; a_bytes : int; c : (bool * float); d : node_value }";
        assert!(verdict(swapped, item).is_err());
    }

    #[test]
    fn variants() {
        let item = "enum E { Any, BestEffort, Node(i64), Because(String) }";
        let right = "Any | Best_effort | Node of int | Because of string";
        assert_eq!(verdict(right, item), Ok(()));
        assert!(verdict("Best_effort | Any | Node of int | Because of string", item).is_err());
        assert!(verdict("Any | Best_effort | Node | Because of string", item).is_err());
    }

    #[test]
    fn what_cannot_cross() {
        assert!(verdict("{ a : int }", "struct S { a: u32 }").is_err());
        assert!(verdict("{ a : int }", "struct S { a: &'static str }").is_err());
        assert!(verdict("int", "struct S(i64);").is_err());
        // A record of floats only has another layout in OCaml.
        assert!(verdict("{ a : float }", "struct S { a: f64 }").is_err());
        assert!(verdict("{ a : float array }", "struct S { a: Vec<f64> }").is_err());
    }

    #[test]
    fn too_many_arguments() {
        let item = "fn f(cr: &mut OCamlRuntime, a: OCaml<OCamlInt>, b: OCaml<OCamlInt>, \
                    c: OCaml<OCamlInt>, d: OCaml<OCamlInt>, e: OCaml<OCamlInt>) -> OCaml<()> {}";
        let error = verdict("int -> int -> int -> int -> int -> unit", item);
        assert!(error.is_err_and(|error| error.contains("at most 4")));
    }
}
