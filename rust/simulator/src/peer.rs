//! What peers do where this project places: plan and claim.

use claims::{Affinity, Claim, Domid, Errno, Hypervisor, NodePages};
use planner::{CpuSet, Host, NodeMemory, NodeSet, Policy};

use super::call::Call;
use super::lifecycle::{while_, Failure, Job, Lifecycle, Set};
use super::toolstack::{Amount, Claiming, MemoryWait, Order, Peer, Planner, Sight, Way};

/// What libxl adds to a domain's maximum.
const LIBXL_PAGES: u64 = 256;

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

impl Lifecycle {
    /// The pages that its domain may have at most: what squeezed has reserved for it, where there
    /// is squeezed.
    pub(super) fn max_pages(&self) -> u64 {
        match self.way {
            Way::Ours => self.vm.memory_pages + self.request().overhead_pages,
            Way::Peer(peer) => match peer.memory_wait {
                MemoryWait::Squeezed { .. } | MemoryWait::Once => self.footprint_pages(peer),
                MemoryWait::Xl | MemoryWait::Window { .. } => self.vm.memory_pages + LIBXL_PAGES,
            },
        }
    }

    /// Whether its pool is filled before it is planned.
    pub(super) fn pool_first(&self) -> bool {
        match self.way {
            Way::Ours => true,
            Way::Peer(peer) => peer.order == Order::PoolFirst,
        }
    }

    /// Whether its builder claims by itself, because it always does or because its toolstack
    /// asks it to.
    pub(super) fn builder_claims(&self) -> bool {
        let asked = (self.peer()).is_some_and(|peer| peer.claiming == Claiming::ByBuilder);
        self.vm.builder_claims || asked
    }

    fn amount_pages(&self, amount: Amount, peer: Peer) -> u64 {
        match (amount, self.job) {
            (Amount::Footprint, _) => self.footprint_pages(peer),
            (Amount::Memory | Amount::Populated, Job::Receive(_)) => self.requested_pages(),
            (Amount::Memory, Job::Start | Job::Shutdown | Job::Reboot) => {
                self.vm.memory_pages.next_multiple_of(256)
            }
            (Amount::Populated, Job::Start | Job::Shutdown | Job::Reboot) => self.requested_pages(),
        }
    }

    /// Plans and claims in one step, as under a lock.
    pub(super) fn plan_and_claim(&mut self, domid: Domid, set: &mut Set) -> Result<(), Failure> {
        let Some(peer) = self.peer() else {
            return Ok(());
        };
        let bound = self.vm.bound_to.is_some();
        let any = self.vm.policy == Policy::Any;
        match peer.claiming {
            Claiming::Never | Claiming::ByBuilder => {
                let node = self.choose(peer, self.vm.memory_pages, set)?;
                self.settle(domid, set, node)
            }
            Claiming::Host(amount) => {
                let node = self.choose(peer, self.vm.memory_pages, set)?;
                self.settle(domid, set, node)?;
                self.claim_host(domid, set, self.amount_pages(amount, peer))
            }
            Claiming::NodeIfItCan(_) | Claiming::NodeElseHost { .. } if any || bound => Ok(()),
            Claiming::NodeIfItCan(amount) => {
                let pages = self.amount_pages(amount, peer);
                match self.choose(peer, pages, set)? {
                    None => Ok(()),
                    Some(node) => {
                        self.settle(domid, set, Some(node))?;
                        if let Err(errno) = self.claim_node(domid, set, node, pages) {
                            self.built.why += &format!("; claiming it: {errno}, ignored");
                        }
                        Ok(())
                    }
                }
            }
            Claiming::NodeElseHost {
                amount,
                compiled_in,
            } => {
                let pages = self.amount_pages(amount, peer);
                let node = self.choose(peer, pages, set)?;
                match compiled_in {
                    true => self.claim_node_else_host(domid, set, node, pages),
                    false => self.settle(domid, set, node),
                }
            }
        }
    }

    fn claim_node_else_host(
        &mut self,
        domid: Domid,
        set: &mut Set,
        node: Option<usize>,
        pages: u64,
    ) -> Result<(), Failure> {
        let claimed = node.map(|node| (node, self.claim_node(domid, set, node, pages)));
        match claimed {
            Some((node, Ok(()))) => {
                self.built.exact_node = Some(node);
                self.settle(domid, set, Some(node))
            }
            Some((_, Err(Errno::ENOMEM))) | None => self.claim_host_if_it_can(domid, set, pages),
            // Anything else is taken for a Xen that has no such claims.
            Some((node, Err(_))) => {
                self.settle(domid, set, Some(node))?;
                self.claim_host_if_it_can(domid, set, pages)
            }
        }
    }

