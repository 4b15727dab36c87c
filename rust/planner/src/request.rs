//! What a VM asks of a host.

use std::fmt;

use crate::cpus::CpuSet;
use crate::nodes::NodeSet;
use crate::topology::{Invalid, Topology};
use crate::units::{pages_up, MAX_BYTES};

/// The most vCPUs or cores that a request may name; far above what Xen starts.
pub const MAX_VCPUS: u32 = 1 << 20;

crate::named! {
    /// How strictly a VM is placed.
    #[derive(Default)]
    Policy {
        Any = "any": "anywhere: no affinity, memory of all nodes",
        #[default]
        BestEffort = "best_effort": "close to its memory, CPUs preferred, one core a vCPU",
        BestEffortHard = "best_effort_hard": "as best_effort, bound to its CPUs",
        PrioMemOnly = "prio_mem_only": "as best_effort, without asking for cores",
        Strict = "strict": "one node, or refused; bound to its CPUs",
    }
}

impl Policy {
    /// The cores that a VM of so many vCPUs asks for, unless it says otherwise.
    pub fn cores(self, vcpus: u32) -> u32 {
        match self {
            Policy::BestEffort | Policy::BestEffortHard | Policy::Strict => vcpus,
            Policy::PrioMemOnly | Policy::Any => 0,
        }
    }
}

crate::named! {
    /// Which of the sets of nodes at the same distance is taken.
    #[derive(Default)]
    Strategy {
        Pack = "pack": "the set that the VM fills best, so that large holes stay",
        /// Memory and vCPUs are level then: the others do not weigh the vCPUs that live on a node.
        #[default]
        Spread = "spread": "the set that is least used, as a share of its memory, with the VM",
        /// Holes are: the span of the largest node with CPUs that the VM may use (counted twice),
        /// half, a quarter, an eighth of it, each less 1/32; of single nodes that end as many the
        /// one with the least room is taken. Of sets of several nodes it is the one with the
        /// emptiest node, then the one with the least room.
        Balance = "balance": "the set that ends the fewest large holes",
    }
}

/// What a VM asks, in bytes, not yet checked. What is not set is open: see each `with_…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDescription {
    memory_bytes: u64,
    vcpus: u32,
    overhead_bytes: u64,
    cores: Option<u32>,
    policy: Option<Policy>,
    strategy: Option<Strategy>,
    allowed_cpus: Option<Vec<u32>>,
    allowed_nodes: Option<Vec<u32>>,
}

impl RequestDescription {
    /// Asks for the memory that the builder will populate, and as many CPUs as vCPUs.
    pub fn new(memory_bytes: u64, vcpus: u32) -> Self {
        RequestDescription {
            memory_bytes,
            vcpus,
            overhead_bytes: 0,
            cores: None,
            policy: None,
            strategy: None,
            allowed_cpus: None,
            allowed_nodes: None,
        }
    }

    /// The memory that the domain needs beside it: pool, vCPUs, structures. None unless set.
    pub fn with_overhead_bytes(mut self, overhead_bytes: u64) -> Self {
        self.overhead_bytes = overhead_bytes;
        self
    }

    /// As many as vCPUs unless set, or 0 for `PrioMemOnly` and `Any`.
    pub fn with_cores(mut self, cores: impl Into<Option<u32>>) -> Self {
        self.cores = cores.into();
        self
    }

    /// How strictly the VM is placed. The host's unless set.
    pub fn with_policy(mut self, policy: impl Into<Option<Policy>>) -> Self {
        self.policy = policy.into();
        self
    }

    /// Which of the sets of nodes at the same distance is taken. The host's unless set.
    pub fn with_strategy(mut self, strategy: impl Into<Option<Strategy>>) -> Self {
        self.strategy = strategy.into();
        self
    }

    /// The CPUs that the VM may use. All unless set.
    pub fn with_allowed_cpus(mut self, cpus: impl Into<Option<Vec<u32>>>) -> Self {
        self.allowed_cpus = cpus.into();
        self
    }

    /// The nodes that the VM may use. All unless set.
    pub fn with_allowed_nodes(mut self, nodes: impl Into<Option<Vec<u32>>>) -> Self {
        self.allowed_nodes = nodes.into();
        self
    }

    /// The same on a host of this policy and strategy, which are taken where none is set.
    pub fn or(mut self, policy: Policy, strategy: Strategy) -> Self {
        self.policy.get_or_insert(policy);
        self.strategy.get_or_insert(strategy);
        self
    }
}

