//! The modelled Xen as a backend.

use claims::{Domid, Errno};
use model::{Flavour, Model};
use planner::{Host, HostDescription, NodeDescription, TopologyDescription};

use crate::bench::Backend;

impl Backend for Model {
    fn node_claims(&self) -> bool {
        self.with(|xen| xen.flavour().has_node_claims())
    }

    fn claim_sets(&self) -> bool {
        self.with(|xen| xen.flavour().has_claim_sets())
    }

    fn create_domain(&self, vcpus: u32, max_pages: u64) -> Result<Domid, Errno> {
        Model::create_domain(self, vcpus, max_pages)
    }

    fn set_pool(&self, domid: Domid, pages: u64) -> Result<(), Errno> {
        Model::set_pool(self, domid, pages)
    }

    fn populate(&self, domid: Domid, pages: u64, exact_node: Option<usize>) -> u64 {
        Model::populate(self, domid, pages, exact_node)
    }
}

/// A Xen on nodes of 64 GiB each, distances 10 and 21, 8 CPUs each.
pub fn host(flavour: Flavour, nodes: usize) -> Model {
    let gib = 64;
    let node = NodeDescription {
        size_bytes: Some(gib << 30),
        free_bytes: Some(gib << 30),
        claimed_bytes: 0,
    };
    let row = |a| {
        (0..nodes)
            .map(|b| Some(if a == b { 10 } else { 21 }))
            .collect()
    };
    let cpus = 0..8 * nodes as u32;
    let host = Host::new(&HostDescription {
        topology: TopologyDescription {
            distances: (0..nodes).map(row).collect(),
            cpu_to_node: cpus.clone().map(|cpu| Some(cpu / 8)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu % 8))).collect(),
            cpu_to_socket: cpus.map(|cpu| Some(i64::from(cpu / 8))).collect(),
        },
        nodes: vec![node; nodes],
        host_free_bytes: (nodes as u64 * gib) << 30,
        host_outstanding_bytes: 0,
    })
    .unwrap();
    Model::new(&host, flavour)
}
