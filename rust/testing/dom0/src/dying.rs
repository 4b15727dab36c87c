//! A claim for a domain that is being destroyed, on the running Xen and on the model. Xen 4.17
//! accepts it and never releases it, so that nothing that needs memory can come after this.

use std::thread::scope;

use claims::{Claim, Errno, Hypervisor};
use xen::From;

use crate::host::Host;
use crate::modelled::Modelled;
use crate::operations::{Operation, Running, World};
use crate::report::{ensure, Failure, Found};
use crate::seen::Seen;

const PAGES: u64 = 1 << 17;

/// What is claimed beside what the domain has.
const MORE_PAGES: u64 = 1000;

pub fn claim(host: &Host) -> Found {
    let seen = Seen::of(host)?;
    let flavour = seen.flavour();
    host.steady_memory()?;
    let (kind, all) = (host.kinds[0], PAGES + MORE_PAGES);
    let now = Running::new(host, kind, seen.reports_node_claims).counters()?;
    let mut modelled = Modelled::new(host, flavour, &now, 0)?;
    for operation in [
        Operation::Create(0),
        Operation::SetMax(0, all),
        Operation::Populate(0, 9, PAGES >> 9, From::Anywhere),
    ] {
        let answer = modelled.apply(&operation);
        answer.map_err(|errno| Failure(format!("the model's {operation:?}: {errno}")))?;
    }
    let domain = host.create(kind, 1, all)?;
    let had = domain.populate(PAGES, From::Anywhere)?.pages;
    ensure!(had == PAGES, "{had} of {PAGES} pages were had");
    let domid = domain.domid;
    let (destroyed, answer) = scope(|scope| {
        let destroying = scope.spawn(|| domain.destroy());
        let answer = loop {
            // Xen shows it as dying only when all of its memory is gone.
            let left = host.domain(domid).map(|domain| domain.map(|d| d.tot_pages));
            match left {
                Ok(Some(PAGES)) if !destroying.is_finished() => (),
                Ok(Some(left)) if left < PAGES => {
                    let answer = host.xen.claim(domid, Claim::Host { pages: all });
                    let claimed = host.outstanding(domid).unwrap_or(0);
                    break Ok((left, claimed, answer.map_err(|error| error.errno)));
                }
                Ok(_) => break Err(Failure("it was not seen while it was destroyed".into())),
                Err(error) => break Err(Failure(error.to_string())),
            }
        };
        (destroying.join(), answer)
    });
    destroyed.map_err(|_| Failure("a thread panicked".to_string()))??;
    let (left, claimed, answer): (u64, u64, Result<(), Errno>) = answer?;
    let predicted = modelled.claim_while_dying(0, all);
    ensure!(
        predicted == answer,
        "with {left} pages left Xen answers {answer:?}, and the model {predicted:?}"
    );
    let leaked = host.steady_memory()?.host_outstanding_pages;
    // Where pages that come back do not grow the claim, it is as large as when it was made; the
    // model's domain has all of its pages then.
    let expected = match (flavour.refill_on_free, answer) {
        (true, _) | (false, Err(_)) => modelled.counters()?.outstanding_pages,
        (false, Ok(())) => claimed,
    };
    ensure!(
        leaked == expected,
        "{leaked} pages are claimed by nobody, and {expected} in the model"
    );
    ensure!(
        answer.is_err() || leaked >= all - left,
        "{leaked} pages are claimed by nobody, and {left} of {all} were left"
    );
    Ok(format!(
        "{answer:?} with {left} pages left, {leaked} pages leaked"
    ))
}
