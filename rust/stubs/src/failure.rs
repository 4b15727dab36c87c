//! Failures as values, panics included.

use std::sync::atomic::{AtomicI64, Ordering};

use claims::Error;
use crossing::{domid_value, pages_value, CallValue};
use planner::{Invalid, PAGE_BYTES};
use table::caught;

use crate::abi::{BusyValue, FailureValue, HostFullValue};
use crate::convert::refusal_value;

static PANICS: AtomicI64 = AtomicI64::new(0);

/// How many panics were caught since the program started.
pub fn panics() -> i64 {
    PANICS.load(Ordering::Relaxed)
}

/// Runs `body`; a panic in it is a failure and is counted.
pub fn guarded<T>(body: impl FnOnce() -> Result<T, FailureValue>) -> Result<T, FailureValue> {
    caught(body).unwrap_or_else(|message| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        Err(FailureValue::Internal(message))
    })
}

impl From<Invalid> for FailureValue {
    fn from(invalid: Invalid) -> Self {
        FailureValue::Invalid(invalid.into())
    }
}

impl From<Error> for FailureValue {
    fn from(error: Error) -> Self {
        match error {
            Error::HostFull {
                domid,
                needed_pages,
                available_pages,
                waited,
            } => FailureValue::HostFull(HostFullValue {
                full_domid: domid_value(domid),
                needed_bytes: pages_value(needed_pages.saturating_mul(PAGE_BYTES)),
                available_bytes: pages_value(available_pages.saturating_mul(PAGE_BYTES)),
                full_waited_seconds: waited.as_secs_f64(),
            }),
            Error::Refused { domid, refusal } => {
                FailureValue::Refused(domid_value(domid), refusal_value(&refusal))
            }
            Error::Call {
                source,
                domid,
                doing,
            } => FailureValue::Call(CallValue {
                call: source.call.to_string(),
                errno: source.errno.to_string(),
                call_domid: domid.map(domid_value),
                doing,
            }),
            Error::MustDestroy { domid, why } => FailureValue::MustDestroy(domid_value(domid), why),
            Error::Cancelled { domid } => FailureValue::Cancelled(domid_value(domid)),
            Error::TooLate {
                domid,
                asked_pages,
                outstanding_pages,
            } => FailureValue::TooLate(
                domid_value(domid),
                pages_value(asked_pages.saturating_mul(PAGE_BYTES)),
                pages_value(outstanding_pages.saturating_mul(PAGE_BYTES)),
            ),
            Error::Busy {
                domid,
                builds,
                waiters,
                why,
                waited,
            } => FailureValue::Busy(BusyValue {
                busy_domid: domid_value(domid),
                busy_builds: builds.into_iter().map(domid_value).collect(),
                busy_waiters: waiters.into_iter().map(domid_value).collect(),
                why: format!("{why}; waited {} s", waited.as_secs()),
            }),
            Error::Invalid(invalid) => invalid.into(),
        }
    }
}
