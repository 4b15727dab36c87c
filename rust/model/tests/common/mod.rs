//! Hosts and domains for tests.
#![allow(dead_code, reason = "each test uses some of it")]

use claims::{Domid, Errno};
use planner::{Host, HostDescription, NodeDescription, TopologyDescription, PAGE_BYTES};
use xenopsd_numa_model::{Flavour, Kind, Sizes, Xen};

/// A host whose nodes have `free_pages`, 16 pages that are not free, and two CPUs each; the last
/// node is offline if `offline`.
pub fn host(free_pages: &[u64], offline: bool) -> Host {
    let nodes = free_pages.len();
    let online = |i: usize| !(offline && i + 1 == nodes);
    let distance = |a: usize, b: usize| match (online(a) && online(b), a == b) {
        (false, _) => None,
        (true, true) => Some(10),
        (true, false) => Some(21),
    };
    let cpus = 0..2 * nodes as u32;
    let topology = TopologyDescription {
        distances: (0..nodes)
            .map(|a| (0..nodes).map(|b| distance(a, b)).collect())
            .collect(),
        cpu_to_node: cpus.clone().map(|cpu| Some(cpu / 2)).collect(),
        cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu))).collect(),
        cpu_to_socket: cpus.map(|cpu| Some(i64::from(cpu / 2))).collect(),
    };
    let bytes = |i: usize, pages: u64| online(i).then_some(pages * PAGE_BYTES);
    let description = HostDescription {
        topology,
        nodes: (0..nodes)
            .map(|i| NodeDescription {
                size_bytes: bytes(i, free_pages[i] + 16),
                free_bytes: bytes(i, free_pages[i]),
                claimed_bytes: 0,
            })
            .collect(),
        host_free_bytes: free_pages.iter().sum::<u64>() * PAGE_BYTES,
        host_outstanding_bytes: 0,
    };
    Host::new(&description).expect("a host for a test")
}

/// Pages of 1 GiB.
pub const GIB: u64 = 1 << 18;

/// A Xen whose domains have no structures, so that figures are round.
pub fn xen(flavour: Flavour, free_pages: &[u64]) -> Xen {
    Xen::new(&host(free_pages, false), flavour).with_sizes(Sizes {
        domain_pages: 0,
        vcpu_pages: 0,
    })
}

pub fn domain(xen: &mut Xen, max_pages: u64) -> Domid {
    let domid = xen.create(1).expect("a domain");
    xen.set_max(domid, max_pages).expect("its maximum");
    domid
}

pub fn populate(
    xen: &mut Xen,
    domid: Domid,
    pages: u64,
    node: Option<usize>,
) -> Result<usize, Errno> {
    let extent = xen.take(domid, Kind::Memory, pages, node)?;
    let node = extent.node();
    xen.assign(extent).map(|()| node)
}
