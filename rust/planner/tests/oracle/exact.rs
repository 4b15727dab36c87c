//! The right answer by looking at every set of nodes, with the plainest arithmetic.

use std::collections::BTreeSet;

use xenopsd_numa_planner::{Distance, Policy, Shortfall, Strategy};

use crate::strategies::Nodes;
use crate::world::{Ask, World, PAGE};

/// What a planner leaves alone: pages of the host, and of each node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kept {
    pub host: u64,
    pub node: u64,
}

/// What one node, or a set of nodes, has for the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offer {
    pub pages: u64,
    pub cpus: u64,
    pub cores: u64,
}

/// Pages, CPUs and cores that are missing; the order of the fields is that of importance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Short {
    pub pages: u64,
    pub cpus: u64,
    pub cores: u64,
}

/// Largest distance, sum of distances, ordered pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Far {
    pub maximum: u32,
    pub sum: u64,
    pub pairs: u64,
}

impl From<Shortfall> for Short {
    fn from(short: Shortfall) -> Self {
        Short {
            pages: short.pages,
            cpus: u64::from(short.cpus),
            cores: u64::from(short.cores),
        }
    }
}

impl From<Distance> for Far {
    fn from(distance: Distance) -> Self {
        Far {
            maximum: distance.maximum,
            sum: distance.sum,
            pairs: distance.pairs,
        }
    }
}

impl Far {
    pub fn closer(&self, other: &Far) -> bool {
        let (mine, others) = (self.sum * other.pairs, other.sum * self.pairs);
        (self.maximum, mine) < (other.maximum, others)
    }

    pub fn as_near(&self, other: &Far) -> bool {
        !self.closer(other) && !other.closer(self)
    }
}

/// One request on one host, ready to be answered for any set of nodes (a bit a node).
#[derive(Debug, Clone)]
pub struct Question {
    pub memory: u64,
    pub overhead: u64,
    pub vcpus: u64,
    pub cores: u64,
    pub policy: Policy,
    pub strategy: Strategy,
    /// Pages that the host as a whole can give.
    pub host_pages: u64,
    /// Pages that must come back on the host before it can give the first one.
    pub host_behind: u64,
    /// The same of each node.
    pub behind: Vec<u64>,
    /// What each node has for this request; nothing of nodes that are offline or not allowed.
    pub offers: Vec<Offer>,
    /// Free pages of each usable node, even those that others count on.
    pub free: Vec<u64>,
    /// The span of each node.
    pub sizes: Vec<u64>,
    /// Nodes that are online and allowed.
    pub usable: u64,
    /// For each node, those that it reaches and that reach it.
    pub mutual: Vec<u64>,
    pub distances: Vec<Vec<Option<u32>>>,
}

#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The least distance, and all irreducible sets that have it.
    Placed { best: Far, sets: Vec<u64> },
    /// What the nearest set is short of.
    Refused { short: Short },
}

pub fn bits(set: u64) -> impl Iterator<Item = usize> {
    let count = 64 - set.leading_zeros() as usize;
    (0..count).filter(move |node| set >> node & 1 == 1)
}

fn reached(distance: Option<u32>) -> bool {
    distance.is_some_and(|distance| distance < 255)
}

/// CPUs and cores that `node` has, of those allowed.
fn processors(world: &World, node: usize, allowed: Option<&[u32]>) -> (u64, u64) {
    let mut cpus = 0;
    let mut cores = BTreeSet::new();
    for (id, cpu) in world.cpus.iter().enumerate() {
        if let (Some(of), Some(core), Some(socket)) = (cpu.node, cpu.core, cpu.socket) {
            let id = id as u32;
            if of as usize == node && allowed.is_none_or(|allowed| allowed.contains(&id)) {
                cpus += 1;
                cores.insert((socket, core));
            }
        }
    }
    (cpus, cores.len() as u64)
}

