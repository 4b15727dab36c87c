//! A host being placed on, with a hypervisor that fails where a check tells it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claims::{
    Accounting, Affinity, CallError, Config, DomainInfo, Domid, Errno, Hypervisor, NodePages,
    Placed, Placement, Protocol, Rung,
};
use planner::{CpuSet, Memory, NodeSet, Policy, Request, Reserve, Strategy, Topology};

/// A hypervisor and what a toolstack does around the protocol. Clones are the same.
pub trait Site: Hypervisor + Clone + 'static {
    /// Whether it is known to have claims on nodes.
    fn node_claims(&self) -> bool;

    /// Whether these are sets, which may be taken back and made again.
    fn claim_sets(&self) -> bool;

    /// A new domain, its maximum memory set, without pool and vCPUs.
    fn create_domain(&self, vcpus: u32, max_pages: u64) -> Result<Domid, Errno>;

    /// Fills the domain's pool and creates its vCPUs.
    fn set_pool(&self, domid: Domid, pages: u64) -> Result<(), Errno>;

    /// Populates memory as a builder does: the pages that could be had.
    fn populate(&self, domid: Domid, pages: u64, exact_node: Option<usize>) -> u64;
}

/// What a call does instead of reaching the hypervisor.
#[derive(Clone)]
pub enum Fault<S> {
    /// Fails.
    Errno(Errno),
    /// Says success and does nothing.
    Nothing,
    /// Panics.
    Panic,
    /// Is overtaken by someone else's doing.
    Overtaken(Arc<dyn Fn(&S) + Send + Sync>),
}

type Asleep = Box<dyn FnOnce() + Send>;

type Told = Box<dyn Fn(Memory) -> Result<Memory, Errno> + Send>;

/// A hypervisor whose calls can be made to fail.
#[derive(Clone)]
pub struct Faulty<S> {
    pub site: S,
    faults: Arc<Mutex<BTreeMap<&'static str, Fault<S>>>>,
    /// Outstanding pages of nobody, asked at each reading.
    pub wobble: Arc<Mutex<Box<dyn FnMut() -> u64 + Send>>>,
    /// What is said of nodes and CPUs instead of what is so.
    pub topology: Arc<Mutex<Option<Result<Topology, Errno>>>>,
    /// What becomes of free memory before it is said.
    pub told: Arc<Mutex<Told>>,
    /// What happens in the next sleep.
    pub while_asleep: Arc<Mutex<Option<Asleep>>>,
    /// How much later it is at each look at the clock.
    pub stall: Arc<Mutex<(Duration, Duration)>>,
    /// How long it was asked to sleep: what a placement waits, however slow the machine is.
    pub slept: Arc<Mutex<Duration>>,
    pub calls: Arc<Mutex<Vec<String>>>,
}

impl<S: Site> Faulty<S> {
    pub fn new(site: S) -> Self {
        Faulty {
            site,
            faults: Arc::default(),
            wobble: Arc::new(Mutex::new(Box::new(|| 0))),
            topology: Arc::default(),
            told: Arc::new(Mutex::new(Box::new(Ok))),
            while_asleep: Arc::default(),
            stall: Arc::default(),
            slept: Arc::default(),
            calls: Arc::default(),
        }
    }

    pub fn set(&self, call: &'static str, fault: Fault<S>) {
        self.faults.lock().unwrap().insert(call, fault);
    }

    pub fn clear(&self) {
        self.faults.lock().unwrap().clear();
    }

    fn claimed(&self) -> bool {
        let memory = self.site.memory();
        memory.is_ok_and(|memory| memory.host_outstanding_pages > 0)
    }

    /// A reading fails only once something is claimed.
    fn reading(&self, call: &'static str) -> Option<CallError> {
        match self.faults.lock().unwrap().get(call) {
            Some(Fault::Errno(errno)) if self.claimed() => Some(CallError {
                call,
                errno: *errno,
            }),
            Some(_) | None => None,
        }
    }

    /// A reading is overtaken once, for whoever overtakes reads too.
    fn overtaken_once(&self, call: &'static str) {
        let mut faults = self.faults.lock().unwrap();
        if let Some(Fault::Overtaken(doing)) = faults.get(call).cloned() {
            faults.remove(call);
            drop(faults);
            doing(&self.site);
        }
    }

