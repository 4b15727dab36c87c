//! What kind of page accounting the running Xen has, by what its calls do: its version does not
//! say, for patches are carried to releases that were made without them.

use claims::{Accounting, CallError, Claim, Errno, Hypervisor, NodePages};
use model::Flavour;
use xen::From;

use crate::host::{claimed_by_node, Host};
use crate::report::{ensure, Failure};

/// An extent of 2 MiB, and somewhat less than that, by more pages than Xen moves by itself.
const ORDER: u32 = 9;
const LESS_PAGES: u64 = 400;

/// What distinguishes one kind of accounting from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    version: (u32, u32),
    /// Whether there are claims on single nodes.
    pub node_claims: bool,
    /// Whether there are sets of claims on nodes.
    pub claim_sets: bool,
    /// Whether Xen reports what is claimed of each node.
    pub reports_node_claims: bool,
    /// Whether these count pages that the domain has as if they still had to be found.
    counts_allocated_pages: bool,
    pub accounting: Accounting,
    /// Whether unclaimed pages may add what a claim lacks for an extent.
    shortfall: bool,
}

impl Seen {
    pub fn of(host: &Host) -> Result<Self, Failure> {
        let claim_sets = has_claim_sets(host)?;
        let node_claims = has_node_claims(host)?;
        Ok(Seen {
            version: host.xen.version()?,
            node_claims,
            claim_sets,
            reports_node_claims: (node_claims || claim_sets)
                && reports_node_claims(host, claim_sets)?,
            counts_allocated_pages: claim_sets && counts_allocated_pages(host)?,
            accounting: accounting(host)?,
            shortfall: has_shortfall(host)?,
        })
    }

    /// The modelled Xen that does the same.
    pub fn flavour(&self) -> Flavour {
        match (self.node_claims, self.accounting, self.shortfall) {
            (true, Accounting::Late, _) => Flavour::XS9_2025,
            (true, Accounting::AtAllocation, _) => Flavour::XS9,
            (false, Accounting::Late, _) => Flavour::XEN_4_17,
            (false, Accounting::AtAllocation, true) => match self.counts_allocated_pages {
                true => Flavour::V5,
                // As far as claims on the host go, all that follow are the same.
                false => Flavour::V7,
            },
            (false, Accounting::AtAllocation, false) => match self.version {
                (0..=3, _) | (4, 0..=21) => Flavour::UPSTREAM,
                (4.., _) => Flavour::XEN_4_22,
            },
        }
    }
}

/// Whether the running Xen, with the library in this process, has claims on single nodes.
fn has_node_claims(host: &Host) -> Result<bool, Failure> {
    let domain = host.create(host.kinds[0], 1, 1)?;
    let node = host.topology.online().lowest().unwrap_or(0);
    there_is(host.xen.claim(domain.domid, Claim::Node { node, pages: 0 }))
}

/// Whether it has sets of claims, in the form that this build knows.
fn has_claim_sets(host: &Host) -> Result<bool, Failure> {
    let domain = host.create(host.kinds[0], 1, 1)?;
    there_is(host.xen.claim(domain.domid, Claim::Set(&[])))
}

/// Whether there is a call, by what it answers where nothing is to be done: that there is none, of
/// the library or of the hypervisor that belongs to it, has errnos of its own.
fn there_is(answer: Result<(), CallError>) -> Result<bool, Failure> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.errno, Errno::ENOSYS | Errno::EOPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a claim on a node is among what is reported of the node.
fn reports_node_claims(host: &Host, claim_sets: bool) -> Result<bool, Failure> {
    let pages = LESS_PAGES;
    let domain = host.create(host.kinds[0], 1, pages)?;
    let node = host.nodes_with_memory()?.first().copied().unwrap_or(0);
    match claim_sets {
        true => host
            .xen
            .claim(domain.domid, Claim::Set(&[NodePages { node, pages }]))?,
        false => host.xen.claim(domain.domid, Claim::Node { node, pages })?,
    }
    match claimed_by_node(&host.xen.memory()?)[node] {
        0 => Ok(false),
        LESS_PAGES => Ok(true),
        reported => Err(Failure(format!(
            "{pages} pages of node {node} are claimed, and {reported} are reported"
        ))),
    }
}

/// A domain that has more than the host has unclaimed claims less than that.
fn counts_allocated_pages(host: &Host) -> Result<bool, Failure> {
    let free = host.steady_memory()?.host_free_pages;
    let node = host.nodes_with_memory()?.first().copied().unwrap_or(0);
    let domain = host.create(host.kinds[0], 1, free)?;
    let other = host.create(host.kinds[0], 1, free)?;
    domain.populate(4 * LESS_PAGES, From::Anywhere)?;
    let memory = host.steady_memory()?;
    let unclaimed = memory.host_free_pages - memory.host_outstanding_pages;
    (host.xen).claim(
        other.domid,
        Claim::Host {
            pages: unclaimed - 2 * LESS_PAGES,
        },
    )?;
    let pages = LESS_PAGES;
    let set = [NodePages { node, pages }];
    match host.xen.claim(domain.domid, Claim::Set(&set)) {
        Ok(()) => Ok(false),
        Err(error) if error.errno == Errno::ENOMEM => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// A page that is refused because of the maximum has left the free memory before. Where claims are
/// consumed then, it takes a page off the claim.
fn accounting(host: &Host) -> Result<Accounting, Failure> {
    let (claimed, most) = (1000, 100);
    let domain = host.create(host.kinds[0], 1, claimed)?;
    host.xen
        .claim(domain.domid, Claim::Host { pages: claimed })?;
    host.xen.set_max_pages(domain.domid, most)?;
    let had = domain.populate(most + 1, From::Anywhere)?.pages;
    ensure!(had == most, "{had} pages were had, and {most} are allowed");
    let left = host.outstanding(domain.domid)?;
    Ok(match claimed - most - left {
        0 => Accounting::Late,
        _ => Accounting::AtAllocation,
    })
}

/// A domain that has claimed less than an extent, where less than an extent is unclaimed, but both
/// together are more.
fn has_shortfall(host: &Host) -> Result<bool, Failure> {
    let free = host.steady_memory()?.host_free_pages;
    let domain = host.create(host.kinds[0], 1, free)?;
    let other = host.create(host.kinds[0], 1, free)?;
    host.xen
        .claim(domain.domid, Claim::Host { pages: LESS_PAGES })?;
    let memory = host.steady_memory()?;
    let unclaimed = memory.host_free_pages - memory.host_outstanding_pages;
    host.xen.claim(
        other.domid,
        Claim::Host {
            pages: unclaimed - LESS_PAGES,
        },
    )?;
    let had = (host.xen).populate(domain.domid, ORDER, From::Anywhere, &mut [0])?;
    Ok(had > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_errno_that_says_so_is_no_call() {
        let answered = |errno| {
            let call = "xc_domain_claim_memory";
            there_is(Err(CallError { call, errno })).ok()
        };
        assert!(there_is(Ok(())).is_ok_and(|there_is| there_is));
        for errno in [Errno::ENOSYS, Errno::EOPNOTSUPP] {
            assert_eq!(answered(errno), Some(false));
        }
        for errno in [Errno::EPERM, Errno::EINVAL, Errno::ENOENT] {
            assert_eq!(answered(errno), None);
        }
    }
}
