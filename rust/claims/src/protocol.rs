//! A host that is being placed on: the three calls of a domain's life, and what is in force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use planner::{
    Host, Invalid, LeftOut, NodeSet, Policy, Request, RequestDescription, Topology,
    TopologyDescription, LOCAL_DISTANCE,
};

use crate::attempt::Number;
use crate::config::{Claims, Config};
use crate::error::Error;
use crate::hypervisor::{
    Accounting, Affinity, CallError, Capabilities, DomainInfo, Domid, Hypervisor,
};
use crate::kinds::{Kinds, Known};
use crate::ledger::Claimed;
use crate::line::Line;
use crate::placement::{Pinned, Placed, Placement};
use crate::placing::{Placing, Step};
use crate::sizes::EXTRA_PAGES;
use crate::state::State;

/// What is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The switches.
    pub config: Config,
    /// The value of `claims` that waits for the builds in flight to end.
    pub pending: Option<Claims>,
    /// Domains being built.
    pub builds: Vec<Domid>,
    /// Whether the hypervisor has host-wide claims; `None`: not known yet.
    pub host_claims: Option<bool>,
    /// Whether it has claims on single nodes; not asked where it has claim sets.
    pub node_claims: Option<bool>,
    /// Whether it has claims on several nodes at once.
    pub claim_sets: Option<bool>,
    /// When it consumes claims.
    pub accounting: Accounting,
    /// What the hypervisor does not say of its nodes, a sentence each: domains are placed without.
    pub degraded: Vec<String>,
}

/// The host of which nothing is known: one node, and no CPUs that are known.
fn one_node() -> Result<Topology, Error> {
    let description = TopologyDescription {
        distances: vec![vec![Some(LOCAL_DISTANCE)]],
        ..TopologyDescription::default()
    };
    Ok(Topology::new(&description)?)
}

/// A host that is being placed on.
pub struct Protocol<H> {
    pub(crate) hypervisor: H,
    pub(crate) capabilities: Capabilities,
    pub(crate) topology: Arc<Topology>,
    /// Why nodes and CPUs are not known.
    pub(crate) unknown: Option<CallError>,
    handle: Number,
    state: Mutex<State>,
}

impl<H: Hypervisor> Protocol<H> {
    /// Reads the topology of `hypervisor` and starts to place on it.
    pub fn open(hypervisor: H, config: Config) -> Result<Self, Error> {
        let (topology, unknown) = match hypervisor.topology() {
            Ok(topology) => (topology, None),
            Err(error) if error.is_unavailable() => (one_node()?, Some(error)),
            Err(error) => return Err(Error::reading("reading nodes and CPUs")(error)),
        };
        let topology = Arc::new(topology);
        // Not to know them costs the first domain on some hypervisors, so it is asked again.
        let domains = (0..3).find_map(|_| hypervisor.domains().ok());
        let numbers = |domains: Vec<DomainInfo>| domains.iter().map(|d| d.domid).collect();
        let memory = hypervisor.memory().ok();
        let left_out = memory.map(|memory| Host::with_memory(topology.clone(), memory).left_out());
        let handle = Number::next();
        let capabilities = hypervisor.capabilities();
        Ok(Protocol {
            hypervisor,
            capabilities,
            topology: topology.clone(),
            unknown,
            handle,
            state: Mutex::new(State {
                handle,
                config,
                pending: None,
                builds: BTreeMap::new(),
                node_claimed: BTreeSet::new(),
                inherited: domains.map(numbers),
                built: BTreeMap::new(),
                voided: BTreeMap::new(),
                kinds: Kinds::before_any_claim(&capabilities),
                left_out: left_out.unwrap_or_default(),
                line: Line::default(),
            }),
        })
    }

    /// The hypervisor.
    pub fn hypervisor(&self) -> &H {
        &self.hypervisor
    }

    /// Its nodes and CPUs, to check requests against.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Places a domain: plans, sets its node affinity, claims its memory. Sleeps on the
    /// hypervisor's clock while memory is being given back and while earlier builds must end.
    pub fn place(&self, placement: Placement) -> Result<Placed, Error> {
        let mut placing = self.start(placement);
        loop {
            match self.step(&mut placing) {
                Step::Placed(placed) => return Ok(placed),
                Step::Wait(time) => self.hypervisor.sleep(time),
                Step::Failed(error) => return Err(error),
            }
        }
    }

    /// The request that `description` asks for on this host. What it leaves open is as configured.
    pub fn request(&self, description: &RequestDescription) -> Result<Request, Invalid> {
        let (policy, strategy) = {
            let state = self.lock();
            (state.config.policy(), state.config.strategy)
        };
        Request::new(&description.clone().or(policy, strategy), &self.topology)
    }

    /// Starts a placement that the caller takes forward with [`Protocol::step`].
    pub fn start(&self, placement: Placement) -> Placing {
        Placing::new(self.handle, self.hinted(placement))
    }

    /// The CPUs of a hard-pinned domain are not the planner's to count: it may well have more
    /// vCPUs than it is bound to.
    fn hinted(&self, mut placement: Placement) -> Placement {
        if placement.hard_pinned {
            let request = &mut placement.request;
            let online = self.topology.online();
            let bound = self.topology.cpus_of(online, request.allowed_cpus.as_ref());
            request.cores = 0;
            request.vcpus = request.vcpus.min(bound.len() as u32);
        }
        placement
    }