    fn call<T: Default>(
        &self,
        call: &'static str,
        arguments: String,
        body: impl FnOnce(&S) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        self.calls
            .lock()
            .unwrap()
            .push(format!("{call} {arguments}"));
        let fault = self.faults.lock().unwrap().get(call).cloned();
        match fault {
            None => body(&self.site),
            Some(Fault::Errno(errno)) => Err(CallError { call, errno }),
            Some(Fault::Nothing) => Ok(T::default()),
            Some(Fault::Panic) => panic!("{call} was told to panic"),
            Some(Fault::Overtaken(doing)) => {
                doing(&self.site);
                body(&self.site)
            }
        }
    }
}

impl<S: Site> Hypervisor for Faulty<S> {
    fn topology(&self) -> Result<Topology, CallError> {
        match self.topology.lock().unwrap().clone() {
            None => self.site.topology(),
            Some(told) => told.map_err(|errno| CallError {
                call: "topology",
                errno,
            }),
        }
    }

    fn memory(&self) -> Result<Memory, CallError> {
        let mut memory = self.site.memory()?;
        memory.host_outstanding_pages += self.wobble.lock().unwrap()();
        let memory = self.told.lock().unwrap()(memory).map_err(|errno| CallError {
            call: "memory",
            errno,
        })?;
        match self.reading("memory") {
            None => Ok(memory),
            Some(error) => Err(error),
        }
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, CallError> {
        self.overtaken_once("domains");
        match self.reading("domains") {
            None => self.site.domains(),
            Some(error) => Err(error),
        }
    }

    fn node_affinity(&self, domid: Domid) -> Result<NodeSet, CallError> {
        self.site.node_affinity(domid)
    }

    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError> {
        self.call("set_node_affinity", format!("{domid} {nodes:?}"), |site| {
            site.set_node_affinity(domid, nodes)
        })
    }

    fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), CallError> {
        let arguments = format!("{domid}v{vcpu} {affinity:?} {cpus}");
        self.call("set_vcpu_affinity", arguments, |site| {
            site.set_vcpu_affinity(domid, vcpu, affinity, cpus)
        })
    }

    fn claim_host(&self, domid: Domid, pages: u64) -> Result<(), CallError> {
        let call = match pages {
            0 => "cancel",
            _ => "claim_host",
        };
        self.call(call, format!("{domid} {pages}"), |site| {
            site.claim_host(domid, pages)
        })
    }

    fn claim_node(&self, domid: Domid, node: usize, pages: u64) -> Result<(), CallError> {
        let call = match (pages, node) {
            (0, _) => "probe",
            (_, 0) => "claim_node 0",
            (_, 1) => "claim_node 1",
            (_, _) => "claim_node",
        };
        self.call(call, format!("{domid} {pages}"), |site| {
            site.claim_node(domid, node, pages)
        })
    }

    fn claim_set(&self, domid: Domid, set: &[NodePages]) -> Result<(), CallError> {
        let call = match set.len() {
            0 => "probe set",
            1 => "claim_set of one",
            _ => "claim_set",
        };
        self.call(call, format!("{domid} {set:?}"), |site| {
            site.claim_set(domid, set)
        })
    }

    fn pages_by_node(&self, domid: Domid) -> Result<Vec<u64>, CallError> {
        self.site.pages_by_node(domid)
    }

    fn accounting(&self) -> Accounting {
        self.site.accounting()
    }

    fn now(&self) -> Duration {
        let mut stall = self.stall.lock().unwrap();
        let (each, all) = *stall;
        *stall = (each, all + each);
        self.site.now() + all
    }

    fn sleep(&self, time: Duration) {
        *self.slept.lock().unwrap() += time;
        let happening = self.while_asleep.lock().unwrap().take();
        if let Some(happening) = happening {
            happening();
        }
        self.site.sleep(time)
    }
}

pub fn request(memory_pages: u64, policy: Policy) -> Request {
    let mut request = Request::of_pages(memory_pages, 1);
    request.overhead_pages = claims::overhead_pages(1, memory_pages);
    request.cores = 0;
    request.policy = policy;
    request.strategy = Strategy::Balance;
    request
}

