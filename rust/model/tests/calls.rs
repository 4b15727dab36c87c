//! What single calls and short sequences of them do, against Xen's own rules.

mod common;

use std::time::Duration;

use claims::{Affinity, Domid, Errno, Hypervisor};
use common::{domain, host, populate, xen, GIB};
use planner::{CpuSet, NodeSet};
use xenopsd_numa_model::{Consume, Crash, Flavour, Kind, Model, Sizes, Xen};

fn outstanding(xen: &Xen, domid: Domid) -> u64 {
    let found = xen.domains().into_iter().find(|d| d.domid == domid);
    found.map_or(0, |d| d.outstanding_pages)
}

#[test]
fn host_claims_fail_in_xens_order() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[1000, 1000]);
        assert_eq!(
            xen.claim_host(Domid(7), 5000),
            Err(Errno::EINVAL),
            "unknown"
        );
        let early = xen.create(1).expect("a domain");
        assert_eq!(xen.claim_host(early, 1), Err(Errno::EINVAL), "no maximum");
        let a = domain(&mut xen, 3000);
        assert_eq!(xen.claim_host(a, 0), Ok(()), "cancelling nothing");
        assert_eq!(xen.claim_host(a, 3001), Err(Errno::EINVAL), "over maximum");
        assert_eq!(xen.claim_host(a, 2001), Err(Errno::ENOMEM), "over free");
        populate(&mut xen, a, 8, None).expect("8 pages");
        assert_eq!(xen.claim_host(a, 8), Err(Errno::EINVAL), "has as many");
        assert_eq!(xen.claim_host(a, 2000), Ok(()), "a total, not an increment");
        assert_eq!(outstanding(&xen, a), 1992);
        assert_eq!(xen.claim_host(a, 9999), Err(Errno::EINVAL), "has a claim");
        assert_eq!(xen.claim_host(a, 0), Ok(()));
        assert_eq!(xen.claim_host(a, 0), Ok(()), "idempotent");
        assert_eq!(xen.physinfo().outstanding_pages, 0);
    }
}

#[test]
fn node_claims_fail_in_xens_order() {
    for flavour in [Flavour::XS9, Flavour::XS9_2025] {
        let mut xen = Xen::new(&host(&[1000, 1000, 1000], true), flavour).with_sizes(Sizes {
            domain_pages: 0,
            vcpu_pages: 0,
        });
        let a = domain(&mut xen, 3000);
        assert_eq!(xen.claim_node(a, 0xFF, 0), Err(Errno::ERANGE));
        assert_eq!(
            xen.claim_node(Domid(9), 2, 0),
            Err(Errno::EINVAL),
            "unknown first"
        );
        assert_eq!(
            xen.claim_node(a, 2, 0),
            Err(Errno::ENOENT),
            "offline, also to cancel"
        );
        assert_eq!(xen.claim_node(a, 64, 9999), Err(Errno::ENOENT));
        assert_eq!(xen.claim_node(a, 0, 0), Ok(()), "the probe");
        assert_eq!(xen.claim_node(a, 0, 3001), Err(Errno::EINVAL));
        assert_eq!(
            xen.claim_node(a, 0, 1001),
            Err(Errno::ENOMEM),
            "the node is full"
        );
        assert_eq!(xen.claim_node(a, 1, 1000), Ok(()));
        assert_eq!(xen.memory().nodes[1].map(|n| n.claimed_pages), Some(1000));
        assert_eq!(xen.claim_node(a, 1, 1000), Err(Errno::EINVAL), "one claim");
        let b = domain(&mut xen, 3000);
        assert_eq!(xen.claim_node(b, 1, 1), Err(Errno::ENOMEM));
        assert_eq!(
            xen.claim_host(b, 1001),
            Err(Errno::ENOMEM),
            "the host's rest"
        );
        assert_eq!(xen.check(), Ok(()));
    }
    for flavour in [Flavour::XEN_4_17, Flavour::UPSTREAM] {
        let mut xen = xen(flavour, &[1000]);
        assert_eq!(xen.claim_node(Domid(9), 0xFF, 0), Err(Errno::ENOSYS));
    }
}

