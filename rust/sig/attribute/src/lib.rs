//! `#[sig]`: an item that crosses between Rust and OCaml; see `xenopsd-numa-sig`.

use proc_macro::TokenStream;

/// See the crate's documentation.
#[proc_macro_attribute]
pub fn sig(arguments: TokenStream, item: TokenStream) -> TokenStream {
    spelling::expand(arguments.into(), item.into()).into()
}
