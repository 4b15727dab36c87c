//! What a VM asks of a host.

use crate::cpus::CpuSet;
use crate::nodes::NodeSet;
use crate::topology::{Invalid, Topology};
use crate::units::{pages_up, MAX_BYTES};

/// The most vCPUs or cores that a request may name; far above what Xen starts.
pub const MAX_VCPUS: u32 = 1 << 20;

/// How strictly a VM is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Anywhere: no affinity, memory of all nodes.
    Any,
    /// Near memory, preferred CPUs (soft affinity), one core a vCPU.
    BestEffort,
    /// As `BestEffort`, with hard affinity.
    BestEffortHard,
    /// As `BestEffort`, without asking for cores.
    PrioMemOnly,
    /// One node, or refused.
    Strict,
}

/// Which of equally near sets of nodes is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The set that the VM fills best, so that large holes stay.
    Pack,
    /// The set that is least used, as a share of its memory, once the VM is there, so that memory
    /// and vCPUs are level.
    Spread,
    /// The set that ends the fewest large holes: of single nodes the one on which the fewest of
    /// these cease to be free: the span of the largest node with CPUs that the VM may use (counted
    /// twice), half, a quarter, an eighth of it, each less 1/32; then the one with the least room.
    /// Of sets of several nodes the one with the emptiest node, then the one with the least room.
    Balance,
}

/// What a VM asks, in bytes, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDescription {
    /// Memory that the builder will populate.
    pub memory_bytes: u64,
    /// Memory that the domain needs beside it: pool, vCPUs, structures.
    pub overhead_bytes: u64,
    /// vCPUs.
    pub vcpus: u32,
    /// Cores; `None`: as many as vCPUs, or 0 for `PrioMemOnly` and `Any`.
    pub cores: Option<u32>,
    /// How strictly the VM is placed.
    pub policy: Policy,
    /// Which of equally near sets is taken.
    pub strategy: Strategy,
    /// The CPUs that the VM may use; `None`: all.
    pub allowed_cpus: Option<Vec<u32>>,
    /// The nodes that the VM may use; `None`: all.
    pub allowed_nodes: Option<Vec<u32>>,
}

/// What a VM asks of a host, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The request that `description` tells, or what is wrong with it on a host of `topology`.
    pub fn new(description: &RequestDescription, topology: &Topology) -> Result<Self, Invalid> {
        let RequestDescription {
            memory_bytes,
            overhead_bytes,
            vcpus,
            cores,
            policy,
            strategy,
            ref allowed_cpus,
            ref allowed_nodes,
        } = *description;
        let bytes = |field: &str, least: u64, bytes: u64| match bytes {
            bytes if (least..=MAX_BYTES).contains(&bytes) => Ok(pages_up(bytes)),
            bytes => {
                let expected = format!("{least} to {MAX_BYTES} bytes");
                Err(Invalid::new(field, bytes, expected))
            }
        };
        let count = |field: &str, least: u32, count: u32| match count {
            count if (least..=MAX_VCPUS).contains(&count) => Ok(count),
            count => Err(Invalid::new(
                field,
                count,
                format!("{least} to {MAX_VCPUS}"),
            )),
        };
        let cores = match (cores, policy) {
            (Some(cores), _) => cores,
            (None, Policy::BestEffort | Policy::BestEffortHard | Policy::Strict) => vcpus,
            (None, Policy::PrioMemOnly | Policy::Any) => 0,
        };
        let allowed_cpus = ids(
            "allowed_cpus",
            allowed_cpus.as_deref(),
            topology.cpu_count(),
        )?;
        let allowed_nodes = ids(
            "allowed_nodes",
            allowed_nodes.as_deref(),
            topology.node_count(),
        )?;
        Ok(Request {
            memory_pages: bytes("memory_bytes", 1, memory_bytes)?,
            overhead_pages: bytes("overhead_bytes", 0, overhead_bytes)?,
            vcpus: count("vcpus", 1, vcpus)?,
            cores: count("cores", 0, cores)?,
            policy,
            strategy,
            allowed_cpus: allowed_cpus.map(|ids| ids.iter().map(|id| *id as usize).collect()),
            allowed_nodes: allowed_nodes.map(|ids| ids.iter().map(|id| *id as usize).collect()),
        })
    }
}

fn ids<'a>(
    field: &str,
    ids: Option<&'a [u32]>,
    count: usize,
) -> Result<Option<&'a [u32]>, Invalid> {
    let Some(ids) = ids else { return Ok(None) };
    if ids.is_empty() {
        let expected = "at least one, or no such field";
        return Err(Invalid::new(field, "an empty list", expected));
    }
    match ids.iter().position(|id| *id as usize >= count) {
        None => Ok(Some(ids)),
        Some(i) => {
            let expected = match count {
                0 => "none: the host has no CPU".to_string(),
                count => format!("0 to {}, which the host has", count - 1),
            };
            Err(Invalid::new(format!("{field}[{i}]"), ids[i], expected))
        }
    }
}