#[test]
fn a_claim_for_a_dying_domain() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[1000, 1000]);
        let a = domain(&mut xen, 2000);
        xen.claim_host(a, 500).expect("a claim");
        xen.destroy(a).expect("its end");
        assert_eq!(xen.physinfo().outstanding_pages, 0, "released at once");
        let late = xen.claim_host(a, 100);
        xen.advance_to(Duration::from_secs(60));
        assert_eq!(xen.domains().len(), 1, "gone");
        let leaked = xen.physinfo().outstanding_pages;
        match flavour.dying_refused {
            true => assert_eq!((late, leaked), (Err(Errno::EINVAL), 0)),
            false => assert_eq!((late, leaked), (Ok(()), 100)),
        }
        assert_eq!(xen.check(), Ok(()));
    }
}

#[test]
fn claims_are_taken_as_pages_are() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[4 * GIB]);
        let a = domain(&mut xen, 3 * GIB);
        xen.claim_host(a, 2 * GIB + 5).expect("a claim");
        let extent = xen.take(a, Kind::Memory, GIB, None).expect("1 GiB");
        let in_between = match flavour.consume {
            Consume::AtAssign => 2 * GIB + 5,
            Consume::AtAllocation => GIB + 5,
        };
        assert_eq!(outstanding(&xen, a), in_between, "{}", flavour.name);
        xen.assign(extent).expect("enough memory");
        populate(&mut xen, a, GIB, None).expect("another");
        assert_eq!(outstanding(&xen, a), 5, "{}", flavour.name);
        xen.free(a, 0, GIB).expect("a balloon");
        let refilled = if flavour.name == "4.17" { GIB + 5 } else { 5 };
        assert_eq!(outstanding(&xen, a), refilled, "{}", flavour.name);
        assert_eq!(xen.check(), Ok(()));
    }
}

#[test]
fn a_claim_smaller_than_the_extent_gives_nothing() {
    for flavour in Flavour::ALL
        .into_iter()
        .filter(|flavour| !flavour.shortfall)
    {
        let mut xen = xen(flavour, &[GIB + 100]);
        let a = domain(&mut xen, 2 * GIB);
        let b = domain(&mut xen, 2 * GIB);
        xen.claim_host(a, GIB - 1).expect("a claim");
        xen.claim_host(b, 90).expect("a claim");
        // 11 pages are unclaimed: with a's claim enough for the extent, but neither is alone.
        assert_eq!(populate(&mut xen, a, GIB, None), Err(Errno::ENOMEM));
        assert_eq!(populate(&mut xen, a, GIB / 2, None), Ok(0));
        assert_eq!(xen.fill_pool(b, 12, 12), Err(Errno::ENOMEM));
        assert_eq!(xen.fill_pool(b, 11, 11), Ok(11), "what it got is kept");
        assert_eq!(xen.take_unowned(0, 1), Err(Errno::ENOMEM));
        assert_eq!(xen.check(), Ok(()));
    }
}

#[test]
fn in_the_window_of_late_accounting_claims_go_wrong() {
    // Between heap and domain, 1 GiB is missing from free less outstanding.
    let mut xen = xen(Flavour::XEN_4_17, &[2 * GIB]);
    let a = domain(&mut xen, GIB);
    let b = domain(&mut xen, GIB);
    let c = domain(&mut xen, 9 * GIB);
    xen.claim_host(a, GIB).expect("a claim");
    let extent = xen.take(a, Kind::Memory, GIB, None).expect("1 GiB");
    assert_eq!(
        xen.claim_host(b, 1),
        Err(Errno::ENOMEM),
        "though 1 GiB is unclaimed"
    );
    xen.assign(extent).expect("enough memory");
    xen.claim_host(b, GIB).expect("the window is closed");
    // With more outstanding than free the difference wraps, and any claim succeeds.
    let extent = xen.take(b, Kind::Memory, GIB, None).expect("1 GiB");
    assert!(xen.physinfo().outstanding_pages > xen.physinfo().free_pages);
    assert_eq!(xen.claim_host(c, 9 * GIB), Ok(()));
    xen.assign(extent).expect("enough memory");
    assert_eq!(xen.physinfo().free_pages, 0);
    assert_eq!(xen.physinfo().outstanding_pages, 9 * GIB);
    assert_eq!(xen.check(), Ok(()));
}

