//! The host as the next placement must see it: what Xen says is free, less what is owed to
//! domains that have claimed it and held back for domains that are being built.
//!
//! Derived from the hypervisor each time: every domain with outstanding pages owes them to its
//! node affinity, which was set before its claim. So a second process sees the same, but for how
//! a claim set is shared out, which Xen does not tell: it takes the shares for equal.

use std::collections::BTreeMap;
use std::sync::Arc;

use planner::{Host, Memory, NodeSet, Request, Reserve, Topology};

use crate::attempt::Attempt;
use crate::config::Config;
use crate::error::Error;
use crate::hypervisor::{CallError, DomainInfo, Domid, Errno, Hypervisor, NodePages};
use crate::sizes::least_structure_pages;

/// A domain that was placed and whose build has not ended.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    /// Whose it is.
    pub attempt: Attempt,
    /// The nodes of its plan; all online nodes if it has none.
    pub nodes: NodeSet,
    /// What its builder will populate.
    pub memory_pages: u64,
    /// Pages of its overhead that it has not taken yet.
    pub held_pages: u64,
    /// Pages of structures that its nodes keep free besides, and that are no reason to refuse
    /// another domain.
    pub structure_pages: u64,
    /// The least that these come to.
    pub least_structure_pages: u64,
    /// Which claim Xen knows of.
    pub claim: Claimed,
    /// What each node gives of a set, where that is its claim.
    pub set: Vec<NodePages>,
    /// Whether node affinity was set, and is Xen's again when the build ends.
    pub affinity: Affined,
}

impl Build {
    /// What is neither claimed nor populated yet of a domain that its builder claims for, or none.
    pub fn unclaimed_pages(&self, domains: &[DomainInfo], domid: Domid) -> u64 {
        let taken = (domains.iter().find(|domain| domain.domid == domid)).map_or(0, |domain| {
            domain.tot_pages.saturating_add(domain.outstanding_pages)
        });
        match self.claim {
            Claimed::Not => self.memory_pages.saturating_sub(taken),
            Claimed::OnNode | Claimed::InSet | Claimed::OnHost => 0,
        }
    }
}

/// The claim of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claimed {
    /// None: its builder's, or none at all.
    Not,
    /// On one node.
    OnNode,
    /// On the planned nodes, each with its own share.
    InSet,
    /// On the host.
    OnHost,
}

/// What the protocol did to a domain's node affinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affined {
    /// Nothing.
    Not,
    /// It was set, until the build ends.
    ForBuild,
    /// It was set and stays: the plan has a node without CPUs, which Xen would not derive.
    ForGood,
}

/// What was read in one go.
pub(crate) struct View {
    pub host: Host,
    pub domains: Vec<DomainInfo>,
    /// What the structures of builds in flight will take at least, beside what is held back.
    pub structure_pages: u64,
    /// Why nothing is known of free memory; what is said of it is 0 then.
    pub unknown: Option<CallError>,
    /// Free less outstanding pages, as Xen tells; may be below zero while accounting is late.
    pub unclaimed_pages: i64,
}

/// Reads the hypervisor. `builds` that have no living domain any more are forgotten.
pub(crate) fn view<H: Hypervisor>(
    hypervisor: &H,
    topology: &Arc<Topology>,
    builds: &mut BTreeMap<Domid, Build>,
) -> Result<View, Error> {
    let domains = hypervisor
        .domains()
        .map_err(Error::reading("listing domains"))?;
    let (mut memory, unknown) = match hypervisor.memory() {
        Ok(memory) => (memory, None),
        Err(error) if error.is_unavailable() => (nothing_known(), Some(error)),
        Err(error) => return Err(Error::reading("reading free memory")(error)),
    };
    let unclaimed_pages = memory.host_free_pages as i64 - memory.host_outstanding_pages as i64;
    builds.retain(|domid, _| domains.iter().any(|d| d.domid == *domid && !d.dying));
    let online = topology.online();
    for domain in domains.iter().filter(|d| d.outstanding_pages > 0) {
        let set = builds
            .get(&domain.domid)
            .map_or(&[][..], |build| &build.set);
        match hypervisor.node_affinity(domain.domid) {
            Ok(_) if !set.is_empty() => owe_set(&mut memory, set, domain.outstanding_pages),
            Ok(nodes) => owe(
                &mut memory,
                nodes.intersection(online),
                domain.outstanding_pages,
            ),
            // A domain that vanished in between owes nothing.
            Err(error) if matches!(error.errno, Errno::ESRCH | Errno::EINVAL) => (),
            Err(error) => {
                let doing = "reading its node affinity";
                return Err(Error::call(domain.domid, doing)(error));
            }
        }
    }
    for (domid, build) in builds.iter() {
        if build.claim == Claimed::Not {
            let to_come = build.unclaimed_pages(&domains, *domid);
            owe(&mut memory, build.nodes, to_come);
            memory.host_reserved_pages += to_come;
        }
        memory.host_reserved_pages += build.held_pages;
        hold(
            &mut memory,
            build.nodes,
            build.held_pages + build.structure_pages,
        );
    }
    let host = Host::with_memory(topology.clone(), memory);
    Ok(View {
        host,
        domains,
        structure_pages: (builds.values())
            .map(|build| build.least_structure_pages)
            .sum(),
        unknown,
        unclaimed_pages,
    })
}

impl View {
    /// What `request` must leave of the host: what is configured, or the structures that come out
    /// of it if they are more.
    pub fn reserve(&self, config: &Config, request: &Request) -> Reserve {
        let own_pages = least_structure_pages(request.vcpus);
        reserve(config, own_pages + self.structure_pages)
    }
}

/// What is configured, or `structure_pages` of the host if they are more.
pub(crate) fn reserve(config: &Config, structure_pages: u64) -> Reserve {
    Reserve {
        host_pages: config.reserve.host_pages.max(structure_pages),
        node_pages: config.reserve.node_pages,
    }
}

fn nothing_known() -> Memory {
    Memory {
        nodes: Vec::new(),
        host_free_pages: 0,
        host_outstanding_pages: 0,
        host_reserved_pages: 0,
    }
}

fn share(nodes: NodeSet, pages: u64) -> u64 {
    match nodes.len() as u64 {
        0 => 0,
        count => pages.div_ceil(count),
    }
}

fn owe(memory: &mut Memory, nodes: NodeSet, pages: u64) {
    for node in nodes.iter() {
        if let Some(Some(node)) = memory.nodes.get_mut(node) {
            node.committed_pages = node.committed_pages.saturating_add(share(nodes, pages));
        }
    }
}

/// What is left of a set, as if each node had given in proportion to its share.
fn owe_set(memory: &mut Memory, set: &[NodePages], left_pages: u64) {
    let total: u64 = set.iter().map(|share| share.pages).sum();
    for share in set {
        let left = u128::from(share.pages) * u128::from(left_pages);
        if let Some(Some(node)) = memory.nodes.get_mut(share.node) {
            let left = left.div_ceil(u128::from(total.max(1))) as u64;
            node.committed_pages = node.committed_pages.saturating_add(left);
        }
    }
}

fn hold(memory: &mut Memory, nodes: NodeSet, pages: u64) {
    for node in nodes.iter() {
        if let Some(Some(node)) = memory.nodes.get_mut(node) {
            node.reserved_pages += share(nodes, pages);
        }
    }
}
