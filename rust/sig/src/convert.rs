//! Conversions between Rust items and their OCaml twins, by ocaml-interop's macros.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Result, Type};

use crate::arguments::Arguments;
use crate::spell::{self, is_handle, named};

/// Conversions of a struct.
pub fn record(item: &syn::ItemStruct) -> Result<TokenStream> {
    spell::record(item, &spell::module)?;
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

/// Conversions of a Rust value that OCaml holds in a box, and which is cheap to clone.
pub fn boxed(item: &syn::ItemStruct) -> TokenStream {
    let name = &item.ident;
    quote! {
        // SAFETY: the value is boxed as what the type says.
        unsafe impl ::ocaml_interop::ToOCaml<::ocaml_interop::DynBox<#name>> for #name {
            fn to_ocaml<'a>(
                &self,
                cr: &'a mut ::ocaml_interop::OCamlRuntime,
            ) -> ::ocaml_interop::OCaml<'a, ::ocaml_interop::DynBox<#name>> {
                ::ocaml_interop::OCaml::box_value(cr, self.clone())
            }
        }

        // SAFETY: what is borrowed is what was boxed, and it is cloned before OCaml runs again.
        unsafe impl ::ocaml_interop::FromOCaml<::ocaml_interop::DynBox<#name>> for #name {
            fn from_ocaml(
                value: ::ocaml_interop::OCaml<::ocaml_interop::DynBox<#name>>,
            ) -> Self {
                let value: &#name = ::std::borrow::Borrow::borrow(&value);
                value.clone()
            }
        }
    }
}

/// Conversions of an enum.
pub fn variant(arguments: &Arguments, item: &syn::ItemEnum) -> Result<TokenStream> {
    spell::variant(item, &spell::module)?;
    let name = &item.ident;
    let like = (arguments.of.as_ref()).map(|other| same_members(other, item));
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
        #like
    })
}

/// `From`, both ways, for an enum of the same members.
fn same_members(other: &syn::Expr, item: &syn::ItemEnum) -> TokenStream {
    let name = &item.ident;
    let members: Vec<_> = item.variants.iter().map(|variant| &variant.ident).collect();
    quote! {
        impl From<#other> for #name {
            fn from(value: #other) -> Self {
                match value { #(#other::#members => #name::#members,)* }
            }
        }

        impl From<#name> for #other {
            fn from(value: #name) -> Self {
                match value { #(#name::#members => #other::#members,)* }
            }
        }
    }
}

/// The type by which ocaml-interop knows the OCaml twin of a Rust type.
pub fn marker(ty: &Type) -> Result<TokenStream> {
    if let Type::Tuple(types) = ty {
        let types: Vec<_> = types.elems.iter().map(marker).collect::<Result<_>>()?;
        return Ok(quote!((#(#types),*)));
    }
    let (name, arguments) = named(ty)?;
    let inner: Vec<_> = (arguments.iter())
        .map(|ty| marker(ty))
        .collect::<Result<_>>()?;
    Ok(match (name.as_str(), inner.as_slice()) {
        ("Vec", [inner]) => quote!(::ocaml_interop::OCamlList<#inner>),
        ("Array", [inner]) => quote!(::ocaml_interop::OCamlUniformArray<#inner>),
        ("Option", [inner]) => quote!(Option<#inner>),
        ("Result", [ok, error]) => quote!(Result<#ok, #error>),
        ("i64" | "Size", []) => quote!(::ocaml_interop::OCamlInt),
        ("f64", []) => quote!(::ocaml_interop::OCamlFloat),
        (name, []) if is_handle(name) => quote!(::ocaml_interop::DynBox<#ty>),
        (_, []) => quote!(#ty),
        _ => return Err(Error::new_spanned(ty, "cannot cross")),
    })
}