impl Question {
    pub fn new(world: &World, ask: &Ask, kept: Kept) -> Self {
        let count = world.nodes.len();
        let usable: Vec<bool> = (0..count)
            .map(|node| {
                let allowed = ask.allowed_nodes.as_ref();
                world.online(node) && allowed.is_none_or(|ids| ids.contains(&(node as u32)))
            })
            .collect();
        let taken = |node: usize| {
            let memory = world.nodes[node];
            let claimed = memory
                .claimed_bytes
                .div_ceil(PAGE)
                .max(memory.committed_pages);
            claimed + memory.reserved_pages + kept.node
        };
        let free = |node: usize| world.nodes[node].free_bytes / PAGE;
        let offer = |node: usize| {
            if !usable[node] {
                return Offer::default();
            }
            let (cpus, cores) = processors(world, node, ask.allowed_cpus.as_deref());
            Offer {
                pages: free(node).saturating_sub(taken(node)),
                cpus,
                cores,
            }
        };
        let outstanding = world.host_outstanding_bytes.div_ceil(PAGE);
        let host_taken = outstanding + world.host_reserved_pages + kept.host;
        let host_free = world.host_free_bytes / PAGE;
        let default_cores = match ask.policy {
            Policy::BestEffort | Policy::BestEffortHard | Policy::Strict => ask.vcpus,
            Policy::PrioMemOnly | Policy::Any => 0,
        };
        let mutual = |a: usize| {
            (0..count)
                .filter(|b| reached(world.distances[a][*b]) && reached(world.distances[*b][a]))
                .fold(0, |set, b| set | 1 << b)
        };
        Question {
            memory: ask.memory_bytes.div_ceil(PAGE),
            overhead: ask.overhead_bytes.div_ceil(PAGE),
            vcpus: u64::from(ask.vcpus),
            cores: u64::from(ask.cores.unwrap_or(default_cores)),
            policy: ask.policy,
            strategy: ask.strategy,
            host_pages: host_free.saturating_sub(host_taken),
            host_behind: host_taken.saturating_sub(host_free),
            behind: (0..count)
                .map(|node| taken(node).saturating_sub(free(node)))
                .collect(),
            offers: (0..count).map(offer).collect(),
            free: (0..count)
                .map(|node| u64::from(usable[node]) * free(node))
                .collect(),
            sizes: (world.nodes.iter())
                .map(|node| node.size_bytes / PAGE)
                .collect(),
            usable: (0..count)
                .filter(|i| usable[*i])
                .fold(0, |set, i| set | 1 << i),
            mutual: (0..count).map(mutual).collect(),
            distances: world.distances.clone(),
        }
    }

    /// What the nodes of `set` have together, the host's own limit not applied.
    pub fn offer(&self, set: u64) -> Offer {
        let mut total = Offer::default();
        for node in bits(set) {
            total.pages += self.offers[node].pages;
            total.cpus += self.offers[node].cpus;
            total.cores += self.offers[node].cores;
        }
        total
    }

    /// What `set` is short of, were its nodes to reach each other.
    pub fn short(&self, set: u64) -> Short {
        let has = self.offer(set);
        Short {
            pages: self.short_pages(set, has.pages).max(self.host_short()),
            cpus: self.vcpus.saturating_sub(has.cpus),
            cores: self.cores.saturating_sub(has.cores),
        }
    }

    /// Pages that must come back on the nodes of `set`, which have `pages` to give.
    pub fn short_pages(&self, set: u64, pages: u64) -> u64 {
        let need = self.memory + self.overhead;
        // On one node is enough: what comes back on another one meets its own debt first.
        let cheapest = bits(set).map(|node| self.behind[node]).min();
        match pages {
            0 => need + cheapest.unwrap_or(0),
            _ => need.saturating_sub(pages),
        }
    }

    /// Pages that must come back on the host.
    pub fn host_short(&self) -> u64 {
        let need = self.memory + self.overhead;
        match self.host_pages < need {
            true => need - self.host_pages + self.host_behind,
            false => 0,
        }
    }

