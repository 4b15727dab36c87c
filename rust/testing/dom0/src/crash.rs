//! The one sequence of claims that brings XenServer 9 of 2025 down, on the running Xen and on the
//! model: a domain that once claimed a node claims the host, and takes memory of that node.

use std::io::Write;
use std::time::Duration;

use xen::From;

use crate::host::Host;
use crate::modelled::Modelled;
use crate::operations::{Operation, Running, World};
use crate::report::{ensure, Failure, Found};
use crate::seen::Seen;

/// The argument with which nothing but this is done. `tests/xen/run` knows the line that is
/// printed before the host crashes.
pub const CRASH: &str = "--crash";

const PAGES: u64 = 1000;

/// How long what was printed may take until it is out of the host.
const PRINTED: Duration = Duration::from_secs(1);

/// Where the model does not crash, the running Xen must not either.
pub fn claim_after_a_node_claim(host: &Host) -> Found {
    let seen = Seen::of(host)?;
    let flavour = seen.flavour();
    host.steady_memory()?;
    let mut running = Running::new(host, host.kinds[0], seen.reports_node_claims);
    let now = running.counters()?;
    let mut modelled = Modelled::new(host, flavour, &now, 0)?;
    let node = host.topology.online().lowest().unwrap_or(0);
    for operation in [
        Operation::Create(0),
        Operation::SetMax(0, PAGES),
        Operation::ClaimNode(0, node, PAGES),
        Operation::ClaimNode(0, node, 0),
        Operation::ClaimHost(0, PAGES),
        Operation::Populate(0, 0, 1, From::Exactly(node)),
    ] {
        let predicted = modelled.apply(&operation);
        if let Some(crash) = modelled.crash() {
            println!("# the host crashes now: {crash}");
            std::io::stdout().flush()?;
            std::thread::sleep(PRINTED);
            let answer = running.apply(&operation);
            return Err(Failure(format!("Xen answers {answer:?} to {operation:?}")));
        }
        let answer = running.apply(&operation);
        ensure!(
            predicted == answer,
            "Xen answers {answer:?} to {operation:?}, and the model {predicted:?}"
        );
    }
    Ok(format!("it does not, as the model's {}", flavour.name))
}
