//! Tests the claim protocol on the running Xen, in its control domain.
//!
//! Prints a line a check, `ok N - what` or `FAIL N - what: why`; lines that begin with `#` are
//! figures. Exit status: 0 all hold, 1 one does not, 2 there is no Xen.
#![forbid(unsafe_code)]

mod backend;
mod builds;
mod busy;
mod calls;
mod cases;
mod crash;
mod differential;
mod draw;
mod dying;
mod fake_libxenctrl;
mod followed;
mod following;
mod gib;
mod helper;
mod host;
mod killed;
mod landing;
mod layout;
mod modelled;
mod moves;
mod node_claims;
mod operations;
mod place;
mod race;
mod report;
mod seen;
mod srat;
mod storm;
mod worlds;

use std::process::ExitCode;

use host::Host;
use report::Report;

/// The argument with which everything is done as often as it takes.
const LONG: &str = "--long";

/// The argument for a Xen that is not this machine's, and in this process only: one that is
/// modelled. What needs another process, the firmware or idle CPUs is left out.
const ONE_PROCESS: &str = "--one-process";

/// The argument, before a seed, with which nothing but random operations is done.
const SEED: &str = "--seed";

/// Random operations that are done on the running Xen and on the model.
const OPERATIONS: u32 = 2_000;

fn operations_on_both(host: &Host, report: &mut Report, seed: u64) {
    report.check("random operations are on Xen as on the model", || {
        differential::run(host, seed, OPERATIONS)
    });
}

fn ended(report: &Report) -> ExitCode {
    println!("# {} hold, {} do not", report.passed, report.failed);
    match (report.passed, report.failed) {
        (0, 0) => {
            println!("FAIL - something is checked: all is left out");
            ExitCode::FAILURE
        }
        (_, 0) => ExitCode::SUCCESS,
        (_, _) => ExitCode::FAILURE,
    }
}

fn main() -> ExitCode {
    let one_process = std::env::args().any(|argument| argument == ONE_PROCESS);
    let host = match Host::open(!one_process) {
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
    let seed = std::env::args().nth(2).and_then(|seed| seed.parse().ok());
    if mode.as_deref() == Some(busy::BUSY) {
        busy::measure(&host, &mut report, seed.unwrap_or(1));
        return ended(&report);
    }
    if mode.as_deref() == Some(SEED) {
        operations_on_both(&host, &mut report, seed.unwrap_or(1));
        report.check(
            "a claim for a domain that dies is on Xen as on the model",
            || dying::claim(&host),
        );
        return ended(&report);
    }
    if mode.as_deref() == Some(crash::CRASH) {
        report.check("the host crashes where the model says so", || {
            crash::claim_after_a_node_claim(&host)
        });
        return ended(&report);
    }
    let long = std::env::args().any(|argument| argument == LONG);
    calls::run(&host, &mut report, long);
    builds::run(&host, &mut report);
    backend::run(&host, &mut report);
    storm::run(&host, &mut report);
    operations_on_both(&host, &mut report, 1);
    let of_two = "two placements at once do not meet on a node";
    match host.nodes_with_memory() {
        Ok(nodes) if nodes.len() < 2 => {
            report.leave_out(of_two, "there are no two nodes with memory");
        }
        Ok(_) => report.check(of_two, || race::for_a_node(&host)),
        Err(failure) => report.check("nodes with memory", || Err(failure)),
    }
    report.check("of two processes one gets the host", || {
        race::for_the_host(&host)
    });
    report.check("a placement waits for memory that is given back", || {
        storm::giving_back(&host)
    });
    let of_the_killed = "claims of a toolstack that was killed are found and released";
    if one_process {
        report.leave_out(of_the_killed, "another process has another Xen");
        report.leave_out(
            "where memory lands after a destroy",
            "its CPUs are not these",
        );
        return ended(&report);
    }
    report.check(of_the_killed, || killed::check(&host));
    landing::run(&host, &mut report, long);
    busy::check(&host, &mut report);
    ended(&report)
}
