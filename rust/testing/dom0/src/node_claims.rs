//! Claims on nodes, of either kind: the errno of each refusal, what replaces and releases them, and
//! that others do not get what they hold.

use claims::{CallError, Claim, Domid, Errno, Hypervisor, NodePages};
use xen::From;

use crate::host::Host;
use crate::operations::NOBODY;
use crate::report::{ensure, refused, Failure, Found};
use crate::seen::Seen;

/// Pages of a domain on which calls are tried.
pub const PAGES: u64 = 1 << 12;

/// Claims on single nodes.
pub fn single(host: &Host) -> Found {
    let xen = &host.xen;
    let has = Seen::of(host)?.node_claims;
    let domain = host.create(host.kinds[0], 1, PAGES)?;
    let (domid, offline) = (domain.domid, host.topology.node_count());
    let node = host.nodes_with_memory()?.first().copied().unwrap_or(0);
    if !has {
        let answer = xen.claim(domid, Claim::Node { node, pages: PAGES });
        refused("a claim on a node", answer, Errno::ENOSYS)?;
        return Ok("none".to_string());
    }
    for (what, domid, node, pages, errno) in [
        (
            "nothing of a node that is not there",
            domid,
            offline,
            0,
            Errno::ENOENT,
        ),
        (
            "some of a node that is not there",
            domid,
            offline,
            PAGES,
            Errno::ENOENT,
        ),
        (
            "a node that no Xen can have",
            domid,
            usize::MAX,
            PAGES,
            Errno::ENOENT,
        ),
        ("a claim of nobody", NOBODY, node, 0, Errno::EINVAL),
        (
            "more than the maximum",
            domid,
            node,
            PAGES + 1,
            Errno::EINVAL,
        ),
    ] {
        refused(what, xen.claim(domid, Claim::Node { node, pages }), errno)?;
    }
    xen.claim(domid, Claim::Node { node, pages: 0 })?;
    xen.claim(domid, Claim::Node { node, pages: PAGES })?;
    let outstanding = host.outstanding(domid)?;
    ensure!(outstanding == PAGES, "{outstanding} pages are claimed");
    for (what, answer) in [
        (
            "a second claim",
            xen.claim(domid, Claim::Node { node, pages: PAGES }),
        ),
        (
            "one on the host",
            xen.claim(domid, Claim::Host { pages: PAGES }),
        ),
    ] {
        refused(what, answer, Errno::EINVAL)?;
    }
    xen.claim(domid, Claim::Host { pages: 0 })?;
    let outstanding = host.outstanding(domid)?;
    ensure!(outstanding == 0, "{outstanding} pages are left of a claim");
    kept(host, domid, node, |pages| {
        xen.claim(domid, Claim::Node { node, pages })
    })
}

/// What is claimed of a node is kept from a domain without a claim.
fn kept(
    host: &Host,
    domid: Domid,
    node: usize,
    claim: impl Fn(u64) -> Result<(), CallError>,
) -> Found {
    let free = host.steady_memory()?.nodes[node].map_or(0, |node| node.free_pages);
    host.xen.set_max_pages(domid, 2 * free)?;
    refused("more than the node has", claim(free + PAGES), Errno::ENOMEM)?;
    claim(free - PAGES)?;
    let other = host.create(host.kinds[0], 1, free)?;
    let had = other.populate(2 * PAGES, From::Exactly(node))?.pages;
    ensure!(
        had <= PAGES,
        "{had} pages were had, and {PAGES} are unclaimed"
    );
    claim(0)?;
    let more = other.populate(PAGES, From::Exactly(node))?.pages;
    ensure!(more > 0, "none was had, and nothing is claimed any more");
    Ok(format!("{had} of {PAGES} unclaimed pages were had"))
}

/// That so many pages are claimed.
fn outstanding(host: &Host, domid: Domid, pages: u64, after: &str) -> Result<(), Failure> {
    let found = host.outstanding(domid)?;
    ensure!(
        found == pages,
        "after {after} {found} pages are claimed, and not {pages}"
    );
    Ok(())
}

/// Sets of claims.
pub fn sets(host: &Host) -> Found {
    let xen = &host.xen;
    let has = Seen::of(host)?.claim_sets;
    let domain = host.create(host.kinds[0], 1, PAGES)?;
    let (domid, offline) = (domain.domid, host.topology.node_count());
    let nodes = host.nodes_with_memory()?;
    let node = nodes.first().copied().unwrap_or(0);
    let other = nodes.last().copied().unwrap_or(0);
    let on = |node, pages| NodePages { node, pages };
    if !has {
        let answer = xen.claim(domid, Claim::Set(&[on(node, PAGES)]));
        refused("a set of claims", answer, Errno::ENOSYS)?;
        return Ok("none".to_string());
    }
    let some = [on(node, PAGES / 2)];
    xen.claim(domid, Claim::Set(&some))?;
    for (what, domid, set, errno) in [
        (
            "nothing of a node that is not there",
            domid,
            vec![on(offline, 0)],
            Errno::ENOENT,
        ),
        (
            "some of a node that is there and of one that is not",
            domid,
            vec![on(node, 1), on(offline, PAGES)],
            Errno::ENOENT,
        ),
        (
            "a node that no Xen can have",
            domid,
            vec![on(usize::MAX, PAGES)],
            Errno::ENOENT,
        ),
        (
            "a node twice",
            domid,
            vec![on(node, 1), on(node, 1)],
            Errno::EINVAL,
        ),
        (
            "more than the maximum",
            domid,
            vec![on(node, PAGES + 1)],
            Errno::EINVAL,
        ),
        ("a set of nobody", NOBODY, vec![on(node, 1)], Errno::ESRCH),
    ] {
        refused(what, xen.claim(domid, Claim::Set(&set)), errno)?;
    }
    outstanding(host, domid, PAGES / 2, "what was refused")?;
    refused(
        "one on the host",
        xen.claim(domid, Claim::Host { pages: PAGES }),
        Errno::EINVAL,
    )?;
    if node != other {
        xen.claim(domid, Claim::Set(&[on(node, 1), on(other, PAGES - 1)]))?;
        outstanding(host, domid, PAGES, "a set of two nodes in place of one")?;
    }
    xen.claim(domid, Claim::Set(&some))?;
    outstanding(host, domid, PAGES / 2, "a smaller set in place of another")?;
    for _ in 0..2 {
        xen.claim(domid, Claim::Set(&[]))?;
        outstanding(host, domid, 0, "the release")?;
    }
    xen.claim(domid, Claim::Set(&some))?;
    xen.claim(domid, Claim::Host { pages: 0 })?;
    outstanding(host, domid, 0, "the release of what the host has")?;
    kept(host, domid, node, |pages| match pages {
        0 => xen.claim(domid, Claim::Set(&[])),
        pages => xen.claim(domid, Claim::Set(&[on(node, pages)])),
    })
}
