//! What peers do where this project places: look for room, plan, claim.

use std::time::Duration;

use claims::{Affinity, Domid, Errno};
use planner::{Host, NodeMemory, NodeSet, Policy};

use super::life::{while_, Failure, Life, Set};
use super::toolstack::{Claiming, Peer, Planner, Room, Sight, Way};

/// How long xl and libvirt wait for memory: 3 times 10 seconds and one.
const WAIT: Duration = Duration::from_secs(33);

/// How often they look.
const POLL: Duration = Duration::from_secs(1);

/// What a peer's placement came to.
#[derive(Debug, Clone)]
pub(super) struct Built {
    pub claim: &'static str,
    pub claimed_pages: u64,
    pub exact_node: Option<usize>,
    pub why: String,
}

impl Default for Built {
    fn default() -> Self {
        Built {
            claim: "none",
            claimed_pages: 0,
            exact_node: None,
            why: "not claimed, no affinity".to_string(),
        }
    }
}

/// What peers remember between starts.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    /// How often each node was chosen; it is never forgotten.
    chosen: Vec<u64>,
    /// The least that was ever free on each node.
    least_free_pages: Vec<u64>,
}

impl Peers {
    pub fn new(nodes: usize) -> Self {
        Peers {
            chosen: vec![0; nodes],
            least_free_pages: vec![u64::MAX; nodes],
        }
    }
}

impl Life {
    fn peer(&self) -> Option<Peer> {
        match self.way() {
            Way::Ours => None,
            Way::Peer(peer) => Some(peer),
        }
    }

    /// How long to wait for memory before the next look, or nothing if there is enough, or its
    /// toolstack thinks so.
    pub(super) fn look_for_room(&mut self, set: &mut Set) -> Result<Option<Duration>, Failure> {
        let Some(peer) = self.peer() else {
            return Ok(None);
        };
        let free_pages = set.stage().model.free_pages();
        let needed_pages = self.request().memory_pages + self.request().overhead_pages;
        if free_pages >= needed_pages {
            return Ok(None);
        }
        let now = set.now();
        let since = *self.room_since.get_or_insert(now);
        let patience = match peer.room {
            Room::Once => Duration::ZERO,
            Room::Xl | Room::Libvirt => WAIT,
        };
        if now - since < patience {
            return Ok(Some(POLL));
        }
        match peer.room {
            Room::Libvirt => Ok(None),
            Room::Once | Room::Xl => Err(Failure::Said(format!(
                "{free_pages} pages are free, {needed_pages} are needed"
            ))),
        }
    }

    /// Plans and claims in one step, as under a lock.
    pub(super) fn plan_and_claim(&mut self, domid: Domid, set: &mut Set) -> Result<(), Failure> {
        let Some(peer) = self.peer() else {
            return Ok(());
        };
        let node = match self.vm.policy {
            Policy::Any => None,
            Policy::BestEffort | Policy::BestEffortHard | Policy::PrioMemOnly | Policy::Strict => {
                self.choose(peer.planner, set)?
            }
        };
        let pages = self.requested_pages();
        match peer.claiming {
            Claiming::Never => self.settle(domid, set, node, None),
            Claiming::ByBuilder => {
                self.settle(domid, set, node, None)?;
                self.claim_host(domid, set, pages, "claimed by its builder")
            }
            Claiming::NodeIfItCan => {
                let Some(node) = node else {
                    return Ok(());
                };
                self.settle(domid, set, Some(node), None)?;
                let footprint = pages + self.request().overhead_pages;
                match self.claim_node(domid, set, node, footprint) {
                    Ok(()) => Ok(()),
                    Err(errno) => {
                        self.built.why = format!("claiming {footprint} pages: {errno}; ignored");
                        Ok(())
                    }
                }
            }
            Claiming::NodeElseHost { compiled_in: false } => self.settle(domid, set, node, None),
            Claiming::NodeElseHost { compiled_in: true } => {
                let claimed = node.map(|node| (node, self.claim_node(domid, set, node, pages)));
                match claimed {
                    Some((node, Ok(()))) => self.settle(domid, set, Some(node), Some(node)),
                    Some((_, Err(Errno::ENOMEM))) | None => {
                        self.claim_host(domid, set, pages, "claimed on the host, no affinity")
                    }
                    // Anything else is taken for a Xen that has no such claims.
                    Some((node, Err(_))) => {
                        self.settle(domid, set, Some(node), None)?;
                        self.claim_host_if_it_can(domid, set, pages)
                    }
                }
            }
        }
    }

