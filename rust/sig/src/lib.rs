//! How Rust items cross to OCaml, from the Rust types alone.
//!
//! The attribute `#[sig]` marks what crosses, and [`expand`] makes the Rust half of it:
//!
//! - a `struct` with named fields is a record, an `enum` a variant: conversions both ways. With
//!   `#[sig(of = path::Enum)]` an `enum` also has `From`, both ways, from and to one without data
//!   that has the same members;
//! - a `struct XHandle(…)` is abstract in OCaml: a boxed Rust value;
//! - a `fn` is exported as `xenopsd_numa_` and its name. It runs without OCaml's runtime lock;
//!   with `#[sig(held)]` the lock is held, with `#[sig(held = …)]` if the expression, over the
//!   arguments, is true. A panic is the failure that `crossing::guarded` makes of it, where
//!   the function can fail with a `FailureValue` or an `ErrorValue`.
//!
//! [`raw_ml`] makes the OCaml half: an external for each function, and for each type a module,
//! named after it and without `Value`, whose type is `t`. With `#[sig(module = M)]` a type is one
//! of the module `M`, under its own name without `Value` or `Handle`, or as `t` if that is the
//! module's.
//!
//! | Rust | OCaml |
//! |---|---|
//! | `i64`, `f64`, `bool`, `String` | `int`, `float`, `bool`, `string` |
//! | `Size` | `Size.t` |
//! | `Vec<T>`, `Array<T>` | `t list`, `t array` |
//! | `Option<T>`, `(A, B)` | `t option`, `(a * b)` |
//! | `FooBar`, `FooBarValue` | `Foo_bar.t` |

mod arguments;
mod convert;
mod export;
mod raw;
mod spell;

use proc_macro2::TokenStream;
use quote::quote;

use crate::arguments::Arguments;

pub use raw::raw_ml;

/// The item with what `#[sig(arguments)]` adds to it, or a compile error beside it.
pub fn expand(arguments: TokenStream, tokens: TokenStream) -> TokenStream {
    let added = syn::parse2(tokens.clone()).and_then(|item| added(arguments, &item));
    let added = added.unwrap_or_else(|error| error.to_compile_error());
    quote!(#tokens #added)
}

fn added(arguments: TokenStream, item: &syn::Item) -> syn::Result<TokenStream> {
    let only = |taken: &[&str]| Arguments::of(taken, arguments);
    match item {
        syn::Item::Fn(item) => export::function(&only(&["held"])?, item),
        syn::Item::Struct(item) => {
            only(&["module"])?;
            match spell::is_abstract(item) {
                true => Ok(convert::boxed(item)),
                false => convert::record(item),
            }
        }
        syn::Item::Enum(item) => convert::variant(&only(&["of", "module"])?, item),
        item => Err(syn::Error::new_spanned(
            item,
            "not a fn, a struct or an enum",
        )),
    }
}
