//! What stands in the brackets of `#[sig(…)]`.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Meta, Result, Token};

/// The names of those that any item takes.
const ALL: [&str; 3] = ["held", "of", "module"];

/// When the runtime lock is held.
#[derive(Default)]
pub enum Held {
    #[default]
    Never,
    Always,
    If(Expr),
}

/// The arguments of the attribute.
#[derive(Default)]
pub struct Arguments {
    pub held: Held,
    /// The enum whose members an enum has.
    pub of: Option<Expr>,
    /// The OCaml module of a type.
    pub module: Option<String>,
}

impl Arguments {
    /// Those of these tokens, of which the item takes the ones with these names.
    pub fn of(taken: &[&str], tokens: TokenStream) -> Result<Self> {
        let mut arguments = Arguments::default();
        let all = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens)?;
        for one in all {
            if !taken.iter().any(|name| one.path().is_ident(name)) {
                let message = format!("expected {}", taken.join(" or "));
                return Err(Error::new_spanned(one, message));
            }
            match one {
                Meta::Path(path) if path.is_ident("held") => arguments.held = Held::Always,
                Meta::NameValue(pair) if pair.path.is_ident("held") => {
                    arguments.held = Held::If(pair.value);
                }
                Meta::NameValue(pair) if pair.path.is_ident("of") => {
                    arguments.of = Some(pair.value);
                }
                Meta::NameValue(pair) if pair.path.is_ident("module") => {
                    let module = quote::ToTokens::to_token_stream(&pair.value);
                    arguments.module = Some(module.to_string());
                }
                other => {
                    let message = "expected held, held = …, of = … or module = …";
                    return Err(Error::new_spanned(other, message));
                }
            }
        }
        Ok(arguments)
    }

    /// Those of an item's `#[sig]`, if it has one.
    pub fn of_item(attributes: &[syn::Attribute]) -> Result<Option<Self>> {
        let Some(attribute) = attributes.iter().find(|one| one.path().is_ident("sig")) else {
            return Ok(None);
        };
        match &attribute.meta {
            Meta::List(list) => Arguments::of(&ALL, list.tokens.clone()).map(Some),
            Meta::Path(_) | Meta::NameValue(_) => Ok(Some(Arguments::default())),
        }
    }
}
