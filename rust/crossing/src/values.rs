//! The values that cross from more than one library: records and variants, the same on both sides.
#![allow(missing_docs, reason = "what they mirror has the documentation")]

use sig::sig;

use crate::size::{Array, Size};

/// See `planner::Named`.
#[sig]
pub struct NamedValue {
    pub name: String,
    pub about: String,
}

/// A value that cannot be.
#[sig]
pub struct InvalidValue {
    pub field: String,
    pub found: String,
    pub expected: String,
}

/// See `planner::Refusal`.
#[sig]
pub struct RefusalValue {
    pub reason: NamedValue,
    pub short_by_bytes: i64,
    pub short_by_cpus: i64,
    pub short_by_cores: i64,
    pub nearest: Vec<i64>,
}

/// What can go wrong in planning.
#[sig]
pub enum ErrorValue {
    Invalid(InvalidValue),
    Internal(String),
}

/// See `claims::Error::HostFull`.
#[sig(module = Failure)]
pub struct HostFullValue {
    pub domid: i64,
    pub needed: Size,
    pub available: Size,
    pub waited_seconds: f64,
}

/// See `claims::Error::Refused`.
#[sig(module = Failure)]
pub struct RefusedValue {
    pub domid: i64,
    pub refusal: RefusalValue,
}

/// See `claims::Error::Call`.
#[sig(module = Failure)]
pub struct CallValue {
    pub call: String,
    pub errno: String,
    pub domid: Option<i64>,
    pub doing: String,
}

/// See `claims::Error::TooLate`.
#[sig(module = Failure)]
pub struct TooLateValue {
    pub domid: i64,
    pub asked: Size,
    pub outstanding: Size,
}

/// See `claims::Error::Busy`.
#[sig(module = Failure)]
pub struct BusyValue {
    pub domid: i64,
    pub builds: Vec<i64>,
    pub waiters: Vec<i64>,
}

/// See `claims::Error`: what a caller may match on.
#[sig(module = Failure)]
pub enum CauseValue {
    Invalid(InvalidValue),
    Conflict(i64),
    HostFull(HostFullValue),
    Refused(RefusedValue),
    Call(CallValue),
    MustDestroy(i64),
    Cancelled(i64),
    TooLate(TooLateValue),
    Busy(BusyValue),
    Internal,
}

/// Everything that can go wrong: a sentence, and its facts.
#[sig(module = Failure)]
pub struct FailureValue {
    pub message: String,
    pub cause: CauseValue,
}

/// See `planner::Strategy`.
#[sig(of = planner::Strategy, module = Request)]
#[derive(Clone, Copy)]
pub enum StrategyValue {
    Pack,
    Spread,
    Balance,
}

/// See `planner::HostDescription`.
#[sig]
pub struct HostValue {
    pub distances: Array<Array<Option<i64>>>,
    pub cpu_to_node: Array<Option<i64>>,
    pub cpu_to_core: Array<Option<i64>>,
    pub cpu_to_socket: Array<Option<i64>>,
    pub size_bytes: Array<Option<i64>>,
    pub free_bytes: Array<Option<i64>>,
    pub claimed_bytes: Array<i64>,
    pub host_free_bytes: i64,
    pub host_outstanding_bytes: i64,
}
