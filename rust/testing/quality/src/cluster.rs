//! A host while VMs run on it: who has which pages, and what is left on each node.

use planner::NodeSet;

use crate::arrivals::Vm;
use crate::hosts::Hardware;

/// One number a node.
pub type PerNode = [u64; planner::MAX_NODES];

/// Where a VM is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The nodes on whose CPUs it runs.
    pub cpu_nodes: NodeSet,
    /// The pages that it has on each node.
    pub pages: PerNode,
}

/// A running VM.
#[derive(Debug, Clone)]
pub struct Running {
    /// What it needs.
    pub vm: Vm,
    /// Where it is.
    pub place: Place,
    /// Whether all its memory is on one node.
    pub on_one_node: bool,
    /// The mean, over its CPU nodes, of the distance to its pages.
    pub distance: f64,
}

/// Takes `pages` of `free` evenly from `nodes`, page by page in turn as Xen does; a full node drops
/// out.
pub fn striped(free: &PerNode, nodes: NodeSet, pages: u64) -> PerNode {
    let mut taken = [0; planner::MAX_NODES];
    let mut left = pages;
    while left > 0 {
        let open = || nodes.iter().filter(|node| taken[*node] < free[*node]);
        let count = open().count() as u64;
        assert_ne!(count, 0, "a VM was placed where its memory is not");
        let open: NodeSet = open().collect();
        let (share, rest) = (left / count, left % count);
        for (i, node) in open.iter().enumerate() {
            // The last few pages come from the lowest nodes.
            let wanted = match share {
                0 => u64::from((i as u64) < rest),
                share => share,
            };
            let given = wanted.min(free[node] - taken[node]);
            taken[node] += given;
            left -= given;
        }
    }
    taken
}

/// A host and what runs on it.
#[derive(Debug, Clone)]
pub struct Cluster<'a> {
    /// The host.
    pub host: &'a Hardware,
    /// Free pages of each node.
    pub free: PerNode,
    /// vCPUs of each node; a VM on several counts on each by its share.
    pub vcpus: [f64; planner::MAX_NODES],
    /// The VMs, in order of arrival.
    pub running: Vec<Running>,
}

impl<'a> Cluster<'a> {
    /// A host on which nothing runs.
    pub fn new(host: &'a Hardware) -> Self {
        Cluster {
            host,
            free: host.boot_pages,
            vcpus: [0.0; planner::MAX_NODES],
            running: Vec::new(),
        }
    }

    /// All nodes.
    pub fn nodes(&self) -> NodeSet {
        NodeSet::first(self.host.nodes)
    }

    /// Free pages of `set`.
    pub fn headroom(&self, set: NodeSet) -> u64 {
        set.iter().map(|node| self.free[node]).sum()
    }

    /// Whether `set` has the memory and the cores for `vm`.
    pub fn fits(&self, set: NodeSet, vm: &Vm) -> bool {
        self.headroom(set) >= vm.pages && set.len() as u32 * self.host.cores() >= vm.vcpus
    }

    /// Whether some node has the memory and the cores for `vm`.
    pub fn one_node_suffices(&self, vm: &Vm) -> bool {
        vm.vcpus <= self.host.cores() && self.nodes().iter().any(|n| self.free[n] >= vm.pages)
    }

    /// Starts `vm` at `place`.
    pub fn start(&mut self, vm: Vm, place: Place) -> &Running {
        let topology = &self.host.topology;
        let mut distance = 0.0;
        for node in self.nodes().iter() {
            self.free[node] -= place.pages[node];
        }
        for cpu_node in place.cpu_nodes.iter() {
            self.vcpus[cpu_node] += f64::from(vm.vcpus) / place.cpu_nodes.len() as f64;
            for node in self.nodes().iter() {
                let between = topology.distance(cpu_node, node).unwrap_or_default();
                distance += f64::from(between) * place.pages[node] as f64;
            }
        }
        let on = place.pages.iter().filter(|pages| **pages > 0).count();
        self.running.push(Running {
            vm,
            distance: distance / (place.cpu_nodes.len() as u64 * vm.pages) as f64,
            on_one_node: on == 1,
            place,
        });
        &self.running[self.running.len() - 1]
    }

    /// Stops the VM at this place among the running ones.
    pub fn stop(&mut self, at: usize) {
        let Running { vm, place, .. } = self.running.remove(at);
        for node in self.nodes().iter() {
            self.free[node] += place.pages[node];
        }
        for node in place.cpu_nodes.iter() {
            self.vcpus[node] -= f64::from(vm.vcpus) / place.cpu_nodes.len() as f64;
        }
    }

    /// How many of the running VMs would be on one node if all were placed anew, largest first,
    /// on the first node that holds them.
    pub fn repacked(&self) -> usize {
        let mut free = self.host.boot_pages;
        let mut vms: Vec<Vm> = self.running.iter().map(|running| running.vm).collect();
        vms.sort_by_key(|vm| std::cmp::Reverse(vm.pages));
        let mut placed = 0;
        for vm in vms.iter().filter(|vm| vm.vcpus <= self.host.cores()) {
            if let Some(free) = free.iter_mut().find(|free| **free >= vm.pages) {
                *free -= vm.pages;
                placed += 1;
            }
        }
        placed
    }
}