    /// Sets the affinity of the vCPUs to the plan's CPUs: soft for `BestEffort` and
    /// `PrioMemOnly`, hard for `BestEffortHard` and `Strict`. The pool is filled by now, so
    /// nothing is held back for it any more.
    ///
    /// A value of an attempt that is over, or of another handle, is [`Error::Conflict`]; a claim
    /// that is not whole any more is [`Error::MustDestroy`]. Both change nothing.
    pub fn pin(&self, placed: Placed) -> Result<Pinned, Error> {
        self.lock().check_current(placed.attempt, "placed")?;
        self.check_whole(&placed)?;
        let Placed {
            attempt,
            request,
            hard_pinned,
            outcome,
            topology: _,
        } = placed;
        let domid = attempt.domid;
        if let (Some(plan), false) = (&outcome.plan, hard_pinned) {
            let cpus = (self.topology).cpus_of(plan.cpu_nodes, request.allowed_cpus.as_ref());
            let affinity = match request.policy {
                Policy::BestEffort | Policy::PrioMemOnly | Policy::Any => Affinity::Soft,
                Policy::BestEffortHard | Policy::Strict => Affinity::Hard,
            };
            // A plan of nodes without CPUs leaves its vCPUs where they are.
            let vcpus = if cpus.is_empty() { 0 } else { request.vcpus };
            for vcpu in 0..vcpus {
                let set = (self.hypervisor).set_vcpu_affinity(domid, vcpu, affinity, &cpus);
                let doing = || format!("setting the affinity of vCPU {vcpu} to CPUs {cpus}");
                set.map_err(|error| Error::call(domid, doing())(error))?;
            }
        }
        let mut state = self.lock();
        state.check_current(attempt, "placed")?;
        if let Some(build) = state.builds.get_mut(&domid) {
            build.held_pages = 0;
            build.structure_pages = 0;
            build.least_structure_pages = 0;
        }
        drop(state);
        let nodes = outcome.plan.map(|plan| plan.nodes);
        Ok(Pinned { attempt, nodes })
    }

    /// Whether what the domain has and what it has claimed are what was claimed for it.
    fn check_whole(&self, placed: &Placed) -> Result<(), Error> {
        let (domid, claimed_pages) = (placed.domid(), placed.outcome.claimed_pages);
        if claimed_pages == 0 {
            return Ok(());
        }
        let domains = (self.hypervisor.domains())
            .map_err(Error::call(domid, "looking at its claim: listing domains"))?;
        let domain = (domains.iter()).find(|domain| domain.domid == domid && !domain.dying);
        let (tot_pages, outstanding_pages) = domain.map_or((0, 0), |domain| {
            (domain.tot_pages, domain.outstanding_pages)
        });
        // Late accounting takes pages for emulation off the claim, and counts them nowhere.
        let uncounted_pages = match self.capabilities.accounting {
            Accounting::Late => EXTRA_PAGES.min(claimed_pages - 1),
            Accounting::AtAllocation => 0,
        };
        let there = tot_pages.saturating_add(outstanding_pages);
        if there.saturating_add(uncounted_pages) >= claimed_pages {
            return Ok(());
        }
        Err(Error::MustDestroy {
            domid,
            why: format!(
                "{claimed_pages} pages were claimed for it, and it has {tot_pages} and \
                 {outstanding_pages} claimed: it was destroyed, or its claim was cancelled"
            ),
        })
    }

    /// Whether a domain lives; `None` if the hypervisor does not say.
    pub(crate) fn alive(&self, domid: Domid) -> Option<bool> {
        let domains = self.hypervisor.domains().ok()?;
        let found = domains.iter().find(|domain| domain.domid == domid);
        Some(found.is_some_and(|domain| !domain.dying))
    }

    /// Puts switches in force: at once, but for `claims`, which waits for the builds in flight.
    pub fn configure(&self, config: Config) {
        let mut state = self.lock();
        let claims = state.config.claims;
        state.pending =
            (config.claims != claims && !state.builds.is_empty()).then_some(config.claims);
        state.config = match state.pending {
            Some(_) => config.with_claims(claims),
            None => config,
        };
    }

    /// The switches in force.
    pub fn config(&self) -> Config {
        self.lock().config.clone()
    }

    /// What is in force.
    pub fn status(&self) -> Status {
        let state = self.lock();
        Status {
            config: state.config.clone(),
            pending: state.pending,
            builds: state.builds.keys().copied().collect(),
            host_claims: state.kinds.host.certain(),
            node_claims: state.kinds.node.certain(),
            claim_sets: state.kinds.set.certain(),
            accounting: self.capabilities.accounting,
            degraded: match &self.unknown {
                Some(error) => vec![format!(
                    "nodes and CPUs are not known ({error}): domains are claimed for, and have no \
                     place"
                )],
                None => state.left_out.iter().map(LeftOut::to_string).collect(),
            },
        }
    }

    /// Locks the state. After a panic of another thread it is what the hypervisor tells: what was
    /// probed is forgotten, and builds are kept only of domains that live.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            let mut state = poisoned.into_inner();
            state.kinds = Kinds::before_any_claim(&self.capabilities);
            // A claim on a node that is there decides whom others must not meet.
            if (state.builds.values()).any(|build| build.claim == Claimed::OnNode) {
                state.kinds.node = Known::Present;
            }
            if let Ok(domains) = self.hypervisor.domains() {
                let alive = |domid| domains.iter().any(|d| d.domid == domid && !d.dying);
                state.builds.retain(|domid, _| alive(*domid));
            }
            self.state.clear_poison();
            state
        })
    }

    /// All nodes of the host that are online.
    pub(crate) fn online(&self) -> NodeSet {
        self.topology.online()
    }
}
