//! Failures as values, panics included. Their sentences are those of the crates behind.

use std::sync::atomic::{AtomicI64, Ordering};

use claims::Error;
use planner::Invalid;
use table::caught;

use crate::abi::{CauseValue, FailureValue, InvalidValue};
use crate::convert::{bytes_value, domid_value, domids_value, refusal_value};

static PANICS: AtomicI64 = AtomicI64::new(0);

/// How many panics were caught since the program started.
pub fn panics() -> i64 {
    PANICS.load(Ordering::Relaxed)
}

/// Runs `body`; a panic in it is a failure and is counted.
pub fn guarded<T>(body: impl FnOnce() -> Result<T, FailureValue>) -> Result<T, FailureValue> {
    caught(body).unwrap_or_else(|message| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        Err(FailureValue {
            message: format!("internal error: {message}; please report it"),
            cause: CauseValue::Internal,
        })
    })
}

impl From<Invalid> for FailureValue {
    fn from(invalid: Invalid) -> Self {
        Error::Invalid(invalid).into()
    }
}

impl From<Error> for FailureValue {
    fn from(error: Error) -> Self {
        FailureValue {
            message: error.to_string(),
            cause: error.into(),
        }
    }
}

impl From<Error> for CauseValue {
    fn from(error: Error) -> Self {
        match error {
            Error::HostFull {
                domid,
                needed_pages,
                available_pages,
                waited,
            } => CauseValue::HostFull(
                domid_value(domid),
                bytes_value(needed_pages),
                bytes_value(available_pages),
                waited.as_secs_f64(),
            ),
            Error::Refused { domid, refusal } => {
                CauseValue::Refused(domid_value(domid), refusal_value(&refusal))
            }
            Error::Call {
                source,
                domid,
                doing,
            } => CauseValue::Call(
                source.call.to_string(),
                source.errno.to_string(),
                domid.map(domid_value),
                doing,
            ),
            Error::MustDestroy { domid, why: _ } => CauseValue::MustDestroy(domid_value(domid)),
            Error::Cancelled { domid } => CauseValue::Cancelled(domid_value(domid)),
            Error::Conflict { domid, why: _ } => CauseValue::Conflict(domid_value(domid)),
            Error::TooLate {
                domid,
                asked_pages,
                outstanding_pages,
            } => CauseValue::TooLate(
                domid_value(domid),
                bytes_value(asked_pages),
                bytes_value(outstanding_pages),
            ),
            Error::Busy {
                domid,
                builds,
                waiters,
                why: _,
                waited: _,
            } => CauseValue::Busy(
                domid_value(domid),
                domids_value(&builds),
                domids_value(&waiters),
            ),
            Error::Invalid(Invalid {
                field,
                found,
                expected,
            }) => CauseValue::Invalid(InvalidValue {
                field,
                found,
                expected,
            }),
        }
    }
}