/// What a VM asks of a host, checked. Made by [`Request::new`], or by [`Request::of_pages`] where
/// what is asked needs no check; its fields may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// Pages that the builder will populate.
    pub memory_pages: u64,
    /// Pages that the domain needs beside them.
    pub overhead_pages: u64,
    /// vCPUs: as many CPUs are asked for.
    pub vcpus: u32,
    /// Cores asked for.
    pub cores: u32,
    /// How strictly the VM is placed.
    pub policy: Policy,
    /// Which of equally near sets is taken.
    pub strategy: Strategy,
    /// The CPUs that the VM may use; `None`: all.
    pub allowed_cpus: Option<CpuSet>,
    /// The nodes that the VM may use; `None`: all.
    pub allowed_nodes: Option<NodeSet>,
}

impl Request {
    /// A request of so many pages, vCPUs and cores, by the default policy and strategy.
    pub fn of_pages(memory_pages: u64, vcpus: u32) -> Self {
        Request {
            memory_pages,
            overhead_pages: 0,
            vcpus,
            cores: vcpus,
            policy: Policy::default(),
            strategy: Strategy::default(),
            allowed_cpus: None,
            allowed_nodes: None,
        }
    }

    /// The request that `description` asks for, or what is wrong with it on a host of `topology`.
    /// A policy and a strategy that are not set are the defaults.
    pub fn new(description: &RequestDescription, topology: &Topology) -> Result<Self, Invalid> {
        description.check()?;
        let RequestDescription {
            memory_bytes,
            vcpus,
            overhead_bytes,
            cores,
            policy,
            strategy,
            ref allowed_cpus,
            ref allowed_nodes,
        } = *description;
        let policy = policy.unwrap_or_default();
        let (cpus, nodes) = (topology.cpu_count(), topology.node_count());
        Ok(Request {
            memory_pages: pages_up(memory_bytes),
            overhead_pages: pages_up(overhead_bytes),
            vcpus,
            cores: cores.unwrap_or(policy.cores(vcpus)),
            policy,
            strategy: strategy.unwrap_or_default(),
            allowed_cpus: ids("allowed_cpus", allowed_cpus, cpus)?,
            allowed_nodes: ids("allowed_nodes", allowed_nodes, nodes)?,
        })
    }
}

impl RequestDescription {
    /// What is wrong with it on any host.
    pub fn check(&self) -> Result<(), Invalid> {
        within("memory_bytes", self.memory_bytes, (1, MAX_BYTES))?;
        within("overhead_bytes", self.overhead_bytes, (0, MAX_BYTES))?;
        within("vcpus", self.vcpus, (1, MAX_VCPUS))?;
        within("cores", self.cores.unwrap_or(0), (0, MAX_VCPUS))?;
        let lists = [
            ("allowed_cpus", &self.allowed_cpus),
            ("allowed_nodes", &self.allowed_nodes),
        ];
        match lists
            .iter()
            .find(|(_, list)| list.as_ref().is_some_and(Vec::is_empty))
        {
            None => Ok(()),
            Some((field, _)) => {
                let expected = "at least one, or no such field";
                Err(Invalid::new(*field, "an empty list", expected))
            }
        }
    }
}

fn within<T: Copy + PartialOrd + fmt::Display>(
    field: &str,
    value: T,
    (least, most): (T, T),
) -> Result<(), Invalid> {
    match (value < least, value > most) {
        (true, _) => Err(Invalid::new(field, value, format!("at least {least}"))),
        (_, true) => Err(Invalid::new(field, value, format!("at most {most}"))),
        (false, false) => Ok(()),
    }
}

/// The numbers of a list, all below `count`.
fn ids<T: FromIterator<usize>>(
    field: &str,
    ids: &Option<Vec<u32>>,
    count: usize,
) -> Result<Option<T>, Invalid> {
    let Some(ids) = ids else { return Ok(None) };
    match ids.iter().position(|id| *id as usize >= count) {
        None => Ok(Some(ids.iter().map(|id| *id as usize).collect())),
        Some(i) => {
            let expected = match count {
                0 => "none: the host has no CPU".to_string(),
                count => format!("0 to {}, which the host has", count - 1),
            };
            Err(Invalid::new(format!("{field}[{i}]"), ids[i], expected))
        }
    }
}