pub fn placement(domid: Domid, request: Request) -> Placement {
    Placement::new(domid, request)
}

/// A host being placed on, as a check uses it.
pub struct Bench<S: Site> {
    pub xen: Faulty<S>,
    pub protocol: Protocol<Faulty<S>>,
    /// Free pages of the nodes that have some, the largest first.
    free: Vec<u64>,
}

impl<S: Site> Bench<S> {
    pub fn new(site: S) -> Self {
        let config = config(&site);
        Bench::with(site, config)
    }

    pub fn with(site: S, config: Config) -> Self {
        let memory = site.memory().unwrap();
        let free = |node: planner::NodeMemory| Some(node.free_pages).filter(|pages| *pages > 0);
        let mut free: Vec<u64> = memory
            .nodes
            .into_iter()
            .flatten()
            .filter_map(free)
            .collect();
        free.sort_unstable_by(|a, b| b.cmp(a));
        let xen = Faulty::new(site);
        let protocol = Protocol::open(xen.clone(), config).unwrap();
        Bench {
            xen,
            protocol,
            free,
        }
    }

    /// Whether the host has several nodes with memory.
    pub fn several_nodes(&self) -> bool {
        self.free.len() > 1
    }

    /// Pages that fit any node several times.
    pub fn small(&self) -> u64 {
        self.free.last().unwrap() / 8
    }

    /// Pages that fit two nodes at least, and none of them twice.
    pub fn big(&self) -> u64 {
        self.free[0] * 5 / 8
    }

    /// Pages that fit no node, but the host.
    pub fn wide(&self) -> u64 {
        self.free[0] * 5 / 4
    }

    /// Pages that are nearly all of the host.
    pub fn most(&self) -> u64 {
        self.free.iter().sum::<u64>() * 25 / 32
    }

    /// A new domain of one vCPU, which any node with CPUs can have.
    pub fn create(&self, pages: u64) -> Domid {
        self.xen.site.create_domain(1, pages).unwrap()
    }

    /// Creates and places a domain.
    pub fn place(&self, pages: u64, policy: Policy) -> Placed {
        let domid = self.create(pages);
        (self.protocol)
            .place(placement(domid, request(pages, policy)))
            .unwrap()
    }

    /// Fills the pool, populates as the outcome says, ends the build. Whether all memory was had.
    pub fn build(&self, placed: Placed) -> bool {
        let domid = placed.domid();
        let pages = placed.request().memory_pages;
        let exact_node = match placed.outcome().rung {
            Rung::NodeClaim(node) => Some(node),
            _ => None,
        };
        let site = &self.xen.site;
        site.set_pool(domid, claims::pool_pages(1, pages)).unwrap();
        let pinned = self.protocol.pin(placed).unwrap();
        let populated = site.populate(domid, pages, exact_node);
        self.protocol.built(pinned).unwrap();
        populated == pages
    }

    pub fn outstanding(&self, domid: Domid) -> u64 {
        let domains = self.xen.site.domains().unwrap();
        let domain = domains.iter().find(|domain| domain.domid == domid);
        domain.map_or(0, |domain| domain.outstanding_pages)
    }

    /// The nodes of its affinity that the host has.
    pub fn affinity(&self, domid: Domid) -> NodeSet {
        let nodes = self.xen.site.node_affinity(domid).unwrap();
        nodes.intersection(self.online())
    }

    pub fn online(&self) -> NodeSet {
        self.protocol.topology().online()
    }
}

/// The nodes that a domain was planned on.
pub fn planned(placed: &Placed) -> NodeSet {
    placed.outcome().plan.clone().unwrap().nodes
}

/// The default switches, with a reserve that small hosts can spare.
pub fn config<S: Site>(site: &S) -> Config {
    let host_pages = site.memory().unwrap().host_free_pages / 512;
    let default = Config::default();
    let host_pages = host_pages.min(default.reserve().host_pages);
    default.with_reserve(Reserve {
        host_pages,
        node_pages: 0,
    })
}

/// These, but for the longest wait.
pub fn wait<S: Site>(site: &S, seconds: u64) -> Config {
    config(site).with_memory_wait(Duration::from_secs(seconds))
}
