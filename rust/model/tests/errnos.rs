//! What a real Xen answered, row by row, and after the idea of Xen's own test of claims.

mod common;

use std::time::Duration;

use claims::{Affinity, Domid, Errno};
use common::{domain, populate, xen};
use planner::{CpuSet, NodeSet};
use xenopsd_numa_model::{Consume, Entry, Flavour, Kind, NodeClaims, Target, Xen};

/// 4 MiB, and 2 MiB.
const CLAIMED: u64 = 1024;
const POPULATED: u64 = 512;

const ABSENT: Domid = Domid(999);

fn outstanding(xen: &Xen, domid: Domid) -> u64 {
    let found = xen.domains().into_iter().find(|d| d.domid == domid);
    found.map_or(0, |d| d.outstanding_pages)
}

/// A claim of 4 MiB of which 2 MiB are populated has 2 MiB left, and none once its domain dies.
#[test]
fn half_a_claim_is_left_and_goes_with_its_domain() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[4000, 4000]);
        let before = xen.physinfo();
        let a = domain(&mut xen, CLAIMED);
        assert_eq!(xen.claim_host(a, CLAIMED), Ok(()), "{}", flavour.name);
        assert_eq!(xen.physinfo().outstanding_pages, CLAIMED);
        assert_eq!(xen.physinfo().free_pages, before.free_pages, "only claimed");
        populate(&mut xen, a, POPULATED, None).expect("2 MiB");
        assert_eq!(outstanding(&xen, a), CLAIMED - POPULATED);
        assert_eq!(xen.physinfo().outstanding_pages, CLAIMED - POPULATED);
        xen.destroy(a).expect("its end");
        assert_eq!(outstanding(&xen, a), 0, "at once");
        assert_eq!(xen.physinfo().outstanding_pages, 0);
        xen.advance_to(Duration::from_secs(60));
        assert_eq!(xen.physinfo(), before, "{}", flavour.name);
    }
}

/// The same with what node claims the flavour has, where the pages are taken from that node.
#[test]
fn half_a_node_claim_is_left_and_goes_with_its_domain() {
    for flavour in Flavour::ALL.into_iter().filter(Flavour::has_node_claims) {
        let mut xen = xen(flavour, &[4000, 4000]);
        let a = domain(&mut xen, CLAIMED);
        let target = Target::Node(1);
        let entry = Entry {
            target,
            pages: CLAIMED,
        };
        let claimed = match flavour.node_claims {
            NodeClaims::None => Err(Errno::ENOSYS),
            NodeClaims::Xs9 => xen.claim_node(a, 1, CLAIMED),
            NodeClaims::V4 { .. } => xen.claim_v4(a, target, CLAIMED),
            NodeClaims::Set(_) => xen.set_claims(a, &[entry]),
        };
        assert_eq!(claimed, Ok(()), "{}", flavour.name);
        populate(&mut xen, a, POPULATED, Some(1)).expect("2 MiB");
        let claimed_pages = |xen: &Xen| xen.node(1).map(|node| node.claimed_pages);
        assert_eq!(claimed_pages(&xen), Some(CLAIMED - POPULATED));
        xen.destroy(a).expect("its end");
        assert_eq!((claimed_pages(&xen), outstanding(&xen, a)), (Some(0), 0));
    }
}

#[test]
fn the_old_claim_call() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[5000, 5000]);
        let (a, b) = (domain(&mut xen, 20_000), domain(&mut xen, 20_000));
        let refused = |answer, errno, row: &str| {
            assert_eq!(answer, Err(errno), "{} on {}", row, flavour.name);
        };
        refused(xen.claim_host(a, 10_001), Errno::ENOMEM, "> free");
        assert_eq!(xen.claim_host(a, 0), Ok(()), "cancel without a claim");
        assert_eq!(xen.claim_host(a, 10_000), Ok(()), "exactly free");
        refused(xen.claim_host(a, 10_000), Errno::EINVAL, "active");
        refused(xen.claim_host(b, 1), Errno::ENOMEM, "second domain");
        assert_eq!(xen.claim_host(a, 0), Ok(()), "cancel");
        assert_eq!(xen.physinfo().outstanding_pages, 0);
        refused(xen.claim_host(a, 20_001), Errno::EINVAL, "> max_pages");
        refused(xen.claim_host(a, 1 << 33), Errno::EINVAL, "2^33 pages");
        refused(xen.claim_host(ABSENT, 1), Errno::EINVAL, "no such domain");
        populate(&mut xen, a, 256, None).expect("memory");
        refused(xen.claim_host(a, 256), Errno::EINVAL, "<= tot_pages");
        assert_eq!(xen.claim_host(a, 256 + 500), Ok(()), "tot_pages + 500");
        assert_eq!(outstanding(&xen, a), 500);
        refused(xen.claim_host(b, 10_000), Errno::ENOMEM, "second domain");
        assert_eq!(xen.claim_host(b, 6000), Ok(()), "what fits");
    }
}

