//! A toolstack's hands for a program that has none: it reads on standard input what to do to
//! domains, a line a step, and answers each by a line. When the input ends, its domains do.

use std::io::BufRead;

use xen::From;

use crate::host::{Domain, Host};
use crate::report::Failure;

/// The argument with which this program does that.
pub const HELPER: &str = "--helper";

/// Answers `create PAGES`, `equip PAGES`, `populate PAGES` and `destroy` for one domain at a time:
/// a number, or `error` and why.
pub fn serve(host: &Host) -> Result<(), Failure> {
    let mut domain = None;
    for line in std::io::stdin().lock().lines() {
        match step(host, &mut domain, &line?) {
            Ok(number) => println!("{number}"),
            Err(Failure(why)) => println!("error {why}"),
        }
    }
    Ok(())
}

fn step(host: &Host, domain: &mut Option<Domain>, line: &str) -> Result<u64, Failure> {
    let (what, pages) = line.split_once(' ').unwrap_or((line, "0"));
    let pages: u64 = pages.parse().map_err(|_| format!("found {line:?}"))?;
    match (what, domain.take()) {
        ("create", _) => {
            let kind = host.kinds[host.kinds.len() - 1];
            let created = domain.insert(host.create(kind, 2, pages)?);
            Ok(created.domid.0.into())
        }
        ("equip", Some(ours)) => {
            domain.insert(ours).equip(pages)?;
            Ok(0)
        }
        ("populate", Some(ours)) => {
            let populated = domain.insert(ours).populate(pages, From::Anywhere)?;
            Ok(populated.pages)
        }
        ("destroy", Some(ours)) => {
            ours.destroy()?;
            Ok(0)
        }
        (_, ours) => {
            *domain = ours;
            Err(Failure(format!("found {line:?}")))
        }
    }
}
