//! What every library of stubs needs: the values that cross from several of them, failures with
//! panics among them, and checks.
#![allow(
    clippy::result_large_err,
    reason = "a failure is converted, and not passed on"
)]

mod convert;
mod failure;
mod size;
mod values;

pub use convert::{
    bytes, bytes_value, checked, domid, domid_value, domids_value, host, list_value, named_value,
    nodes_value, pages_value, refusal_value,
};
pub use failure::{guarded, panics, Panic};
pub use size::{Array, Size};
pub use values::{
    BusyValue, CallValue, CauseValue, ErrorValue, FailureValue, HostFullValue, HostValue,
    InvalidValue, NamedValue, RefusalValue, RefusedValue, StrategyValue, TooLateValue,
};
