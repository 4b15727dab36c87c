//! The values that cross from more than one library: plain records and variants, the same on both
//! sides. Sizes are in bytes.

use sig::sig;

/// A value that cannot be: `planner::Invalid`.
#[sig("{ field : string; found : string; expected : string }")]
pub struct InvalidValue {
    /// Its path.
    pub field: String,
    /// What it is.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

/// See `claims::Error::Call`.
#[sig("{ call : string; errno : string; call_domid : int option; doing : string }")]
pub struct CallValue {
    /// As in libxenctrl.
    pub call: String,
    /// By name.
    pub errno: String,
    /// The domain, if it was about one.
    pub call_domid: Option<i64>,
    /// What was attempted, with its figures.
    pub doing: String,
}

/// See `planner::Strategy`.
#[sig("Pack | Spread | Balance")]
#[derive(Clone, Copy)]
pub enum StrategyValue {
    /// The set that the VM fills best.
    Pack,
    /// The one that is least used.
    Spread,
    /// The one that ends the fewest large holes.
    Balance,
}

/// See `planner::HostDescription`.
#[sig("{ distances : int option array array; cpu_to_node : int option array; cpu_to_core : int option array; cpu_to_socket : int option array; size_bytes : int option array; free_bytes : int option array; claimed_bytes : int array; host_free_bytes : int; host_outstanding_bytes : int }")]
pub struct HostValue {
    /// From each node to each; none: unreachable.
    pub distances: Vec<Vec<Option<i64>>>,
    /// The node of each CPU, if it is known.
    pub cpu_to_node: Vec<Option<i64>>,
    /// Its core.
    pub cpu_to_core: Vec<Option<i64>>,
    /// Its socket.
    pub cpu_to_socket: Vec<Option<i64>>,
    /// The span of each node; none: offline.
    pub size_bytes: Vec<Option<i64>>,
    /// What is free of it.
    pub free_bytes: Vec<Option<i64>>,
    /// What is claimed on it.
    pub claimed_bytes: Vec<i64>,
    /// What is free of the host.
    pub host_free_bytes: i64,
    /// What claims of any kind hold.
    pub host_outstanding_bytes: i64,
}
