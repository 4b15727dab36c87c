//! The Xen that this process runs on, as a [`claims::Hypervisor`] over libxenctrl.
//!
//! A static library of its own, because xenctrl-sys, and so whatever contains it, is
//! GPL-3.0-only. OCaml, or any C program, gets a table of functions from
//! [`xenopsd_numa_xenctrl_open`](export::xenopsd_numa_xenctrl_open) and hands it to the core.

mod accounting;
mod declared;
pub mod export;
mod handle;
mod layout;
mod numa;
mod toolstack;
mod xen;

pub use declared::DECLARED;
pub use handle::OpenError;
pub use toolstack::{Capabilities, DomainKind, From};
pub use xen::Xen;
