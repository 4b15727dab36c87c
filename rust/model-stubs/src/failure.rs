//! Failures as values, panics included.

use claims::{Domid, Errno, Error};
use crossing::CallValue;
use planner::Invalid;
use simulator::PlayError;
use table::caught;

use crate::abi::FailureValue;

/// Runs `body`; a panic in it is a failure.
pub fn guarded<T>(body: impl FnOnce() -> Result<T, FailureValue>) -> Result<T, FailureValue> {
    caught(body).unwrap_or_else(|message| Err(FailureValue::Internal(message)))
}

/// A call of the model that failed.
pub fn refused(
    call: &str,
    domid: Option<Domid>,
    doing: impl Into<String>,
) -> impl FnOnce(Errno) -> FailureValue {
    let (call, doing) = (call.to_string(), doing.into());
    move |errno| {
        FailureValue::Call(CallValue {
            call,
            errno: errno.to_string(),
            call_domid: domid.map(crossing::domid_value),
            doing,
        })
    }
}

impl From<Invalid> for FailureValue {
    fn from(invalid: Invalid) -> Self {
        FailureValue::Invalid(invalid.into())
    }
}

impl From<PlayError> for FailureValue {
    fn from(error: PlayError) -> Self {
        match error {
            PlayError::Invalid(invalid) | PlayError::Protocol(Error::Invalid(invalid)) => {
                invalid.into()
            }
            PlayError::Protocol(Error::Call {
                source,
                domid,
                doing,
            }) => refused(source.call, domid, doing)(source.errno),
            // A text was read before, and opening the protocol places nothing.
            PlayError::Syntax { .. }
            | PlayError::Protocol(
                Error::HostFull { .. }
                | Error::Refused { .. }
                | Error::MustDestroy { .. }
                | Error::Cancelled { .. }
                | Error::TooLate { .. }
                | Error::Busy { .. },
            ) => FailureValue::Internal(error.to_string()),
        }
    }
}
