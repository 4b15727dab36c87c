//! A toolstack that is killed while a claim of its is outstanding: the next one finds the claim,
//! and releases it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use claims::{Domid, Hypervisor};
use planner::Policy;

use crate::host::Host;
use crate::place::{placement, protocol, request};
use crate::report::{ensure, Failure, Found};

/// The argument with which this program is the toolstack that will be killed.
pub const VICTIM: &str = "--place-and-wait";

const PAGES: u64 = 1 << 16;

/// Places a domain, prints its number on standard output, and waits to be killed.
pub fn victim(host: &Host) -> Result<(), Failure> {
    let kind = host.kinds[0];
    let protocol = protocol(host, 0)?;
    let domain = host.create(kind, 1, PAGES)?;
    let asked = request(PAGES, Policy::BestEffort);
    let _placed = protocol.place(placement(domain.domid, kind, asked))?;
    println!("{}", domain.domid.0);
    loop {
        std::thread::park();
    }
}

fn start_victim() -> Result<(Child, Domid), Failure> {
    let mut victim = Command::new(std::env::current_exe()?)
        .arg(VICTIM)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(out) = victim.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    match line.trim().parse() {
        Ok(domid) => Ok((victim, Domid(domid))),
        Err(_) => {
            victim.kill()?;
            Err(Failure(format!("the other process said {line:?}")))
        }
    }
}

pub fn check(host: &Host) -> Found {
    let (mut victim, domid) = start_victim()?;
    victim.kill()?;
    let ending = victim.wait()?;
    ensure!(!ending.success(), "the other process ended by itself");
    let protocol = protocol(host, 0)?;
    let claims = protocol.claims()?;
    let found = claims.iter().find(|claim| claim.domid == domid);
    let found = *found.ok_or_else(|| format!("{domid} is not among {claims:?}"))?;
    ensure!(
        found.outstanding_pages == PAGES && !found.being_built && found.nodes.len() == 1,
        "it is listed as {found:?}"
    );
    protocol.abandon(domid)?;
    ensure!(
        protocol.claims()?.is_empty() && host.outstanding(domid)? == 0,
        "{:?} is left",
        protocol.claims()?
    );
    ensure!(
        host.affinity(domid)? == host.topology.online(),
        "its node affinity is still {}",
        host.affinity(domid)?
    );
    protocol.abandon(domid)?;
    host.xen.destroy(domid)?;
    let outstanding = host.xen.memory()?.host_outstanding_pages;
    ensure!(outstanding == 0, "{outstanding} pages are still claimed");
    Ok(format!(
        "{domid} with {PAGES} pages on nodes {}",
        found.nodes
    ))
}
