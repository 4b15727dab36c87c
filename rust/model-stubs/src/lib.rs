//! The modelled Xen and the simulator as OCaml sees them: exports with their signatures,
//! conversions, and nothing else.
//!
//! Every export answers with a value; a panic becomes `Internal`. What may take long releases the
//! OCaml runtime lock while it runs. A program may have the core's library beside this one: no
//! Rust value goes from one to the other, but plain data, and a hypervisor as its C table.
#![allow(
    clippy::result_large_err,
    reason = "a failure is converted, and not passed on"
)]

mod abi;
mod convert;
mod model;
mod scenarios;
