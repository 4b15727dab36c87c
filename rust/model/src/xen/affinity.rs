//! From which nodes a domain's memory is taken: set, or derived from its vCPUs.

use claims::{Affinity, Domid, Errno};
use planner::{CpuSet, NodeSet, MAX_NODES};

use super::Xen;

/// The affinity of a vCPU; `None`: every CPU.
#[derive(Debug, Clone, Default)]
pub(super) struct VcpuAffinity {
    hard: Option<CpuSet>,
    soft: Option<CpuSet>,
}

impl Xen {
    /// The domain's node affinity.
    pub fn node_affinity(&self, domid: Domid) -> Result<NodeSet, Errno> {
        self.up()?;
        Ok(self.known(domid)?.node_affinity)
    }

    /// Sets the node affinity; a mask with every bit makes it automatic again.
    pub fn set_node_affinity(&mut self, domid: Domid, nodes: NodeSet) -> Result<(), Errno> {
        self.up()?;
        let online = self.online();
        let domain = self.known_mut(domid)?;
        if nodes.intersection(online).is_empty() {
            return Err(Errno::EINVAL);
        }
        domain.auto_affinity = nodes == NodeSet::first(MAX_NODES);
        if !domain.auto_affinity {
            domain.node_affinity = nodes;
        }
        self.update_affinity(domid)
    }

    /// Sets the soft or hard affinity of one vCPU.
    pub fn set_vcpu_affinity(
        &mut self,
        domid: Domid,
        vcpu: u32,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), Errno> {
        self.up()?;
        let reachable = !self.topology.cpus_of(self.online(), Some(cpus)).is_empty();
        let domain = self.known_mut(domid)?;
        if vcpu >= domain.vcpus {
            return Err(Errno::EINVAL);
        }
        let known = domain.affinities.get_mut(vcpu as usize);
        let known = known.ok_or(Errno::ESRCH)?;
        match affinity {
            Affinity::Hard if !reachable => return Err(Errno::EINVAL),
            Affinity::Hard => known.hard = Some(cpus.clone()),
            Affinity::Soft => known.soft = Some(cpus.clone()),
        }
        self.update_affinity(domid)
    }

    /// Derives an automatic node affinity anew. A domain without vCPUs keeps the one it has, also
    /// when it has just become automatic again.
    pub(super) fn update_affinity(&mut self, domid: Domid) -> Result<(), Errno> {
        let domain = self.known(domid)?;
        if !domain.auto_affinity || domain.affinities.is_empty() {
            return Ok(());
        }
        let hard = union(domain.affinities.iter().map(|vcpu| vcpu.hard.as_ref()));
        let soft = union(domain.affinities.iter().map(|vcpu| vcpu.soft.as_ref()));
        let online = self.online();
        let hard = self.topology.cpus_of(online, hard.as_ref());
        let both: CpuSet = match &soft {
            None => hard.clone(),
            Some(soft) => hard.iter().filter(|cpu| soft.contains(*cpu)).collect(),
        };
        let cpus = if both.is_empty() { hard } else { both };
        let on = self.topology.processors(Some(&cpus)).cpus;
        let nodes: NodeSet = online.iter().filter(|node| on[*node] > 0).collect();
        // A host whose CPUs are all unknown has no node with CPUs.
        let nodes = if nodes.is_empty() { online } else { nodes };
        self.known_mut(domid)?.node_affinity = nodes;
        Ok(())
    }
}

/// The CPUs of any of them; `None`, every CPU, if one has no limit.
fn union<'a>(sets: impl Iterator<Item = Option<&'a CpuSet>>) -> Option<CpuSet> {
    let mut all = CpuSet::new();
    for set in sets {
        set?.iter().for_each(|cpu| all.insert(cpu));
    }
    Some(all)
}
