//! Runs checks one after the other, and says of each whether it held, with its figures.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use claims::{CallError, Errno};

/// Why a check did not hold.
#[derive(Debug)]
pub struct Failure(pub String);

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Failure(error.to_string())
    }
}

impl From<claims::Error> for Failure {
    fn from(error: claims::Error) -> Self {
        Failure(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure(error.to_string())
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Failure(text)
    }
}

/// What a check found: its figures, if it has any that say something.
pub type Found = Result<String, Failure>;

/// Ends a check that does not hold.
macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        let holds: bool = $holds;
        if !holds {
            return Err($crate::report::Failure(format!($($why)+)));
        }
    };
}

pub(crate) use ensure;

/// That Xen refuses, and how.
pub fn refused<T>(what: &str, answer: Result<T, CallError>, errno: Errno) -> Result<(), Failure> {
    match answer {
        Err(error) if error.errno == errno => Ok(()),
        Err(error) => Err(Failure(format!("{what}: {error}, and not {errno}"))),
        Ok(_) => Err(Failure(format!("{what} succeeded"))),
    }
}

/// The text of the last panic: a check may panic in a thread, and some panic on purpose.
static PANIC: Mutex<String> = Mutex::new(String::new());

fn last_panic() -> String {
    (PANIC.lock().unwrap_or_else(PoisonError::into_inner)).clone()
}

/// Keeps what panics say for the check's line.
pub fn keep_panics() {
    std::panic::set_hook(Box::new(|panic| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
}

/// Counts what is reported.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: u32,
    pub failed: u32,
}

impl Report {
    /// Runs a check and prints a line: `ok N - what: figures` or `FAIL N - what: why`.
    pub fn check(&mut self, what: &str, check: impl FnOnce() -> Found) {
        let start = Instant::now();
        let found = catch_unwind(AssertUnwindSafe(check))
            .unwrap_or_else(|_| Err(Failure(last_panic().replace('\n', " "))));
        let seconds = start.elapsed().as_secs_f64();
        let number = self.passed + self.failed + 1;
        match found {
            Ok(figures) => {
                self.passed += 1;
                let colon = if figures.is_empty() { "" } else { ": " };
                println!("ok {number} - {what}{colon}{figures} [{seconds:.1} s]");
            }
            Err(Failure(why)) => {
                self.failed += 1;
                println!("FAIL {number} - {what}: {why} [{seconds:.1} s]");
            }
        }
    }

    /// Says that a check is left out, and why.
    pub fn leave_out(&self, what: &str, why: &str) {
        println!("# left out: {what}: {why}");
    }
}