    /// The node that the peer plans.
    fn choose(&mut self, planner: Planner, set: &mut Set) -> Result<Option<usize>, Failure> {
        let memory = set.stage().model.with(|xen| xen.memory());
        let topology = set.protocol.topology().clone();
        let host = Host::with_memory(topology.into(), memory)
            .map_err(|invalid| Failure::Said(invalid.to_string()))?;
        let cpus = host.topology().processors(None);
        let (vcpus, pages) = (self.vm.vcpus, self.requested_pages());
        let free = |node: &NodeMemory| node.free_pages;
        let fits = |node: usize, free_pages: u64| {
            free_pages >= pages && cpus.cpus[node] >= vcpus && cpus.cores[node] >= vcpus
        };
        let nodes = host.memory().nodes.iter().enumerate();
        let nodes = nodes.filter_map(|(i, node)| Some((i, (*node)?)));
        let chosen = match planner {
            Planner::None => None,
            Planner::Libxl => nodes
                .filter(|(i, node)| fits(*i, free(node)))
                .max_by_key(|(i, node)| (free(node), std::cmp::Reverse(*i)))
                .map(|(i, _)| i),
            Planner::Xapi { sight } => {
                let peers = &mut set.peers;
                let node = nodes
                    .filter(|(i, node)| {
                        let least = &mut peers.least_free_pages[*i];
                        *least = (*least).min(free(node));
                        let seen = match sight {
                            Sight::LeastEver => *least,
                            Sight::Unclaimed => free(node).saturating_sub(node.claimed_pages),
                        };
                        fits(*i, seen)
                    })
                    .min_by_key(|(i, _)| (peers.chosen[*i], *i))
                    .map(|(i, _)| i);
                if let Some(node) = node {
                    peers.chosen[node] += 1;
                }
                node
            }
        };
        Ok(chosen)
    }

    /// Sets the affinity to `node`, if there is one; the builder is told `exact_node`.
    fn settle(
        &mut self,
        domid: Domid,
        set: &mut Set,
        node: Option<usize>,
        exact_node: Option<usize>,
    ) -> Result<(), Failure> {
        self.built.exact_node = exact_node;
        let Some(node) = node else {
            return Ok(());
        };
        let cpus = set.protocol.topology().cpus_of(NodeSet::one(node), None);
        let claimed = match self.built.claimed_pages {
            0 => "not claimed".to_string(),
            _ => format!("claimed on node {node}"),
        };
        self.built.why = format!("{claimed}, affinity to node {node}");
        for vcpu in 0..self.vm.vcpus {
            (set.stage().call("xc_vcpu_setaffinity", |xen| {
                xen.set_vcpu_affinity(domid, vcpu, Affinity::Soft, &cpus)
            }))
            .map_err(while_("setting its affinity"))?;
        }
        Ok(())
    }

    fn claim_node(
        &mut self,
        domid: Domid,
        set: &mut Set,
        node: usize,
        pages: u64,
    ) -> Result<(), Errno> {
        use claims::Hypervisor as _;
        let claimed = set.stage().claim_node(domid, node, pages);
        claimed.map_err(|error| error.errno)?;
        self.built.claim = "node";
        self.built.claimed_pages = pages;
        Ok(())
    }

    fn claim_host(
        &mut self,
        domid: Domid,
        set: &mut Set,
        pages: u64,
        why: &'static str,
    ) -> Result<(), Failure> {
        (set.stage()
            .call("xc_domain_claim_pages", |xen| xen.claim_host(domid, pages)))
        .map_err(while_("claiming its memory on the host"))?;
        self.built.claim = "host";
        self.built.claimed_pages = pages;
        self.built.why = why.to_string();
        Ok(())
    }

    /// Only ENOMEM is a failure; anything else is ignored.
    fn claim_host_if_it_can(
        &mut self,
        domid: Domid,
        set: &mut Set,
        pages: u64,
    ) -> Result<(), Failure> {
        let why = self.built.why.clone();
        match self.claim_host(domid, set, pages, "claimed on the host") {
            Err(Failure::Xen(doing, Errno::ENOMEM)) => Err(Failure::Xen(doing, Errno::ENOMEM)),
            Err(_) => Ok(()),
            Ok(()) => {
                self.built.why = why.replace("not claimed", "claimed on the host");
                Ok(())
            }
        }
    }
}
