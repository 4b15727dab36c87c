//! Which blocks there are after frees and cuts, and which of them count as dirty: by Xen's rules,
//! which decide on what node the next extent is.

mod common;

use std::ops::Range;
use std::time::Duration;

use claims::Domid;
use common::{domain, populate, xen};
use planner::NodeSet;
use xenopsd_numa_model::{Flavour, Kind, Timing, Xen};

/// Nodes of so many free pages, none of them under the DMA width, where no CPU is ever idle.
fn busy(free_pages: &[u64]) -> Xen {
    let timing = Timing {
        scrubbed_pages_per_second: 0,
        ..Timing::default()
    };
    xen(Flavour::UPSTREAM, free_pages)
        .with_low_pages(0)
        .with_timing(timing)
}

/// A domain that prefers node 0.
fn on_node_0(xen: &mut Xen) -> Domid {
    let domid = domain(xen, 1 << 20);
    xen.set_node_affinity(domid, NodeSet::one(0))
        .expect("an affinity");
    domid
}

/// Destroys a domain and waits for its memory.
fn destroy(xen: &mut Xen, domid: Domid) {
    xen.destroy(domid).expect("its end");
    xen.advance_to(xen.now() + Duration::from_secs(60));
}

/// A block of 1,024 pages of node 0 of which one half is dirty: the lower, or the upper one.
fn half_dirty(xen: &mut Xen, lower: bool) {
    let (upper_half, lower_half) = (domain(xen, 512), domain(xen, 512));
    for domid in [upper_half, lower_half] {
        populate(xen, domid, 512, Some(0)).expect("a half");
    }
    let (dies, frees) = match lower {
        true => (lower_half, upper_half),
        false => (upper_half, lower_half),
    };
    destroy(xen, dies);
    xen.free(frees, 0, 512).expect("a free half");
    let node = xen.node(0).expect("a node");
    assert_eq!((node.dirty_pages, node.blocks[10].dirty), (512, 1));
}

#[test]
fn all_that_follows_the_first_dirty_page_of_a_block_counts_as_dirty() {
    let mut xen = busy(&[1024, 1024]);
    half_dirty(&mut xen, true);
    let domid = on_node_0(&mut xen);
    let extent = xen
        .take(domid, Kind::Memory, 256, Some(0))
        .expect("an extent");
    assert_eq!(extent.dirty_pages(), 0, "its pages are clean all the same");
    xen.assign(extent).expect("is assigned");
    let node = xen.node(0).expect("a node");
    assert_eq!((node.blocks[9].dirty, node.blocks[8].dirty), (1, 1));
    // So clean memory of the other node comes first.
    assert_eq!(populate(&mut xen, domid, 256, None), Ok(1));
}

#[test]
fn what_precedes_the_first_dirty_page_of_a_block_is_clean_once_it_is_cut() {
    let mut xen = busy(&[1024, 1024]);
    half_dirty(&mut xen, false);
    let domid = on_node_0(&mut xen);
    assert_eq!(populate(&mut xen, domid, 256, None), Ok(1));
    let extent = xen
        .take(domid, Kind::Memory, 256, Some(0))
        .expect("an extent");
    assert_eq!(extent.dirty_pages(), 256);
    xen.assign(extent).expect("is assigned");
    assert_eq!(populate(&mut xen, domid, 256, None), Ok(0));
    assert_eq!(xen.node(0).expect("a node").dirty_pages, 256);
}

#[test]
fn idle_cpus_leave_what_only_counts_as_dirty() {
    let mut xen = xen(Flavour::UPSTREAM, &[1024, 1024])
        .with_low_pages(0)
        .with_timing(Timing {
            scrubbed_pages_per_second: 0,
            ..Timing::default()
        });
    half_dirty(&mut xen, true);
    let domid = on_node_0(&mut xen);
    populate(&mut xen, domid, 256, Some(0)).expect("an extent");
    let mut xen = xen.with_timing(Timing::default());
    xen.advance_to(xen.now() + Duration::from_secs(60));
    let node = xen.node(0).expect("a node");
    let (half, quarter) = (node.blocks[9], node.blocks[8]);
    assert_eq!(
        (node.dirty_pages, half.clean, quarter.clean, quarter.dirty),
        (0, 1, 0, 1)
    );
}

/// Frames of 4 KiB from one address in GiB to another.
fn frames(gib: Range<u64>) -> Range<u64> {
    gib.start << 18..gib.end << 18
}

#[test]
fn the_zone_of_the_highest_addresses_gives_first() {
    let free = [vec![frames(6..9)], Vec::new()];
    let mut xen = busy(&[3 << 18, 0]).with_free_frames(&free, None);
    let domid = domain(&mut xen, 3 << 18);
    // A page of it, and no whole block is left from 8 GiB on.
    populate(&mut xen, domid, 1, Some(0)).expect("a page");
    for _ in 0..2 {
        populate(&mut xen, domid, 1 << 18, Some(0)).expect("a GiB");
    }
    assert!(populate(&mut xen, domid, 1 << 18, Some(0)).is_err());
    // Small blocks of a lower zone wait until the higher one has nothing.
    let free = [vec![(7 << 18)..(7 << 18) + 512, frames(8..9)], Vec::new()];
    let mut xen = busy(&[(1 << 18) + 512, 0]).with_free_frames(&free, None);
    let domid = domain(&mut xen, 3 << 18);
    populate(&mut xen, domid, 512, Some(0)).expect("2 MiB");
    let node = xen.node(0).expect("a node");
    assert_eq!((node.blocks[18].clean, node.blocks[9].clean), (0, 2));
}

#[test]
fn free_frames_under_the_dma_width_come_last() {
    let free = [vec![frames(1..2), frames(4..5)], vec![frames(6..7)]];
    let mut xen = busy(&[2 << 18, 1 << 18]).with_free_frames(&free, Some(31));
    let low_pages = |node| xen.node(node).map(|node| node.low_pages);
    assert_eq!((low_pages(0), low_pages(1)), (Some(1 << 18), Some(0)));
    let domid = on_node_0(&mut xen);
    let nodes: Vec<_> = (0..3)
        .map(|_| populate(&mut xen, domid, 1 << 18, None))
        .collect();
    assert_eq!(nodes, [Ok(0), Ok(1), Ok(0)]);
    assert_eq!(xen.check(), Ok(()));
    assert_eq!(xen.check_addresses(), Ok(()));
}
