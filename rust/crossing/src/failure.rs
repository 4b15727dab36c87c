//! Failures as values, panics included. Their sentences are those of the crates behind.

use std::sync::atomic::{AtomicI64, Ordering};

use claims::Error;
use planner::Invalid;

use crate::convert::{domid_value, domids_value, refusal_value};
use crate::size::Size;
use crate::values::{
    BusyValue, CallValue, CauseValue, ErrorValue, FailureValue, HostFullValue, InvalidValue,
    RefusedValue, TooLateValue,
};

static PANICS: AtomicI64 = AtomicI64::new(0);

/// How many panics were caught since the program started.
pub fn panics() -> i64 {
    PANICS.load(Ordering::Relaxed)
}

/// What a panic said.
pub struct Panic(String);

/// Runs `body`; a panic in it is a failure and is counted.
pub fn guarded<T, E: From<Panic>>(body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    table::caught(body).unwrap_or_else(|message| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        Err(Panic(format!("internal error: {message}; please report it")).into())
    })
}

impl From<Panic> for ErrorValue {
    fn from(Panic(message): Panic) -> Self {
        ErrorValue::Internal(message)
    }
}

impl From<Panic> for FailureValue {
    fn from(Panic(message): Panic) -> Self {
        let cause = CauseValue::Internal;
        FailureValue { message, cause }
    }
}

impl From<Invalid> for InvalidValue {
    fn from(invalid: Invalid) -> Self {
        let Invalid {
            field,
            found,
            expected,
        } = invalid;
        InvalidValue {
            field,
            found,
            expected,
        }
    }
}

impl From<Invalid> for ErrorValue {
    fn from(invalid: Invalid) -> Self {
        ErrorValue::Invalid(invalid.into())
    }
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
            } => CauseValue::HostFull(HostFullValue {
                domid: domid_value(domid),
                needed: Size::of_pages(needed_pages),
                available: Size::of_pages(available_pages),
                waited_seconds: waited.as_secs_f64(),
            }),
            Error::Refused { domid, refusal } => CauseValue::Refused(RefusedValue {
                domid: domid_value(domid),
                refusal: refusal_value(&refusal),
            }),
            Error::Call {
                source,
                domid,
                doing,
            } => CauseValue::Call(CallValue {
                call: source.call.to_string(),
                errno: source.errno.to_string(),
                domid: domid.map(domid_value),
                doing,
            }),
            Error::MustDestroy { domid, why: _ } => CauseValue::MustDestroy(domid_value(domid)),
            Error::Cancelled { domid } => CauseValue::Cancelled(domid_value(domid)),
            Error::Conflict { domid, why: _ } => CauseValue::Conflict(domid_value(domid)),
            Error::TooLate {
                domid,
                asked_pages,
                outstanding_pages,
            } => CauseValue::TooLate(TooLateValue {
                domid: domid_value(domid),
                asked: Size::of_pages(asked_pages),
                outstanding: Size::of_pages(outstanding_pages),
            }),
            Error::Busy {
                domid,
                builds,
                waiters,
                why: _,
                waited: _,
            } => CauseValue::Busy(BusyValue {
                domid: domid_value(domid),
                builds: domids_value(&builds),
                waiters: domids_value(&waiters),
            }),
            Error::Invalid(invalid) => CauseValue::Invalid(invalid.into()),
        }
    }
}
