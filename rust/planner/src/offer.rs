//! What the nodes of a host can give to one request, and what the request needs: the numbers
//! that the search compares.

use crate::host::{Host, Reserve};
use crate::nodes::{NodeSet, MAX_NODES};
use crate::plan::Shortfall;
use crate::request::{Policy, Request};
use crate::topology::Topology;

/// An amount of each resource, of a node or of a set of nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub pages: u64,
    pub cpus: u32,
    pub cores: u32,
}

impl Amount {
    pub fn plus(self, other: Amount) -> Amount {
        Amount {
            pages: self.pages + other.pages,
            cpus: self.cpus + other.cpus,
            cores: self.cores + other.cores,
        }
    }

    pub fn less(self, part: Amount) -> Amount {
        Amount {
            pages: self.pages - part.pages,
            cpus: self.cpus - part.cpus,
            cores: self.cores - part.cores,
        }
    }

    pub fn covers(self, need: Amount) -> bool {
        self.pages >= need.pages && self.cpus >= need.cpus && self.cores >= need.cores
    }

    pub fn short_of(self, need: Amount) -> Shortfall {
        Shortfall {
            pages: need.pages.saturating_sub(self.pages),
            cpus: need.cpus.saturating_sub(self.cpus),
            cores: need.cores.saturating_sub(self.cores),
        }
    }
}

/// What the nodes of a host offer to one request.
pub(crate) struct Offer<'a> {
    pub topology: &'a Topology,
    /// Nodes of the host that the request may use.
    pub usable: NodeSet,
    /// Those of them that have a CPU that it may use.
    pub with_cpus: NodeSet,
    pub nodes: [Amount; MAX_NODES],
    /// The spans of the usable nodes.
    pub size_pages: [u64; MAX_NODES],
    /// The largest span of those with CPUs.
    pub largest_pages: u64,
    /// Pages that the host as a whole can give.
    pub host_pages: u64,
    pub need: Amount,
    host: &'a Host,
    reserve: &'a Reserve,
}

impl<'a> Offer<'a> {
    /// What `host` offers to `request`, within the request's masks if `masked`.
    pub fn new(host: &'a Host, request: &Request, reserve: &'a Reserve, masked: bool) -> Self {
        let topology = host.topology().as_ref();
        let claimable = host.claimable_pages(reserve);
        let allowed_cpus = request.allowed_cpus.as_ref().filter(|_| masked);
        let allowed_nodes = request.allowed_nodes.filter(|_| masked);
        let processors = topology.processors(allowed_cpus);
        let usable = host
            .usable()
            .intersection(allowed_nodes.unwrap_or(host.usable()));
        let mut nodes = [Amount::default(); MAX_NODES];
        let mut size_pages = [0; MAX_NODES];
        let mut with_cpus = NodeSet::EMPTY;
        for node in usable.iter() {
            size_pages[node] = host.memory().nodes[node].map_or(0, |memory| memory.size_pages);
            nodes[node] = Amount {
                pages: claimable[node],
                cpus: processors.cpus[node],
                cores: processors.cores[node],
            };
            if processors.cpus[node] > 0 {
                with_cpus = with_cpus.with(node);
            }
        }
        let spans = with_cpus.iter().map(|node| size_pages[node]);
        Offer {
            topology,
            usable,
            with_cpus,
            nodes,
            size_pages,
            largest_pages: spans.max().unwrap_or(0),
            host_pages: host.host_claimable_pages(reserve),
            need: Amount {
                pages: request.memory_pages + request.overhead_pages,
                cpus: request.vcpus,
                cores: request.cores,
            },
            host,
            reserve,
        }
    }

    /// Everything that the nodes of `set` offer together.
    pub fn sum(&self, set: NodeSet) -> Amount {
        set.iter()
            .fold(Amount::default(), |sum, node| sum.plus(self.nodes[node]))
    }

    /// How many nodes of `universe` have the CPUs and cores needed, if all of them give as many.
    pub fn even(&self, universe: NodeSet) -> Option<usize> {
        let Amount { cpus, cores, .. } = self.nodes[universe.lowest()?];
        let even = |node: usize| self.nodes[node].cpus == cpus && self.nodes[node].cores == cores;
        let nodes = |need: u32, each: u32| match (need, each) {
            (0, _) => Some(0),
            (_, 0) => None,
            (need, each) => Some(need.div_ceil(each)),
        };
        let for_cpus = nodes(self.need.cpus, cpus)?;
        let for_cores = nodes(self.need.cores, cores)?;
        let all = universe.iter().all(even);
        all.then_some(for_cpus.max(for_cores) as usize)
    }

    /// Whether the host as a whole has the memory.
    pub fn host_suffices(&self) -> bool {
        self.host_pages >= self.need.pages
    }

    /// Whether the nodes of `set`, reachable or not, offer what is needed.
    pub fn fits(&self, set: NodeSet) -> bool {
        self.sum(set).covers(self.need)
    }

    /// Whether `set` fits and none of its proper subsets does.
    pub fn irreducible(&self, set: NodeSet) -> bool {
        let sum = self.sum(set);
        let spared = |node: usize| sum.less(self.nodes[node]).covers(self.need);
        sum.covers(self.need) && !set.iter().any(spared)
    }

    /// The set with the lowest numbers that differs from `set` by one node, for which another one
    /// could stand that offers the same. O(nodes²).
    pub fn alike(&self, set: NodeSet) -> Option<NodeSet> {
        let matrix = self.topology.matrix();
        let others = self.usable.minus(set);
        let stands_for = |node: usize, other: &usize| {
            matrix.twin(*other) == matrix.twin(node)
                && self.nodes[*other] == self.nodes[node]
                && self.size_pages[*other] == self.size_pages[node]
        };
        let swap = |node: usize| {
            let other = others.iter().find(|other| stands_for(node, other))?;
            Some(set.without(node).with(other))
        };
        (set.iter().filter_map(swap)).max_by_key(|set| set.bits().reverse_bits())
    }

    /// What `set` is short of.
    pub fn short(&self, set: NodeSet) -> Shortfall {
        self.short_with(set, self.sum(set))
    }

    /// What `set` is short of, which offers `sum`: the least that must come back on its nodes and
    /// on the host. On nodes that can give nothing at all that is more than what is needed, as what
    /// is committed there comes first.
    pub fn short_with(&self, set: NodeSet, sum: Amount) -> Shortfall {
        let deficits = set.iter().map(|node| self.deficit_pages(node));
        let deficit = match sum.pages {
            0 => deficits.min().unwrap_or(0),
            _ => 0,
        };
        let mut short = sum.short_of(self.need);
        short.pages = (short.pages.saturating_add(deficit)).max(self.host_short_pages());
        short
    }

    /// By how many pages a node that can give none is away from it.
    pub fn deficit_pages(&self, node: usize) -> u64 {
        self.host.deficit_pages(node, self.reserve)
    }

    /// Pages that the host as a whole is short of.
    pub fn host_short_pages(&self) -> u64 {
        match self.need.pages.saturating_sub(self.host_pages) {
            0 => 0,
            pages => pages.saturating_add(self.host.host_deficit_pages(self.reserve)),
        }
    }

    /// The largest set that the policy allows.
    pub fn largest_set(policy: Policy) -> usize {
        match policy {
            Policy::Strict => 1,
            Policy::Any | Policy::BestEffort | Policy::BestEffortHard | Policy::PrioMemOnly => {
                MAX_NODES
            }
        }
    }
}
