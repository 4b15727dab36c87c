//! The protocol on the modelled Xen.

mod bench;
mod calls;
mod errnos;
mod waiting;