#[test]
fn at_allocation_there_is_no_window() {
    let mut xen = xen(Flavour::UPSTREAM, &[2 * GIB]);
    let a = domain(&mut xen, GIB);
    let b = domain(&mut xen, 9 * GIB);
    xen.claim_host(a, GIB).expect("a claim");
    let extent = xen.take(a, Kind::Memory, GIB, None).expect("1 GiB");
    assert_eq!(xen.claim_host(b, GIB + 1), Err(Errno::ENOMEM));
    assert_eq!(xen.claim_host(b, GIB), Ok(()));
    xen.assign(extent).expect("enough memory");
    assert_eq!(xen.check(), Ok(()));
}

#[test]
fn a_node_claim_is_never_forgotten_and_brings_the_host_down() {
    for flavour in [Flavour::XS9, Flavour::XS9_2025] {
        let mut xen = xen(flavour, &[1000, 1000]);
        let a = domain(&mut xen, 2000);
        xen.claim_node(a, 1, 100).expect("a claim on a node");
        xen.claim_host(a, 0).expect("cancelled");
        xen.claim_host(a, 100).expect("Xen accepts it");
        let mut dead = xen.clone();
        assert_eq!(populate(&mut dead, a, 8, Some(1)), Err(Errno::EIO));
        assert_eq!(dead.crash(), Some(Crash::ClaimedLessThanTaken { node: 1 }));
        assert_eq!(dead.create(1), Err(Errno::EIO), "nothing works after that");
        assert_eq!(xen.claim_host(a, 0), Err(Errno::EIO));
        assert_eq!(
            xen.crash(),
            Some(Crash::ClaimedLessThanReleased { node: 1 })
        );
        let model = Model::of(xen);
        assert_eq!(model.memory().map_err(|e| e.errno), Err(Errno::EIO));
    }
}

#[test]
fn node_claims_keep_other_domains_out_but_not_xen() {
    for flavour in [Flavour::XS9, Flavour::XS9_2025] {
        let mut xen = xen(flavour, &[1000, 1000]);
        let a = domain(&mut xen, 2000);
        let b = domain(&mut xen, 2000);
        xen.claim_node(a, 0, 1000).expect("the whole node");
        assert_eq!(populate(&mut xen, b, 1, Some(0)), Err(Errno::ENOMEM));
        assert_eq!(populate(&mut xen, b, 1, None), Ok(1));
        // No claim covers this, and none of the domain's own node claims stops it.
        xen.take_unowned(0, 1).expect("Xen heap");
        xen.fill_pool(a, 1, 1).expect("a pool");
        let mut got = 0;
        while populate(&mut xen, a, 1, Some(0)).is_ok() {
            got += 1;
        }
        assert!(got < 1000, "{got} pages of a claim of 1000");
        assert_eq!(xen.check(), Ok(()));
    }
}

#[test]
fn a_node_claim_fails_where_the_rotation_meets_a_full_node() {
    for flavour in [Flavour::XS9, Flavour::XS9_2025] {
        let mut xen = xen(flavour, &[4, 1000]);
        let a = domain(&mut xen, 2000);
        xen.claim_node(a, 1, 10).expect("a claim");
        // Xen looks at node 1 first, then at node 0, which cannot give 8 pages.
        assert_eq!(populate(&mut xen, a, 2, None), Ok(1));
        assert_eq!(populate(&mut xen, a, 8, None), Err(Errno::ENOMEM));
        assert_eq!(
            populate(&mut xen, a, 16, None),
            Ok(1),
            "more than is claimed"
        );
        assert_eq!(xen.check(), Ok(()));
    }
}