    /// The node that the peer plans for that many pages.
    fn choose(&self, peer: Peer, pages: u64, set: &mut Set) -> Result<Option<usize>, Failure> {
        if self.vm.policy == Policy::Any || self.vm.bound_to.is_some() {
            return Ok(None);
        }
        let memory = set.stage().model.with(|xen| xen.memory());
        let topology = set.protocol.topology().clone();
        let host = Host::with_memory(topology.into(), memory);
        let cpus = host.topology().processors(None);
        let vcpus = self.vm.vcpus;
        let free = |node: &NodeMemory| node.free_pages;
        let fits = |node: usize, free_pages: u64, cores: u32| {
            free_pages >= pages && cpus.cpus[node] >= vcpus && cpus.cores[node] >= cores
        };
        let nodes = host.memory().nodes.iter().enumerate();
        let nodes = nodes.filter_map(|(i, node)| Some((i, (*node)?)));
        let (sight, cores) = match peer.planner {
            Planner::None => return Ok(None),
            Planner::Libxl => {
                return Ok(nodes
                    .filter(|(i, node)| fits(*i, free(node), 0))
                    .max_by_key(|(i, node)| (free(node), std::cmp::Reverse(*i)))
                    .map(|(i, _)| i));
            }
            Planner::Xapi { sight, cores: true } => (sight, self.request().cores),
            Planner::Xapi {
                sight,
                cores: false,
            } => (sight, 0),
        };
        let peers = &mut set.peers;
        let least = &mut peers.least_free_pages;
        let fitting = nodes.filter(|(i, node)| {
            least[*i] = least[*i].min(free(node));
            let seen = match sight {
                Sight::LeastEver => least[*i],
                Sight::Unclaimed => free(node).saturating_sub(node.claimed_pages),
            };
            fits(*i, seen, cores)
        });
        // Where no node fits it plans several, counts them as chosen and drops the plan.
        let chosen = &peers.chosen;
        let node = fitting
            .min_by_key(|(i, _)| (chosen[*i], *i))
            .map(|(i, _)| i);
        match node {
            Some(node) => peers.chosen[node] += 1,
            None => peers.chosen.iter_mut().for_each(|count| *count += 1),
        }
        Ok(node)
    }

    /// Sets the soft affinity to `node`, if there is one.
    fn settle(&mut self, domid: Domid, set: &mut Set, node: Option<usize>) -> Result<(), Failure> {
        let claimed = match self.built.claimed_pages {
            0 => "not claimed".to_string(),
            _ => format!("claimed on the {}", self.built.claim),
        };
        let Some(node) = node else {
            self.built.why = claimed + ", no affinity";
            return Ok(());
        };
        self.built.why = format!("{claimed}, affinity to node {node}");
        let cpus = set.protocol.topology().cpus_of(NodeSet::one(node), None);
        self.set_affinity(domid, set, Affinity::Soft, &cpus)
    }

    /// Sets the affinity of all its vCPUs.
    pub(super) fn set_affinity(
        &self,
        domid: Domid,
        set: &Set,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), Failure> {
        for vcpu in 0..self.vm.vcpus {
            (set.stage().set_vcpu_affinity(domid, vcpu, affinity, cpus))
                .map_err(|error| while_("setting its affinity")(error.errno))?;
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
        let stage = set.stage();
        let sets = stage.call(Call::VERSION, |xen| Ok(xen.flavour().has_claim_sets()));
        // With claim sets, what it would do is to claim one of one node.
        let set_of_one = [NodePages { node, pages }];
        let claim = match sets {
            Ok(true) => Claim::Set(&set_of_one),
            Ok(false) | Err(_) => Claim::Node { node, pages },
        };
        (stage.claim(domid, claim)).map_err(|error| error.errno)?;
        self.built.claim = "node";
        self.built.claimed_pages = pages;
        Ok(())
    }

    pub(super) fn claim_host(
        &mut self,
        domid: Domid,
        set: &mut Set,
        pages: u64,
    ) -> Result<(), Failure> {
        (set.stage().claim_host(domid, pages))
            .map_err(while_("claiming its memory on the host"))?;
        self.built.claim = "host";
        self.built.claimed_pages = pages;
        self.built.why = (self.built.why).replace("not claimed", "claimed on the host");
        Ok(())
    }

    /// Only ENOMEM is a failure; anything else is ignored.
    fn claim_host_if_it_can(
        &mut self,
        domid: Domid,
        set: &mut Set,
        pages: u64,
    ) -> Result<(), Failure> {
        match self.claim_host(domid, set, pages) {
            Ok(()) => Ok(()),
            Err(Failure::Xen(doing, Errno::ENOMEM)) => Err(Failure::Xen(doing, Errno::ENOMEM)),
            Err(failure) => {
                self.built.why += &format!("; {}, ignored", failure.text());
                Ok(())
            }
        }
    }
}
