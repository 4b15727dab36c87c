//! The calls that only XenServer 9's libxenctrl has.

use std::ffi::{c_uint, c_ulong};

use claims::{Domid, Errno};
use planner::PAGE_BYTES;

use crate::call::{domid, done, libxenctrl, table};
use crate::world::{World, UNKNOWN};

/// Memory of a node, in bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeMeminfo {
    pub size: u64,
    pub free: u64,
    /// What claims on this very node hold.
    pub claimed: u64,
}

impl World {
    /// A claim on a node, or, with the number for none, on the host.
    pub fn claim_node(&self, domid: Domid, node: u32, pages: u64) -> Result<(), Errno> {
        self.with(|state| match node {
            UNKNOWN => state.xen.claim_host(domid, pages),
            node => state.xen.claim_node(domid, node as usize, pages),
        })
    }

    pub fn node_meminfo(&self) -> Result<Vec<NodeMeminfo>, Errno> {
        let nodes = self.with(|state| Ok(state.xen.memory().nodes))?;
        let info = |node: &Option<planner::NodeMemory>| match node {
            None => NodeMeminfo {
                size: UNKNOWN.into(),
                ..NodeMeminfo::default()
            },
            Some(node) => NodeMeminfo {
                size: node.size_pages * PAGE_BYTES,
                free: node.free_pages * PAGE_BYTES,
                claimed: node.claimed_pages * PAGE_BYTES,
            },
        };
        Ok(nodes.iter().map(info).collect())
    }

    /// Pages of a domain's memory on each node.
    pub fn node_pages(&self, domid: Domid) -> Result<Vec<u64>, Errno> {
        self.with(|state| {
            state.xen.has_vcpus(domid)?;
            let mut pages = vec![0; state.xen.topology().node_count()];
            for (node, has) in state.xen.domain_pages(domid) {
                pages[node] = has;
            }
            Ok(pages)
        })
    }
}

libxenctrl! {
    fn xc_domain_claim_pages_node(world, number: u32, node: c_uint, pages: c_ulong) {
        done(world.claim_node(domid(number), node, pages))
    }

    fn xc_numa_meminfo(world, max_nodes: *mut c_uint, meminfo: *mut NodeMeminfo) {
        done(table(max_nodes, meminfo, &world.node_meminfo()?))
    }

    fn xc_domain_numa_get_node_pages(world, number: u32, nodes: *mut u32, pages: *mut u64) {
        done(table(nodes, pages, &world.node_pages(domid(number))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{small, ModelledHost};
    use model::Flavour;
    use xenctrl_sys as xc;

    #[test]
    fn claims_on_a_node_are_reported_and_so_are_pages() {
        let world = World::new(ModelledHost::new(small(), Flavour::XS9).unwrap());
        let domid = world.create(true, 1).unwrap();
        world.set_max(domid, 4096).unwrap();
        assert_eq!(world.claim_node(domid, 2, 1000), Err(Errno::ENOENT));
        assert_eq!(world.claim_node(domid, 1, 1000), Ok(()));
        let nodes = world.node_meminfo().unwrap();
        let claimed: Vec<u64> = nodes.iter().map(|node| node.claimed).collect();
        assert_eq!(claimed, [0, 1000 * PAGE_BYTES]);
        let exactly = 2 << 8 | xc::XENMEMF_exact_node_request;
        assert_eq!(world.populate(domid, 0, exactly, &mut [0, 1, 2]), Ok(3));
        assert_eq!(world.node_pages(domid), Ok(vec![0, 3]));
        assert_eq!(world.claim_node(domid, UNKNOWN, 0), Ok(()));
        assert_eq!(world.node_pages(Domid(99)), Err(Errno::ESRCH));
    }

    #[test]
    fn a_xen_without_such_claims_has_none() {
        let world = World::new(ModelledHost::new(small(), Flavour::UPSTREAM).unwrap());
        let domid = world.create(true, 1).unwrap();
        assert_eq!(world.claim_node(domid, 1, 1), Err(Errno::ENOSYS));
    }
}
