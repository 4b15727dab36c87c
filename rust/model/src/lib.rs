//! An executable Xen, as far as memory claims show it: what each call does to the page counters,
//! in virtual time.
//!
//! [`Xen`] is one state machine for every kind of Xen; what differs between them is data
//! ([`Flavour`]). [`Model`] is a [`Xen`] behind a lock, a [`claims::Hypervisor`] and a few blocking
//! helpers.
#![forbid(unsafe_code)]

mod builder;
mod flavour;
mod model;
mod xen;

pub use builder::Builder;
pub use flavour::{Consume, Flavour, NodeClaims, SetRules};
pub use model::Model;
pub use xen::{
    Crash, Entry, Extent, Finding, FreeBlocks, Kind, NodeReading, Reading, Sizes, Target, Timing,
    Violation, Xen, MAX_EXTENT_PAGES, MAX_NODE_PAGES, MAX_ORDER,
};
