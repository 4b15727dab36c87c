//! What each flavour gets wrong, by name: a short script for each finding and for each crash,
//! run on every flavour.

mod common;

use std::time::Duration;

use claims::Errno;
use common::{domain, populate, xen};
use xenopsd_numa_model::{Crash, Entry, Finding, Flavour, Kind, NodeClaims, Target, Xen};

/// A claim on a node by whichever call the flavour has; of the host where it has none.
fn claim_node(xen: &mut Xen, domid: claims::Domid, node: usize, pages: u64) -> Result<(), Errno> {
    let target = Target::Node(node);
    match xen.flavour().node_claims {
        NodeClaims::None => xen.claim_host(domid, pages),
        NodeClaims::Xs9 => xen.claim_node(domid, node, pages),
        NodeClaims::V4 { .. } => xen.claim_v4(domid, target, pages),
        NodeClaims::Set(_) => xen.set_claims(domid, &[Entry { target, pages }]),
    }
}

/// Runs a script on every flavour: it must find something where that is known, and only there.
fn shows(finding: Finding, script: fn(&mut Xen)) {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[1000, 1000]).with_low_pages(0);
        script(&mut xen);
        let (found, known) = (xen.found(finding) > 0, finding.is_known_of(&flavour));
        assert_eq!(found, known, "{} of {}", finding.name(), flavour.name);
        assert_eq!(xen.check(), Ok(()), "{}", flavour.name);
    }
}

/// A claim that fills the host, and an extent that leaves the heap but not the claim: late, or
/// because the claim is on another node.
#[test]
fn more_is_claimed_than_free() {
    shows(Finding::HostOverclaimed, |xen| {
        let (a, b) = (domain(xen, 2000), domain(xen, 2000));
        claim_node(xen, a, 1, 100).expect("a claim");
        xen.claim_host(b, 1900).expect("all the rest");
        let extent = xen
            .take(a, Kind::Memory, 64, Some(0))
            .expect("what it claimed");
        assert_eq!(extent.pages(), 64);
        xen.assign(extent).expect("enough memory");
    });
}

/// Pages of nobody come from a node that is claimed.
#[test]
fn more_of_a_node_is_claimed_than_free() {
    shows(Finding::NodeOverclaimed, |xen| {
        let a = domain(xen, 2000);
        claim_node(xen, a, 0, 1000).expect("the whole node");
        xen.take_unowned(0, 1).expect("another node has free pages");
    });
}

#[test]
fn a_node_claim_sticks() {
    shows(Finding::StickyNode, |xen| {
        let a = domain(xen, 2000);
        claim_node(xen, a, 1, 100).expect("a claim");
        xen.claim_host(a, 0).expect("cancelled");
        xen.claim_host(a, 50).expect("another");
    });
}

/// A large extent from elsewhere, that counts for no more than the claim.
#[test]
fn pages_and_claim_exceed_the_maximum() {
    shows(Finding::BeyondMaximum, |xen| {
        let a = domain(xen, 160);
        claim_node(xen, a, 1, 40).expect("a claim");
        populate(xen, a, 128, Some(0)).expect("unclaimed memory");
    });
}

/// A page of the heap that was taken by somebody else although it was claimed.
#[test]
fn a_claimed_page_is_refused() {
    shows(Finding::ClaimNotHonoured, |xen| {
        let (a, b, c) = (domain(xen, 2000), domain(xen, 2000), domain(xen, 9000));
        // On XenServer 9: Xen's own pages from the claimed node.
        claim_node(xen, a, 0, 1000).expect("a claim");
        let _ = xen.take_unowned(0, 1);
        let mut got = 0;
        while got < 1000 && populate(xen, a, 1, Some(0)).is_ok() {
            got += 1;
        }
        xen.claim_host(a, 0).expect("cancelled");
        // With late accounting: a claim that succeeds in the window.
        xen.claim_host(b, 512).expect("a claim");
        let rest = xen.physinfo().free_pages - 512;
        let _ = xen.fill_pool(b, rest, rest);
        let extent = xen.take(b, Kind::Memory, 256, None).expect("its claim");
        let _ = xen.claim_host(c, 600);
        xen.assign(extent).expect("enough memory");
        while populate(xen, c, 1, None).is_ok() {}
        while populate(xen, b, 1, None).is_ok() {}
    });
}

#[test]
fn a_claim_grows_by_what_is_freed() {
    shows(Finding::Refilled, |xen| {
        let a = domain(xen, 2000);
        xen.claim_host(a, 500).expect("a claim");
        let node = populate(xen, a, 64, None).expect("64 pages");
        xen.free(a, node, 64).expect("a balloon");
    });
}

#[test]
fn a_claim_outlives_its_domain() {
    shows(Finding::Leaked, |xen| {
        let a = domain(xen, 2000);
        xen.destroy(a).expect("its end");
        let _ = xen.claim_host(a, 100);
        xen.advance_to(Duration::from_secs(60));
    });
}

