//! The core as OCaml sees it: exports, the values that cross, conversions, and nothing else.
//!
//! Every export answers with a value; a panic becomes `Internal`. What may block releases the
//! OCaml runtime lock while it runs.
#![allow(
    clippy::result_large_err,
    reason = "a failure is converted, and not passed on"
)]

mod abi;
mod convert;
mod planning;
mod protocol;