#[test]
fn node_claims_are_absent_where_they_are() {
    let entry = Entry {
        target: Target::Node(0),
        pages: 1,
    };
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[1000, 1000]);
        let a = domain(&mut xen, 100);
        let absent = Err(Errno::ENOSYS);
        let answers = (
            xen.claim_node(a, 0, 0) == absent,
            xen.claim_v4(a, Target::Host, 0) == absent,
            xen.set_claims(a, &[entry]) == absent,
        );
        let wanted = match flavour.node_claims {
            NodeClaims::None => (true, true, true),
            NodeClaims::Xs9 => (false, true, true),
            NodeClaims::V4 { .. } => (true, false, true),
            NodeClaims::Set(_) => (true, true, false),
        };
        assert_eq!(answers, wanted, "{}", flavour.name);
    }
}

#[test]
fn empty_affinities() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[1000, 1000]);
        let a = domain(&mut xen, 100);
        xen.create_vcpus(a).expect("a vCPU");
        let refused = xen.set_node_affinity(a, NodeSet::EMPTY);
        assert_eq!(refused, Err(Errno::EINVAL), "{}", flavour.name);
        let accepted = xen.set_vcpu_affinity(a, 0, Affinity::Soft, &CpuSet::new());
        assert_eq!(accepted, Ok(()), "{}", flavour.name);
        assert_eq!(
            xen.node_affinity(a),
            Ok(NodeSet::first(2)),
            "as if there were none"
        );
    }
}

/// A page that the maximum refuses has cost a page of the claim, except where accounting is late.
#[test]
fn a_page_over_the_maximum() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[9000]);
        let a = domain(&mut xen, 6953);
        xen.claim_host(a, 6953).expect("a claim");
        for pages in [64, 32, 4, 1] {
            populate(&mut xen, a, pages, None).expect("a part");
        }
        xen.set_max(a, 101).expect("what it has");
        assert_eq!(outstanding(&xen, a), 6852);
        assert_eq!(populate(&mut xen, a, 1, None), Err(Errno::E2BIG));
        let left = match flavour.consume {
            Consume::AtAssign => 6852,
            Consume::AtAllocation => 6851,
        };
        assert_eq!(outstanding(&xen, a), left, "{}", flavour.name);
    }
}

#[test]
fn the_call_of_the_fourth_version() {
    for flavour in [Flavour::V4, Flavour::V4_FIXED] {
        let mut xen = xen(flavour, &[5000, 5000]);
        let (a, b) = (domain(&mut xen, 20_000), domain(&mut xen, 20_000));
        let node = Target::Node;
        assert_eq!(xen.claim_v4(a, node(0), 100), Ok(()), "N on node 0");
        for target in [node(0), node(1), Target::Host] {
            assert_eq!(xen.claim_v4(a, target, 200), Err(Errno::EINVAL), "active");
        }
        assert_eq!(xen.claim_host(a, 200), Err(Errno::EINVAL), "active");
        assert_eq!(
            xen.claim_v4(a, node(0), 0),
            Err(Errno::EINVAL),
            "a node's reset"
        );
        assert_eq!(xen.claim_v4(a, Target::Host, 0), Ok(()), "reset");
        assert_eq!(xen.physinfo().outstanding_pages, 0);
        assert_eq!(xen.claim_v4(a, node(0), 5001), Err(Errno::ENOMEM), "> free");
        assert_eq!(
            xen.claim_v4(a, node(2), 1),
            Err(Errno::ENOENT),
            "no such node"
        );
        assert_eq!(
            xen.claim_v4(a, node(256), 1),
            Err(Errno::ENOENT),
            "node 256"
        );
        assert_eq!(
            xen.claim_v4(a, node(0), 1 << 33),
            Err(Errno::EINVAL),
            "2^33 pages"
        );
        assert_eq!(
            xen.claim_v4(ABSENT, node(0), 1),
            Err(Errno::ESRCH),
            "no domain"
        );
        assert_eq!(xen.claim_v4(a, node(0), 5000), Ok(()), "exactly free");
        assert_eq!(xen.claim_host(a, 0), Ok(()), "the old call resets too");
        populate(&mut xen, a, 256, Some(1)).expect("memory");
        assert_eq!(xen.claim_v4(a, node(1), 300), Ok(()), "a total");
        assert_eq!(outstanding(&xen, a), 44);
        assert_eq!(populate(&mut xen, a, 8, Some(0)), Ok(0));
        assert_eq!(
            outstanding(&xen, a),
            44,
            "not reduced by another node's pages"
        );
        xen.destroy(a).expect("its end");
        assert_eq!(
            xen.memory().nodes[1].map(|node| node.claimed_pages),
            Some(0)
        );
        assert_eq!(xen.claim_v4(a, node(1), 300), Err(Errno::EINVAL), "dying");
        protects(&mut xen, b);
    }
}