    /// Pages that are missing for policy `Any`, for which only the host's memory counts, and
    /// that there are nodes to take it from.
    pub fn short_anywhere(&self) -> u64 {
        let free = self.free.iter().sum();
        let short = (self.memory + self.overhead).saturating_sub(free);
        short.max(self.host_short())
    }

    /// Whether the nodes of `set` are usable and reach each other.
    pub fn together(&self, set: u64) -> bool {
        set & !self.usable == 0 && bits(set).all(|node| set & !self.mutual[node] == 0)
    }

    /// Whether the policy lets a domain have so many nodes.
    pub fn size_allowed(&self, set: u64) -> bool {
        self.policy != Policy::Strict || set.count_ones() == 1
    }

    pub fn fits(&self, set: u64) -> bool {
        set != 0
            && self.together(set)
            && self.size_allowed(set)
            && self.short(set) == Short::default()
    }

    /// Whether every node of `set` has a CPU for this request.
    pub fn all_have_cpus(&self, set: u64) -> bool {
        bits(set).all(|node| self.offers[node].cpus > 0)
    }

    pub fn far(&self, set: u64) -> Far {
        let mut far = Far {
            maximum: 0,
            sum: 0,
            pairs: 0,
        };
        for a in bits(set) {
            for b in bits(set) {
                let distance = self.distances[a][b].expect("only sets that reach each other");
                far.maximum = far.maximum.max(distance);
                far.sum += u64::from(distance);
                far.pairs += 1;
            }
        }
        far
    }

    /// The answer for every policy but `Any`. O(nodes 2^nodes).
    pub fn answer(&self) -> Answer {
        let sets = 1u64 << self.offers.len();
        let mut short = None;
        // Whether the set, or a subset of it, fits.
        let mut holds = vec![false; sets as usize];
        let mut irreducible = Vec::new();
        for set in 1..sets {
            let within = bits(set).any(|node| holds[(set & !(1 << node)) as usize]);
            let fits = self.fits(set);
            holds[set as usize] = within || fits;
            if fits && !within {
                irreducible.push(set);
            }
            if self.together(set) && self.size_allowed(set) {
                let this = self.short(set);
                short = Some(short.map_or(this, |least: Short| least.min(this)));
            }
        }
        if irreducible.iter().any(|set| self.all_have_cpus(*set)) {
            irreducible.retain(|set| self.all_have_cpus(*set));
        }
        let Some(mut best) = irreducible.first().map(|set| self.far(*set)) else {
            let short = short.unwrap_or_else(|| self.short(0));
            return Answer::Refused { short };
        };
        for set in &irreducible {
            let far = self.far(*set);
            if far.closer(&best) {
                best = far;
            }
        }
        irreducible.retain(|set| self.far(*set).as_near(&best));
        Answer::Placed {
            best,
            sets: irreducible,
        }
    }

    /// The one of equally near `sets` that the strategy prefers.
    pub fn preferred(&self, sets: &[u64]) -> u64 {
        let headroom: Vec<u64> = self.offers.iter().map(|offer| offer.pages).collect();
        let nodes = Nodes {
            headroom: &headroom,
            size: &self.sizes,
            largest: (bits(self.usable).filter(|node| self.offers[*node].cpus > 0))
                .map(|node| self.sizes[node])
                .max()
                .unwrap_or(0),
            need: self.memory + self.overhead,
        };
        nodes.preferred(self.strategy, sets.iter().copied())
    }

    /// Whether removing any one node leaves a set that does not fit. What fits keeps fitting
    /// when reachable nodes are added, so this is irreducibility for sets too large to enumerate.
    pub fn irreducible(&self, set: u64) -> bool {
        self.fits(set) && bits(set).all(|node| !self.fits(set & !(1 << node)))
    }

    /// Headroom of each node that is in `set`.
    pub fn headroom(&self, set: u64) -> Vec<u64> {
        let headroom = |node: usize| match set >> node & 1 {
            1 => self.offers[node].pages,
            _ => 0,
        };
        (0..self.offers.len()).map(headroom).collect()
    }
}
