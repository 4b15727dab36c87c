//! Why nothing could be measured.

use planner::{Invalid, Refusal};

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A host of the comparison is none.
    #[error("a host: {0}")]
    Host(#[from] Invalid),
    /// The planner found no place though the host has the memory.
    #[error("the planner: {0}")]
    Refused(Refusal),
    /// A row was not finished.
    #[error("a row panicked")]
    Panicked,
    /// A rule that bars are about is not in the table.
    #[error("no rule {0}")]
    NoRule(&'static str),
    /// The page could not be put together.
    #[error("the page: {0}")]
    Page(#[from] std::fmt::Error),
    /// The page could not be written.
    #[error("what was measured: {0}")]
    File(#[from] std::io::Error),
}