/// A domain without a claim stops at the unclaimed pages of a node, and finds more elsewhere.
fn protects(xen: &mut Xen, a: Domid) {
    let free = xen.node(0).map_or(0, |node| node.free_pages);
    let target = Target::Node(0);
    let claimed = free / 3 * 2;
    let pages = claimed;
    match xen.flavour().node_claims {
        NodeClaims::V4 { .. } => xen.claim_v4(a, target, pages),
        _ => xen.set_claims(a, &[Entry { target, pages }]),
    }
    .expect("two thirds of node 0");
    let b = domain(xen, 20_000);
    let mut got = 0;
    while populate(xen, b, 8, Some(0)).is_ok() {
        got += 8;
    }
    assert_eq!(got, (free - claimed) / 8 * 8, "of the unclaimed pages");
    assert_eq!(populate(xen, b, 8, None), Ok(1));
}

fn set(xen: &mut Xen, domid: Domid, entries: &[(Target, u64)]) -> Result<(), Errno> {
    let entry = |&(target, pages): &(Target, u64)| Entry { target, pages };
    let entries: Vec<Entry> = entries.iter().map(entry).collect();
    xen.set_claims(domid, &entries)
}

#[test]
fn claim_sets() {
    for flavour in [Flavour::V5, Flavour::V7] {
        let mut xen = xen(flavour, &[5000, 5000]);
        let (a, b) = (domain(&mut xen, 20_000), domain(&mut xen, 20_000));
        let (host, node) = (Target::Host, Target::Node);
        let refused = |answer, errno, row: &str| {
            assert_eq!(answer, Err(errno), "{} on {}", row, flavour.name);
        };
        assert_eq!(set(&mut xen, a, &[(node(0), 100)]), Ok(()), "N on node 0");
        assert_eq!(set(&mut xen, a, &[(node(1), 200)]), Ok(()), "replaces");
        assert_eq!(outstanding(&xen, a), 200);
        refused(
            set(&mut xen, a, &[(node(0), 5001)]),
            Errno::ENOMEM,
            "> free",
        );
        assert_eq!(outstanding(&xen, a), 200, "the old set stays");
        assert_eq!(set(&mut xen, a, &[(node(0), 5000)]), Ok(()), "exactly free");
        refused(
            set(&mut xen, a, &[(node(2), 1)]),
            Errno::ENOENT,
            "no such node",
        );
        refused(
            set(&mut xen, a, &[(node(256), 1)]),
            Errno::ENOENT,
            "node 256",
        );
        assert_eq!(set(&mut xen, a, &[(host, 0)]), Ok(()), "reset");
        assert_eq!(outstanding(&xen, a), 0);
        assert_eq!(set(&mut xen, a, &[(node(0), 7), (host, 5)]), Ok(()), "two");
        assert_eq!(outstanding(&xen, a), 12);
        refused(
            xen.claim_host(a, 100),
            Errno::EINVAL,
            "the old call while active",
        );
        assert_eq!(xen.claim_host(a, 0), Ok(()), "the old call resets too");
        let twice = [(node(0), 1), (node(0), 1)];
        refused(set(&mut xen, a, &twice), Errno::EINVAL, "same node twice");
        refused(set(&mut xen, a, &[]), Errno::EINVAL, "zero entries");
        refused(
            set(&mut xen, a, &[(host, 1); 256]),
            Errno::E2BIG,
            "256 entries",
        );
        refused(
            set(&mut xen, a, &[(node(0), 1 << 33)]),
            Errno::EINVAL,
            "2^33 pages",
        );
        refused(
            set(&mut xen, a, &[(host, 1 << 33)]),
            Errno::EINVAL,
            "2^33 pages",
        );
        refused(
            set(&mut xen, ABSENT, &[(node(0), 1)]),
            Errno::ESRCH,
            "no domain",
        );
        populate(&mut xen, a, 256, Some(1)).expect("memory");
        assert_eq!(
            set(&mut xen, a, &[(node(1), 100)]),
            Ok(()),
            "beside what it has"
        );
        assert_eq!(outstanding(&xen, a), 100);
        xen.destroy(a).expect("its end");
        assert_eq!(xen.physinfo().outstanding_pages, 0);
        refused(set(&mut xen, a, &[(node(1), 1)]), Errno::ESRCH, "dying");
        protects(&mut xen, b);
    }
}