#[test]
fn memory_comes_from_the_affinity_in_turn_and_then_from_elsewhere() {
    let mut xen = xen(Flavour::UPSTREAM, &[10, 2, 10]);
    let a = domain(&mut xen, 100);
    xen.set_node_affinity(a, NodeSet::from_bits(0b110))
        .expect("online nodes");
    let nodes: Vec<_> = (0..14)
        .map(|_| populate(&mut xen, a, 1, None).expect("a page"))
        .collect();
    assert_eq!(nodes, [1, 2, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 0]);
    assert_eq!(xen.domain_pages(a), [(0, 2), (1, 2), (2, 10)]);
    assert_eq!(
        xen.set_node_affinity(a, NodeSet::one(9)),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        xen.set_node_affinity(Domid(9), NodeSet::one(0)),
        Err(Errno::ESRCH)
    );
}

#[test]
fn node_affinity_follows_vcpus_unless_it_was_set() {
    let mut xen = xen(Flavour::UPSTREAM, &[1000, 1000]);
    let a = domain(&mut xen, 100);
    let cpus_of_1: CpuSet = [2, 3].into_iter().collect();
    let set = |xen: &mut Xen, affinity| xen.set_vcpu_affinity(a, 0, affinity, &cpus_of_1);
    assert_eq!(
        set(&mut xen, Affinity::Soft),
        Err(Errno::ESRCH),
        "no vCPU yet"
    );
    xen.create_vcpus(a).expect("a vCPU");
    assert_eq!(xen.node_affinity(a), Ok(NodeSet::first(2)));
    set(&mut xen, Affinity::Soft).expect("CPUs of node 1");
    assert_eq!(xen.node_affinity(a), Ok(NodeSet::one(1)));
    xen.set_node_affinity(a, NodeSet::one(0)).expect("node 0");
    set(&mut xen, Affinity::Hard).expect("CPUs of node 1");
    assert_eq!(xen.node_affinity(a), Ok(NodeSet::one(0)));
    xen.set_node_affinity(a, NodeSet::first(64))
        .expect("automatic");
    assert_eq!(xen.node_affinity(a), Ok(NodeSet::one(1)));
    let nowhere: CpuSet = [99].into_iter().collect();
    let refused = xen.set_vcpu_affinity(a, 0, Affinity::Hard, &nowhere);
    assert_eq!(refused, Err(Errno::EINVAL));
    assert_eq!(
        xen.set_vcpu_affinity(a, 1, Affinity::Hard, &cpus_of_1),
        Err(Errno::EINVAL)
    );
}

#[test]
fn assignment_is_refused_by_the_maximum_and_by_death() {
    for flavour in Flavour::ALL {
        let mut xen = xen(flavour, &[1000]);
        let a = domain(&mut xen, 10);
        assert_eq!(populate(&mut xen, a, 16, None), Err(Errno::E2BIG));
        populate(&mut xen, a, 8, None).expect("enough memory");
        xen.set_max(a, 4).expect("less than it has");
        assert_eq!(populate(&mut xen, a, 1, None), Err(Errno::EPERM));
        let extra = xen.take(a, Kind::Extra, 1, None).expect("a page");
        xen.assign(extra).expect("no maximum for these");
        assert_eq!(
            xen.physinfo().free_pages,
            991,
            "all that was refused is free again"
        );
        let extent = xen.take(a, Kind::Memory, 1, None).expect("a page");
        xen.destroy(a).expect("its end");
        xen.advance_to(Duration::from_secs(60));
        assert_eq!(xen.domains().len(), 2, "an extent holds on to the domain");
        assert_eq!(xen.assign(extent), Err(Errno::EINVAL));
        xen.advance_to(Duration::from_secs(61));
        assert_eq!(xen.domains().len(), 1);
        assert_eq!(xen.physinfo().free_pages, 1000);
        assert_eq!(xen.check(), Ok(()));
    }
}
