//! Why a scenario cannot be run.

use claims::Error;
use planner::Invalid;

/// A scenario that cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunError {
    /// Its text is not a scenario.
    #[error("line {line}, column {column}: {field}{}{message}", match field.as_str() {
        "" => "",
        _ => ": ",
    })]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// Which value, such as `vms[0].vcpus`.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// A value that cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The protocol could not be opened.
    #[error(transparent)]
    Protocol(#[from] Error),
}
