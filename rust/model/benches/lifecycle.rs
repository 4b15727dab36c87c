//! How many VM lifecycles the model runs in a second: created, claimed, filled by 1 GiB extents,
//! destroyed, and their memory given back.

use std::time::Duration;

use claims::pool_pages;
use divan::counter::ItemsCount;
use planner::{Host, HostDescription, NodeDescription, NodeSet, TopologyDescription, PAGE_BYTES};
use xenopsd_numa_model::{Flavour, Kind, Xen, MAX_EXTENT_PAGES};

/// Memory of each VM: 332 GiB.
const VM_PAGES: u64 = 332 << 18;
const VCPUS: u32 = 6;

/// Lifecycles of one measurement.
const LIFECYCLES: usize = 100;

fn main() {
    divan::main();
}

/// Two nodes of 512 GiB, all free.
fn host() -> Host {
    let node = NodeDescription {
        size_bytes: Some((512 << 18) * PAGE_BYTES),
        free_bytes: Some((512 << 18) * PAGE_BYTES),
        claimed_bytes: 0,
    };
    let description = HostDescription {
        topology: TopologyDescription {
            distances: vec![vec![Some(10), Some(21)], vec![Some(21), Some(10)]],
            cpu_to_node: (0..48).map(|cpu| Some(cpu % 2)).collect(),
            cpu_to_core: (0..48).map(|cpu| Some(cpu / 2)).collect(),
            cpu_to_socket: (0..48).map(|cpu| Some(cpu % 2)).collect(),
        },
        nodes: vec![node.clone(), node],
        host_free_bytes: (1024 << 18) * PAGE_BYTES,
        host_outstanding_bytes: 0,
    };
    Host::new(&description).expect("a host")
}

fn lifecycle(xen: &mut Xen, node: usize) {
    let domid = xen.create(VCPUS).expect("a domain");
    xen.set_max(domid, VM_PAGES).expect("its maximum");
    xen.set_node_affinity(domid, NodeSet::one(node))
        .expect("a node");
    xen.claim_host(domid, VM_PAGES).expect("a claim");
    xen.fill_pool(domid, pool_pages(VCPUS, VM_PAGES), u64::MAX)
        .expect("a pool");
    xen.create_vcpus(domid).expect("vCPUs");
    for _ in 0..VM_PAGES / MAX_EXTENT_PAGES {
        let extent = xen.take(domid, Kind::Memory, MAX_EXTENT_PAGES, None);
        xen.assign(extent.expect("1 GiB")).expect("enough memory");
    }
    xen.claim_host(domid, 0).expect("its end");
    xen.unpause(domid).expect("it runs");
    xen.destroy(domid).expect("its end");
    xen.advance_to(xen.now() + Duration::from_secs(120));
}

#[divan::bench(args = Flavour::ALL.map(|flavour| flavour.name))]
fn lifecycles(bencher: divan::Bencher, flavour: &str) {
    let flavour = Flavour::by_name(flavour).expect("a flavour");
    let mut xen = Xen::new(&host(), flavour);
    bencher
        .counter(ItemsCount::new(LIFECYCLES))
        .bench_local(|| {
            for i in 0..LIFECYCLES {
                lifecycle(&mut xen, i % 2);
            }
            assert_eq!(xen.physinfo().free_pages, 1024 << 18);
            assert_eq!(xen.check(), Ok(()));
        });
}