#[test]
fn every_finding_is_of_some_flavour() {
    for finding in Finding::ALL {
        let known = |flavour: &Flavour| finding.is_known_of(flavour);
        assert!(Flavour::ALL.iter().any(known), "{}", finding.name());
        assert!(!Flavour::ALL.iter().all(known), "{}", finding.name());
    }
}

/// Runs a script on every flavour; only those crash, and all in that way.
fn crashes(names: &[&str], crash: Crash, script: fn(&mut Xen)) {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[1000, 1000]).with_low_pages(0);
        script(&mut xen);
        let wanted = names.contains(&flavour.name).then_some(crash);
        assert_eq!(xen.crash(), wanted, "{}", flavour.name);
        assert_eq!(xen.up().is_err(), wanted.is_some());
    }
}

const XS9: &[&str] = &["xs9", "xs9-2025"];

#[test]
fn a_host_claim_after_a_node_claim_crashes_at_the_first_extent() {
    crashes(XS9, Crash::ClaimedLessThanTaken { node: 1 }, |xen| {
        let a = domain(xen, 2000);
        claim_node(xen, a, 1, 100).expect("a claim");
        xen.claim_host(a, 0).expect("cancelled");
        xen.claim_host(a, 100).expect("another");
        let _ = populate(xen, a, 8, Some(1));
    });
}

#[test]
fn a_host_claim_after_a_node_claim_crashes_when_it_is_released() {
    crashes(XS9, Crash::ClaimedLessThanReleased { node: 1 }, |xen| {
        let a = domain(xen, 2000);
        claim_node(xen, a, 1, 100).expect("a claim");
        xen.claim_host(a, 0).expect("cancelled");
        xen.claim_host(a, 100).expect("another");
        let _ = xen.claim_host(a, 0);
    });
}

/// The host is full of claims already; the next look at what they leave finds more claimed than
/// there is.
#[test]
fn a_node_claim_that_skips_the_host_crashes_it() {
    let crash = Crash::MoreClaimedThanFree { node: None };
    crashes(&["v4"], crash, |xen| {
        let (a, b) = (domain(xen, 2000), domain(xen, 2000));
        xen.claim_host(a, 2000).expect("all of the host");
        let skips = xen.flavour() == Flavour::V4;
        assert_eq!(
            claim_node(xen, b, 1, 100).is_ok(),
            skips,
            "{}",
            xen.flavour().name
        );
        let _ = xen.claim_host(b, 1);
        let _ = xen.take_unowned(0, 1);
    });
}

/// What is taken elsewhere leaves a node claim as it is while the maximum allows it, although no
/// unclaimed page paid for it. Counting in full and testing the host do not mend that.
#[test]
fn credit_used_on_another_node_crashes_the_host() {
    let crash = Crash::MoreClaimedThanFree { node: None };
    crashes(&["v4", "v4-fixed"], crash, |xen| {
        let (a, b) = (domain(xen, 2000), domain(xen, 2000));
        claim_node(xen, a, 1, 100).expect("a claim");
        xen.claim_host(b, 1900).expect("all the rest");
        populate(xen, a, 64, Some(0)).expect("by its credit");
        let _ = xen.take_unowned(0, 1);
    });
}

/// With a maximum that is too small for both, what is taken elsewhere does come off the claim, and
/// nothing is overclaimed.
#[test]
fn a_tight_maximum_keeps_v4_fixed_sound() {
    let mut xen = xen(Flavour::V4_FIXED, &[1000, 1000]);
    let (a, b) = (domain(&mut xen, 100), domain(&mut xen, 2000));
    claim_node(&mut xen, a, 1, 100).expect("a claim");
    xen.claim_host(b, 1900).expect("all the rest");
    populate(&mut xen, a, 64, Some(0)).expect("by its credit");
    assert_eq!(xen.found(Finding::HostOverclaimed), 0);
    assert_eq!(xen.physinfo().outstanding_pages, 1936);
    assert_eq!(xen.physinfo().free_pages, 1936);
}

/// Where what is claimed exceeds what is free, because pages broke, the difference is still an
/// unsigned number: any claim fits. Claim sets are recalled instead, and the fourth version
/// crashes.
#[test]
fn pages_that_break_let_any_claim_succeed() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[1000, 1000]).with_low_pages(0);
        let (a, b) = (domain(&mut xen, 2000), domain(&mut xen, 9000));
        xen.claim_host(a, 2000).expect("all of the host");
        assert_eq!(xen.offline_pages(0, 1), Ok(1));
        let answer = xen.claim_host(b, 9000);
        let wanted = match flavour.node_claims {
            NodeClaims::None | NodeClaims::Xs9 => Ok(()),
            NodeClaims::V4 { .. } => Err(Errno::EIO),
            NodeClaims::Set(_) => Err(Errno::ENOMEM),
        };
        assert_eq!(answer, wanted, "{}", flavour.name);
        assert_eq!(xen.check(), Ok(()), "{}", flavour.name);
    }
}
