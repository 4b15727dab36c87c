//! A scenario as data: a host, VMs, and what is done with them in which phase.

use claims::{overhead_pages, structure_pages, Config};
use fastrand::Rng;
use planner::{
    Host, HostDescription, Invalid, NodeDescription, Policy, Strategy, TopologyDescription,
    PAGE_BYTES,
};
use serde::Deserialize;

use super::job::{FaultSpec, PhaseSpec};
use super::result::Variant;

/// The format that is read.
pub const FORMAT: &str = "xenopsd-numa-scenario/1";

/// A scenario.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// [`FORMAT`].
    pub format: String,
    /// Its name.
    pub name: String,
    /// What it shows, in a sentence or two.
    pub about: String,
    /// The host.
    pub host: HostSpec,
    /// Which of equally near nodes its VMs take; the switches' default if it is left out.
    #[serde(default)]
    pub strategy: Option<StrategySpec>,
    /// What is kept free of every placement; the switches' default if it is left out.
    #[serde(default)]
    pub reserve_pages: Option<u64>,
    /// What of it is kept free on each node.
    #[serde(default)]
    pub node_reserve_pages: u64,
    /// Whether durations and sizes vary with the seed.
    #[serde(default = "yes")]
    pub jitter: bool,
    /// The most pages that Xen takes for itself now and then, and gives back.
    #[serde(default)]
    pub noise_pages: u64,
    /// How many free pages of each node its idle CPUs clean in a second.
    #[serde(default)]
    pub scrubbed_pages_per_second: Option<u64>,
    /// The VMs.
    pub vms: Vec<VmSpec>,
    /// What happens, one after the other.
    pub phases: Vec<PhaseSpec>,
    /// Calls that go wrong.
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
    /// Before which events of the run, counted from 0, the toolstack dies and comes back.
    #[serde(default)]
    pub dies_at_events: Vec<u64>,
}

fn yes() -> bool {
    true
}

/// The host of a scenario.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpec {
    /// Its nodes.
    pub nodes: Vec<NodeSpec>,
    /// Distances between them; 10 and 21 if they are left out.
    #[serde(default)]
    pub distances: Option<Vec<Vec<Option<u32>>>>,
    /// CPUs of each node.
    pub cpus_per_node: u32,
    /// CPUs of each core.
    #[serde(default = "one")]
    pub threads_per_core: u32,
    /// Pages of the first node under the DMA width; as Xen chooses them if it is left out.
    #[serde(default)]
    pub low_pages: Option<u64>,
}

fn one() -> u32 {
    1
}

/// A node's memory.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// All of it.
    pub size_pages: u64,
    /// What Xen and the control domain leave of it.
    pub free_pages: u64,
    /// By how much that may be less, as the seed decides.
    #[serde(default)]
    pub jitter_pages: u64,
}

/// A VM, or several alike.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VmSpec {
    /// Its name; of several alike, followed by a number from 1 on.
    pub name: String,
    /// How many there are.
    #[serde(default = "one")]
    pub count: u32,
    /// Its virtual CPUs.
    pub vcpus: u32,
    /// Its memory, video hole included.
    pub memory: MemorySpec,
    /// How it is built.
    #[serde(default)]
    pub kind: VmKind,
    /// Its policy.
    #[serde(default)]
    pub policy: PolicySpec,
    /// Whether its builder claims for itself, as the PV builder of XCP-ng does.
    #[serde(default)]
    pub builder_claims: bool,
    /// The nodes to whose CPUs an administrator bound its vCPUs; not bound if it is left out.
    #[serde(default)]
    pub bound_to_nodes: Option<Vec<usize>>,
}

/// How large a VM is.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MemorySpec {
    /// That many pages.
    Pages(u64),
    /// The most that, with its overhead, is no more than a part of what is free and not reserved.
    Share {
        /// Into how many parts that is divided.
        parts: u64,
        /// What it is larger by, or smaller.
        #[serde(default)]
        more_pages: i64,
    },
}

/// How a VM is built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VmKind {
    /// With a device model: 32 pages fewer, for the video hole.
    #[default]
    Hvm,
    /// In one piece.
    Pv,
}

/// A VM's policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "they are the planner's")]
pub enum PolicySpec {
    Any,
    #[default]
    BestEffort,
    BestEffortHard,
    PrioMemOnly,
    Strict,
}

impl From<PolicySpec> for Policy {
    fn from(policy: PolicySpec) -> Self {
        match policy {
            PolicySpec::Any => Policy::Any,
            PolicySpec::BestEffort => Policy::BestEffort,
            PolicySpec::BestEffortHard => Policy::BestEffortHard,
            PolicySpec::PrioMemOnly => Policy::PrioMemOnly,
            PolicySpec::Strict => Policy::Strict,
        }
    }
}

