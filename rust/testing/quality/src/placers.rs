//! Who decides where a VM goes: xenopsd's rules, well-known rules, and the planner.

use planner::{Host, Limits, Memory, NodeMemory, NodeSet, Request, Strategy};

use crate::arrivals::Vm;
use crate::cluster::{striped, Cluster, PerNode, Place};
use crate::fault::Fault;
use crate::sets::{nearest, Near};

/// A rule by which VMs are placed.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// xenopsd as it is: what its planner puts on several nodes is striped over all nodes instead.
    Xenopsd,
    /// xenopsd's planner, with its plans of several nodes honoured.
    XenopsdMulti,
    /// The node with most free memory; else the nearest nodes with most free memory.
    WorstFit,
    /// The node with least free memory that suffices; else as `WorstFit`.
    BestFit,
    /// The node with fewest vCPUs; else as `WorstFit`.
    LeastVcpu,
    /// The planner.
    Ours(Strategy),
}

impl Rule {
    /// What the table calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Rule::Xenopsd => "xenopsd",
            Rule::XenopsdMulti => "xenopsd-multi",
            Rule::WorstFit => "worstfit",
            Rule::BestFit => "bestfit",
            Rule::LeastVcpu => "leastvcpu",
            Rule::Ours(Strategy::Pack) => "pack",
            Rule::Ours(Strategy::Spread) => "spread",
            Rule::Ours(Strategy::Balance) => "balance",
        }
    }
}

/// A rule at work on one host, with what it remembers.
pub struct Placer<'a> {
    rule: Rule,
    sets: &'a [Near],
    /// How often xenopsd chose each node.
    chosen: PerNode,
}

impl<'a> Placer<'a> {
    /// A placer that has placed nothing, on the host of these `sets`.
    pub fn new(rule: Rule, sets: &'a [Near]) -> Self {
        Placer {
            rule,
            sets,
            chosen: [0; planner::MAX_NODES],
        }
    }

    /// Where `vm`, for which the host has the memory, goes.
    pub fn place(&mut self, cluster: &Cluster, vm: &Vm) -> Result<Place, Fault> {
        let free = |node: &usize| cluster.free[*node];
        let wide_enough = vm.vcpus <= cluster.host.cores();
        let suffices = |node: &usize| wide_enough && free(node) >= vm.pages;
        let nodes = cluster.nodes();
        let single = nodes.iter().filter(suffices);
        let nodes = match self.rule {
            Rule::Ours(strategy) => return ours(cluster, vm, strategy),
            Rule::Xenopsd => match self.by_counters(cluster, vm) {
                several if several.len() > 1 => nodes,
                one => one,
            },
            Rule::XenopsdMulti => self.by_counters(cluster, vm),
            Rule::WorstFit => self.emptiest(cluster, vm),
            Rule::BestFit => match single.min_by_key(free) {
                Some(node) => NodeSet::one(node),
                None => self.emptiest(cluster, vm),
            },
            Rule::LeastVcpu => {
                let load = |node: &usize| cluster.vcpus[*node];
                match single.min_by(|a, b| load(a).total_cmp(&load(b))) {
                    Some(node) => NodeSet::one(node),
                    None => self.emptiest(cluster, vm),
                }
            }
        };
        Ok(Place {
            cpu_nodes: nodes,
            pages: striped(&cluster.free, nodes, vm.pages),
        })
    }

    /// xenopsd's plan: of the nearest sets that fit, the one whose nodes it chose least often.
    fn by_counters(&mut self, cluster: &Cluster, vm: &Vm) -> NodeSet {
        let key = |nodes: &NodeSet| {
            let chosen: u64 = nodes.iter().map(|node| self.chosen[node]).sum();
            let mut descending: Vec<usize> = nodes.iter().collect();
            descending.reverse();
            (chosen, descending)
        };
        let sets = nearest(self.sets, |nodes| cluster.fits(nodes, vm));
        let best = sets.iter().map(|set| set.nodes).min_by_key(key);
        let best = best.unwrap_or(cluster.nodes());
        best.iter().for_each(|node| self.chosen[node] += 1);
        best
    }

    fn emptiest(&self, cluster: &Cluster, vm: &Vm) -> NodeSet {
        let sets = nearest(self.sets, |nodes| cluster.fits(nodes, vm));
        let best = sets.iter().map(|set| set.nodes);
        let best = best.min_by_key(|nodes| std::cmp::Reverse(cluster.headroom(*nodes)));
        best.unwrap_or(cluster.nodes())
    }
}

/// What the planner answers to `vm` on the host as it is now.
fn ours(cluster: &Cluster, vm: &Vm, strategy: Strategy) -> Result<Place, Fault> {
    let host = snapshot(cluster);
    let mut request = Request::of_pages(vm.pages, vm.vcpus);
    request.strategy = strategy;
    let plan = planner::plan(&host, &request, &Limits::default()).map_err(Fault::Refused)?;
    Ok(Place {
        cpu_nodes: plan.cpu_nodes,
        pages: plan.pages,
    })
}

fn snapshot(cluster: &Cluster) -> Host {
    let node = |node: usize| {
        Some(NodeMemory {
            size_pages: cluster.host.span_pages[node],
            free_pages: cluster.free[node],
            ..NodeMemory::default()
        })
    };
    let memory = Memory {
        nodes: cluster.nodes().iter().map(node).collect(),
        host_free_pages: cluster.free.iter().sum(),
        host_outstanding_pages: 0,
        host_reserved_pages: 0,
    };
    Host::with_memory(cluster.host.topology.clone(), memory)
}
