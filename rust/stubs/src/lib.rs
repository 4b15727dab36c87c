//! The core as OCaml sees it: exports with their signatures, conversions, and nothing else.
//!
//! Every export answers with a value; a panic becomes `Internal`. What may block releases the
//! OCaml runtime lock while it runs.

mod abi;
mod convert;
mod failure;
mod planning;
mod protocol;
