//! Why a table is refused.

use crate::abi::ABI_VERSION;

/// Why a table cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// There is none.
    #[error("the table's address is null")]
    Null,
    /// It cannot be one.
    #[error("the table's address {address:#x} is not a multiple of {alignment}")]
    Misaligned {
        /// What was given.
        address: usize,
        /// What it must be a multiple of.
        alignment: usize,
    },
    /// It is laid out in another way.
    #[error("the table has version {found}; this library knows version {ABI_VERSION}")]
    Version {
        /// Its `abi_version`.
        found: u32,
    },
    /// It is shorter than this version is.
    #[error("the table says that it has {found} bytes; it must have at least {expected}")]
    Size {
        /// Its `size`.
        found: u32,
        /// What version [`ABI_VERSION`] has.
        expected: usize,
    },
    /// One of its functions is null.
    #[error("the table has no function {function}")]
    Missing {
        /// Which.
        function: &'static str,
    },
}