/// The fifth version counts what a domain has as if it still had to be found.
#[test]
fn all_that_is_free_claimed_by_a_domain_that_has_some() {
    for flavour in [Flavour::V5, Flavour::V7, Flavour::V8] {
        let mut xen = xen(flavour, &[5000, 5000]);
        let a = domain(&mut xen, 20_000);
        populate(&mut xen, a, 4096, None).expect("memory");
        let free = xen.physinfo().free_pages;
        let answer = set(&mut xen, a, &[(Target::Host, free)]);
        let faulty = flavour.name == "v5";
        assert_eq!(
            answer.err(),
            faulty.then_some(Errno::ENOMEM),
            "{}",
            flavour.name
        );
        if faulty {
            assert_eq!(set(&mut xen, a, &[(Target::Host, free - 4096)]), Ok(()));
            assert_eq!(set(&mut xen, a, &[(Target::Host, 0)]), Ok(()), "reset");
        }
    }
}

/// The fifth version's reset is a set like any other, so that it can fail.
#[test]
fn a_reset_that_fails() {
    for flavour in [Flavour::V5, Flavour::V7] {
        let mut xen = xen(flavour, &[5000, 4000]);
        let (a, b) = (domain(&mut xen, 20_000), domain(&mut xen, 20_000));
        populate(&mut xen, a, 2048, Some(0)).expect("memory");
        set(&mut xen, a, &[(Target::Node(1), 100)]).expect("a set");
        let rest = xen.physinfo().free_pages - 100;
        xen.claim_host(b, rest).expect("all the rest");
        let reset = set(&mut xen, a, &[(Target::Host, 0)]);
        let faulty = flavour.name == "v5";
        assert_eq!(
            reset.err(),
            faulty.then_some(Errno::ENOMEM),
            "{}",
            flavour.name
        );
        assert_eq!(xen.claim_host(a, 0), Ok(()), "the old call always resets");
        assert_eq!(outstanding(&xen, a), 0);
    }
}

#[test]
fn claim_sets_of_the_eighth_version() {
    let mut xen = xen(Flavour::V8, &[5000, 5000]);
    let a = domain(&mut xen, 20_000);
    let (host, node) = (Target::Host, Target::Node);
    assert_eq!(set(&mut xen, a, &[]), Ok(()), "releases nothing");
    assert_eq!(
        set(&mut xen, a, &[(host, 0)]),
        Err(Errno::EINVAL),
        "an empty entry"
    );
    assert_eq!(set(&mut xen, a, &[(node(0), 7), (host, 5)]), Ok(()));
    for again in [(node(0), 7), (node(2), 1), (node(0), 5001)] {
        assert_eq!(
            set(&mut xen, a, &[again]),
            Err(Errno::EINVAL),
            "has a claim"
        );
    }
    assert_eq!(set(&mut xen, a, &[]), Ok(()), "releases");
    assert_eq!(outstanding(&xen, a), 0);
    xen.unpause(a).expect("it runs");
    assert_eq!(
        set(&mut xen, a, &[(host, 5)]),
        Err(Errno::EBUSY),
        "not paused"
    );
    assert_eq!(
        set(&mut xen, a, &[(host, 5); 66]),
        Err(Errno::E2BIG),
        "too many"
    );
    assert_eq!(set(&mut xen, a, &[]), Ok(()), "but it may release");
    xen.destroy(a).expect("its end");
    assert_eq!(
        set(&mut xen, a, &[(host, 5); 66]),
        Err(Errno::ESRCH),
        "dying"
    );
    assert_eq!(set(&mut xen, a, &[]), Ok(()), "but it may release");
}

/// Extra pages, such as those for ioreq servers, are counted by the function that consumes claims
/// late, though no claim lets them be taken.
#[test]
fn extra_pages_and_claims() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[1000]);
        let a = domain(&mut xen, 1000);
        xen.claim_host(a, 990).expect("a claim");
        assert!(xen.take(a, Kind::Extra, 16, None).is_err(), "no credit");
        let extent = xen.take(a, Kind::Extra, 8, None).expect("unclaimed");
        xen.assign(extent).expect("no maximum for these");
        let left = match flavour.consume {
            Consume::AtAssign => 982,
            Consume::AtAllocation => 990,
        };
        assert_eq!(outstanding(&xen, a), left, "{}", flavour.name);
        assert_eq!(xen.domain_pages(a), [(0, 8)]);
        assert_eq!(xen.check(), Ok(()));
    }
}
