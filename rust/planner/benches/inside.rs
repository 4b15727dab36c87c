//! How long a plan takes inside Rust: the other half of `tests/bench/crossing.ml`, which makes the
//! same plan from OCaml in the same process, call by call in turn.
//!
//! The functions take and return integers, so that calling them costs next to nothing.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use xenopsd_numa_planner::{
    plan, Host, HostDescription, Limits, NodeDescription, Request, RequestDescription, Strategy,
    TopologyDescription,
};

const CPUS_PER_NODE: u32 = 16;
const NODE_GIB: u64 = 64;

/// The host of the last call and what was asked of it.
struct Case {
    nodes: i64,
    gib: i64,
    host: Host,
    request: Request,
}

static CASE: Mutex<Option<Case>> = Mutex::new(None);

/// Nanoseconds since the first call, by a clock that never goes back.
#[no_mangle]
pub extern "C" fn xenopsd_numa_inside_nanos() -> i64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as i64
}

/// The nanoseconds that one plan takes, of a VM of `gib` on an empty host of `nodes`; -1 if there
/// is no such host or VM, 0 for the call that makes them.
#[no_mangle]
pub extern "C" fn xenopsd_numa_inside_plan(nodes: i64, gib: i64) -> i64 {
    let mut case = CASE.lock().unwrap_or_else(PoisonError::into_inner);
    match &*case {
        Some(case) if case.nodes == nodes && case.gib == gib => {
            let limits = Limits::default();
            let before = xenopsd_numa_inside_nanos();
            let answer = plan(&case.host, &case.request, &limits);
            let taken = xenopsd_numa_inside_nanos() - before;
            std::hint::black_box(answer).map_or(taken, |_| taken)
        }
        Some(_) | None => {
            *case = make(nodes, gib);
            if case.is_some() {
                0
            } else {
                -1
            }
        }
    }
}

fn make(nodes: i64, gib: i64) -> Option<Case> {
    let count = usize::try_from(nodes).ok()?;
    let row = |a: usize| (0..count).map(move |b| Some(if a == b { 10 } else { 21 }));
    let cpus = 0..CPUS_PER_NODE * u32::try_from(nodes).ok()?;
    let host = Host::new(&HostDescription {
        topology: TopologyDescription {
            distances: (0..count).map(|a| row(a).collect()).collect(),
            cpu_to_node: cpus.clone().map(|cpu| Some(cpu / CPUS_PER_NODE)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu / 2))).collect(),
            cpu_to_socket: (cpus.map(|cpu| Some(i64::from(cpu / CPUS_PER_NODE)))).collect(),
        },
        nodes: (0..nodes)
            .map(|_| NodeDescription {
                size_bytes: Some(NODE_GIB << 30),
                free_bytes: Some(NODE_GIB << 30),
                claimed_bytes: 0,
            })
            .collect(),
        host_free_bytes: (count as u64 * NODE_GIB) << 30,
        host_outstanding_bytes: 0,
    });
    let host = host.ok()?;
    let memory_bytes = u64::try_from(gib).ok()?.checked_mul(1 << 30)?;
    let description = RequestDescription::new(memory_bytes, 4).with_strategy(Strategy::Balance);
    let request = Request::new(&description, host.topology()).ok()?;
    Some(Case {
        nodes,
        gib,
        host,
        request,
    })
}
