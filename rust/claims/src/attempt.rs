//! Which placement something belongs to: of which handle, and which attempt at its domain.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::hypervisor::Domid;

/// A number that no other attempt in this process has, and no handle; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(u64);

impl Number {
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Number(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// An attempt to place a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub handle: Number,
    pub number: Number,
    pub domid: Domid,
}
