//! Conversions between a Rust struct or enum and its OCaml twin, by ocaml-interop's macros.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Result, Type};

use crate::spell::named;

/// Conversions of a struct.
pub fn record(item: &syn::ItemStruct) -> Result<TokenStream> {
    let name = &item.ident;
    let mut fields = Vec::new();
    for field in &item.fields {
        let field_name = &field.ident;
        let marker = marker(&field.ty)?;
        fields.push(quote!(#field_name: #marker));
    }
    Ok(quote! {
        ::ocaml_interop::impl_conv_ocaml_record! { #name { #(#fields),* } }
    })
}

/// Conversions of an enum.
pub fn variant(item: &syn::ItemEnum) -> Result<TokenStream> {
    let name = &item.ident;
    let mut constructors = Vec::new();
    for variant in &item.variants {
        let constructor = &variant.ident;
        let mut slots = Vec::new();
        for (i, field) in variant.fields.iter().enumerate() {
            let slot = format_ident!("slot_{i}");
            let marker = marker(&field.ty)?;
            slots.push(quote!(#slot: #marker));
        }
        constructors.push(match slots.is_empty() {
            true => quote!(#name::#constructor),
            false => quote!(#name::#constructor(#(#slots),*)),
        });
    }
    Ok(quote! {
        ::ocaml_interop::impl_conv_ocaml_variant! { #name { #(#constructors),* } }
    })
}

/// The type by which ocaml-interop knows the OCaml twin of a Rust type.
fn marker(ty: &Type) -> Result<TokenStream> {
    if let Type::Tuple(types) = ty {
        let markers: Vec<_> = types.elems.iter().map(marker).collect::<Result<_>>()?;
        return Ok(quote!((#(#markers),*)));
    }
    let (name, arguments) = named(ty)?;
    Ok(match (name.as_str(), arguments.as_slice()) {
        ("Vec", [inner]) => {
            let inner = marker(inner)?;
            quote!(::ocaml_interop::OCamlUniformArray<#inner>)
        }
        ("Option", [inner]) => {
            let inner = marker(inner)?;
            quote!(Option<#inner>)
        }
        ("i64", []) => quote!(::ocaml_interop::OCamlInt),
        ("f64", []) => quote!(::ocaml_interop::OCamlFloat),
        (_, []) => quote!(#ty),
        _ => return Err(Error::new_spanned(ty, "cannot cross")),
    })
}
