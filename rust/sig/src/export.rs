//! Functions that OCaml calls.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Result, ReturnType, Type};

use crate::arguments::{Arguments, Held};
use crate::convert::marker;
use crate::spell::{self, argument, named};

/// What stands before the name of every exported function.
pub const PREFIX: &str = "xenopsd_numa_";

/// The export that calls the function.
pub fn function(arguments: &Arguments, item: &syn::ItemFn) -> Result<TokenStream> {
    spell::function(&item.sig, &spell::module)?;
    let name = &item.sig.ident;
    let exported = format_ident!("{PREFIX}{name}");
    let (mut inputs, mut conversions, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (i, input) in item.sig.inputs.iter().enumerate() {
        let ty = &argument(input)?.ty;
        let (slot, marker) = (format_ident!("slot_{i}"), marker(ty)?);
        inputs.push(quote!(#slot: ::ocaml_interop::OCaml<#marker>));
        conversions.push(quote!(let #slot: #ty = #slot.to_rust();));
        names.push((argument(input)?.pat.clone(), slot));
    }
    if inputs.is_empty() {
        inputs.push(quote!(_unit: ::ocaml_interop::OCaml<()>));
    }
    let slots: Vec<_> = names.iter().map(|(_, slot)| slot).collect();
    let (result, can_fail) = answer(&item.sig.output)?;
    let call = match can_fail {
        true => quote!(move || ::crossing::guarded(move || #name(#(#slots),*))),
        false => quote!(move || #name(#(#slots),*)),
    };
    let called = match &arguments.held {
        Held::Never => quote!(cr.releasing_runtime(#call)),
        Held::Always => quote!((#call)()),
        Held::If(condition) => {
            let (patterns, slots): (Vec<_>, Vec<_>) = names.iter().cloned().unzip();
            quote! {{
                let held = { #(#[allow(unused_variables)] let #patterns = &#slots;)* #condition };
                if held { (#call)() } else { cr.releasing_runtime(#call) }
            }}
        }
    };
    Ok(quote! {
        #[doc = "The export."]
        #[::ocaml_interop::export]
        pub fn #exported(
            cr: &mut ::ocaml_interop::OCamlRuntime,
            #(#inputs),*
        ) -> ::ocaml_interop::OCaml<#result> {
            #(#conversions)*
            let result = #called;
            ::ocaml_interop::ToOCaml::to_ocaml(&result, cr)
        }
    })
}

/// The type of an answer in OCaml, and whether it can be a failure.
fn answer(output: &ReturnType) -> Result<(TokenStream, bool)> {
    let ReturnType::Type(_, ty) = output else {
        return Ok((quote!(()), false));
    };
    let name = |ty: &Type| named(ty).map_or(String::new(), |(name, _)| name);
    let can_fail = match named(ty) {
        Ok((result, arguments)) if result == "Result" => {
            let error = arguments.last().map(|error| name(error));
            error.is_some_and(|error| error == "FailureValue" || error == "ErrorValue")
        }
        Ok(_) | Err(_) => false,
    };
    Ok((marker(ty)?, can_fail))
}
