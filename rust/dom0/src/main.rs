//! Tests the claim protocol on the running Xen, in its control domain.
//!
//! Prints a line a check, `ok N - what` or `FAIL N - what: why`; lines that begin with `#` are
//! figures. Exit status: 0 all hold, 1 one does not, 2 there is no Xen.
#![forbid(unsafe_code)]

mod builds;
mod calls;
#[path = "../../claims/tests/everywhere/mod.rs"]
mod everywhere;
mod helper;
mod host;
mod killed;
mod landing;
mod operations;
mod place;
mod race;
mod report;
mod site;
mod srat;
mod storm;

use std::process::ExitCode;

use host::Host;
use report::Report;

/// The argument with which everything is done as often as it takes.
const LONG: &str = "--long";

fn main() -> ExitCode {
    let host = match Host::open() {
        Ok(host) => host,
        Err(failure) => {
            println!("FAIL 1 - there is a Xen: {}", failure.0);
            return ExitCode::from(2);
        }
    };
    let mode = std::env::args().nth(1);
    let other = match mode.as_deref() {
        Some(killed::VICTIM) => Some(killed::victim(&host)),
        Some(helper::HELPER) => Some(helper::serve(&host)),
        Some(_) | None => None,
    };
    if let Some(ending) = other {
        return match ending {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                println!("{}", failure.0);
                ExitCode::FAILURE
            }
        };
    }
    report::keep_panics();
    let mut report = Report::default();
    println!("# kinds of domains: {:?}", host.kinds);
    let long = std::env::args().any(|argument| argument == LONG);
    calls::run(&host, &mut report, long);
    builds::run(&host, &mut report);
    site::run(&host, &mut report);
    storm::run(&host, &mut report);
    report.check("random operations keep the counters", || {
        operations::keep_the_counters(&host, 1, if long { 2_000 } else { 300 })
    });
    if host.nodes_with_memory().is_ok_and(|nodes| nodes.len() > 1) {
        report.check("two placements at once do not meet on a node", || {
            race::for_a_node(&host)
        });
    }
    report.check("of two processes one gets the host", || {
        race::for_the_host(&host)
    });
    report.check("a placement waits for memory that is given back", || {
        storm::giving_back(&host)
    });
    report.check(
        "claims of a toolstack that was killed are found and released",
        || killed::check(&host),
    );
    landing::run(&host, &mut report, long);
    println!("# {} hold, {} do not", report.passed, report.failed);
    match report.failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