/// The planner's strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "they are the planner's")]
pub enum StrategySpec {
    Pack,
    Spread,
    Balance,
}

impl From<StrategySpec> for Strategy {
    fn from(strategy: StrategySpec) -> Self {
        match strategy {
            StrategySpec::Pack => Strategy::Pack,
            StrategySpec::Spread => Strategy::Spread,
            StrategySpec::Balance => Strategy::Balance,
        }
    }
}

impl VmKind {
    /// What a builder populates of a memory that large.
    pub fn populated_pages(self, memory_pages: u64) -> u64 {
        match self {
            VmKind::Hvm => memory_pages.saturating_sub(32),
            VmKind::Pv => memory_pages,
        }
    }
}

impl Scenario {
    /// Whether its VMs' memory may be aligned or not.
    pub fn has_variants(&self) -> bool {
        let share = |vm: &VmSpec| matches!(vm.memory, MemorySpec::Share { .. });
        self.vms.iter().any(share)
    }

    /// Its switches.
    pub fn config(&self) -> Config {
        let default = Config::default();
        let strategy = self.strategy.map_or(default.strategy(), Strategy::from);
        let reserve = planner::Reserve {
            host_pages: self.reserve_pages.unwrap_or(default.reserve().host_pages),
            node_pages: self.node_reserve_pages,
        };
        default.with_strategy(strategy).with_reserve(reserve)
    }
}

impl HostSpec {
    /// The host, as the seed makes it.
    pub(super) fn host(&self, rng: &mut Rng) -> Result<Host, Invalid> {
        let nodes = self.nodes.len() as u32;
        if let Some(rows) = self.distances.as_ref().map(Vec::len) {
            if rows != nodes as usize {
                let expected = format!("{nodes}, as many as there are nodes");
                return Err(Invalid::new("distances", format!("{rows} rows"), expected));
            }
        }
        let cpus = 0..nodes * self.cpus_per_node;
        let distance = |a, b| Some(if a == b { 10 } else { 21 });
        let default = || {
            let row = |a| (0..nodes).map(|b| distance(a, b)).collect();
            (0..nodes).map(row).collect()
        };
        let per_node = self.cpus_per_node.max(1);
        let node_of = |cpu| cpu / per_node;
        let topology = TopologyDescription {
            distances: self.distances.clone().unwrap_or_else(default),
            cpu_to_node: cpus.clone().map(|cpu| Some(node_of(cpu))).collect(),
            cpu_to_core: (cpus.clone())
                .map(|cpu| Some(i64::from(cpu / self.threads_per_core.max(1))))
                .collect(),
            cpu_to_socket: cpus.map(|cpu| Some(i64::from(node_of(cpu)))).collect(),
        };
        let mut nodes = Vec::new();
        let mut host_free_bytes = 0;
        for node in &self.nodes {
            let jitter = rng.u64(0..=node.jitter_pages);
            let free_bytes = node.free_pages.saturating_sub(jitter) * PAGE_BYTES;
            host_free_bytes += free_bytes;
            nodes.push(NodeDescription {
                size_bytes: Some(node.size_pages * PAGE_BYTES),
                free_bytes: Some(free_bytes),
                claimed_bytes: 0,
            });
        }
        Host::new(&HostDescription {
            topology,
            nodes,
            host_free_bytes,
            host_outstanding_bytes: 0,
        })
    }
}

impl MemorySpec {
    /// How large that is, where `free_pages` are neither taken nor reserved.
    pub(super) fn pages(self, free_pages: u64, vcpus: u32, variant: Variant) -> u64 {
        let (parts, more_pages) = match self {
            MemorySpec::Pages(pages) => return pages,
            MemorySpec::Share { parts, more_pages } => (parts, more_pages),
        };
        let share = free_pages / parts.max(1);
        let taken = |memory: u64| memory + overhead_pages(vcpus, memory) + structure_pages(vcpus);
        let fits = |memory: &u64| taken(*memory) <= share;
        let (mut fit, mut too_large) = (0, share + 1);
        while too_large - fit > 1 {
            let middle = fit + (too_large - fit) / 2;
            match fits(&middle) {
                true => fit = middle,
                false => too_large = middle,
            }
        }
        let fit = match variant {
            Variant::Aligned => fit & !511,
            Variant::Unaligned if fit % 2 == 0 => fit.saturating_sub(1),
            Variant::Unaligned => fit,
        };
        fit.saturating_add_signed(more_pages)
    }
}
