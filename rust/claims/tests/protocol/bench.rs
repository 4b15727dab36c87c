//! A modelled host, and a hypervisor that fails where a test tells it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claims::{
    Accounting, Affinity, Builder, CallError, Config, DomainInfo, Domid, Errno, Hypervisor, Placed,
    Placement, Protocol,
};
use model::{Flavour, Model};
use planner::{
    CpuSet, Host, HostDescription, Memory, NodeDescription, NodeSet, Policy, Request, Strategy,
    Topology, TopologyDescription,
};
use xenopsd_numa_claims as claims;

/// Pages in a GiB.
pub const GIB: u64 = 1 << 18;

/// What a call does instead of reaching the hypervisor.
#[derive(Clone)]
pub enum Fault {
    /// Fails.
    Errno(Errno),
    /// Says success and does nothing.
    Nothing,
    /// Panics.
    Panic,
    /// Is overtaken by someone else's doing.
    Overtaken(Arc<dyn Fn(&Model) + Send + Sync>),
}

/// A modelled Xen whose calls can be made to fail.
#[derive(Clone)]
pub struct Faulty {
    pub model: Arc<Model>,
    faults: Arc<Mutex<BTreeMap<&'static str, Fault>>>,
    /// Outstanding pages of nobody, asked at each reading.
    pub wobble: Arc<Mutex<Box<dyn FnMut() -> u64 + Send>>>,
    /// How much later it is at each look at the clock.
    pub stall: Arc<Mutex<(Duration, Duration)>>,
    pub calls: Arc<Mutex<Vec<String>>>,
}

impl Faulty {
    pub fn new(flavour: Flavour, nodes: usize) -> Self {
        Faulty {
            model: Arc::new(Model::new(&host(nodes, 64), flavour)),
            faults: Arc::default(),
            wobble: Arc::new(Mutex::new(Box::new(|| 0))),
            stall: Arc::default(),
            calls: Arc::default(),
        }
    }

    pub fn set(&self, call: &'static str, fault: Fault) {
        self.faults.lock().unwrap().insert(call, fault);
    }

    pub fn clear(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// A reading fails only once something is claimed.
    fn reading(&self, call: &'static str) -> Option<CallError> {
        match self.faults.lock().unwrap().get(call) {
            Some(Fault::Errno(errno)) if self.model.outstanding_pages() > 0 => Some(CallError {
                call,
                errno: *errno,
            }),
            Some(_) | None => None,
        }
    }

    fn call<T: Default>(
        &self,
        call: &'static str,
        arguments: String,
        body: impl FnOnce(&Model) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        self.calls
            .lock()
            .unwrap()
            .push(format!("{call} {arguments}"));
        let fault = self.faults.lock().unwrap().get(call).cloned();
        match fault {
            None => body(&self.model),
            Some(Fault::Errno(errno)) => Err(CallError { call, errno }),
            Some(Fault::Nothing) => Ok(T::default()),
            Some(Fault::Panic) => panic!("{call} was told to panic"),
            Some(Fault::Overtaken(doing)) => {
                doing(&self.model);
                body(&self.model)
            }
        }
    }
}

impl Hypervisor for Faulty {
    fn topology(&self) -> Result<Topology, CallError> {
        self.model.topology()
    }

    fn memory(&self) -> Result<Memory, CallError> {
        let mut memory = self.model.memory()?;
        memory.host_outstanding_pages += self.wobble.lock().unwrap()();
        match self.reading("memory") {
            None => Ok(memory),
            Some(error) => Err(error),
        }
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, CallError> {
        match self.reading("domains") {
            None => self.model.domains(),
            Some(error) => Err(error),
        }
    }

    fn node_affinity(&self, domid: Domid) -> Result<NodeSet, CallError> {
        self.model.node_affinity(domid)
    }

    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError> {
        self.call("set_node_affinity", format!("{domid} {nodes:?}"), |model| {
            model.set_node_affinity(domid, nodes)
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
        self.call("set_vcpu_affinity", arguments, |model| {
            model.set_vcpu_affinity(domid, vcpu, affinity, cpus)
        })
    }

    fn claim_host(&self, domid: Domid, pages: u64) -> Result<(), CallError> {
        let call = match pages {
            0 => "cancel",
            _ => "claim_host",
        };
        self.call(call, format!("{domid} {pages}"), |model| {
            model.claim_host(domid, pages)
        })
    }

    fn claim_node(&self, domid: Domid, node: usize, pages: u64) -> Result<(), CallError> {
        let call = match (pages, node) {
            (0, _) => "probe",
            (_, 0) => "claim_node 0",
            (_, 1) => "claim_node 1",
            (_, _) => "claim_node",
        };
        self.call(call, format!("{domid} {pages}"), |model| {
            model.claim_node(domid, node, pages)
        })
    }

    fn accounting(&self) -> Accounting {
        self.model.accounting()
    }

    fn now(&self) -> Duration {
        let mut stall = self.stall.lock().unwrap();
        let (each, all) = *stall;
        *stall = (each, all + each);
        self.model.now() + all
    }

    fn sleep(&self, time: Duration) {
        self.model.sleep(time)
    }
}

/// Nodes of `gib` GiB each, distances 10 and 21, 8 CPUs each.
pub fn host(nodes: usize, gib: u64) -> Host {
    let node = NodeDescription {
        size_bytes: Some(gib << 30),
        free_bytes: Some(gib << 30),
        claimed_bytes: 0,
    };
    let row = |a| {
        (0..nodes)
            .map(|b| Some(if a == b { 10 } else { 21 }))
            .collect()
    };
    let cpus = 0..8 * nodes as u32;
    Host::new(&HostDescription {
        topology: TopologyDescription {
            distances: (0..nodes).map(row).collect(),
            cpu_to_node: cpus.clone().map(|cpu| Some(cpu / 8)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu % 8))).collect(),
            cpu_to_socket: cpus.map(|cpu| Some(i64::from(cpu / 8))).collect(),
        },
        nodes: vec![node; nodes],
        host_free_bytes: (nodes as u64 * gib) << 30,
        host_outstanding_bytes: 0,
    })
    .unwrap()
}

pub fn request(memory_pages: u64, policy: Policy) -> Request {
    Request {
        memory_pages,
        overhead_pages: claims::overhead_pages(2, memory_pages),
        vcpus: 2,
        cores: 0,
        policy,
        strategy: Strategy::Balance,
        allowed_cpus: None,
        allowed_nodes: None,
    }
}

pub fn placement(domid: Domid, request: Request) -> Placement {
    Placement {
        domid,
        request,
        builder: Builder::Hvm,
        hard_pinned: false,
    }
}

/// A host being placed on, as a test uses it.
pub struct Bench {
    pub xen: Faulty,
    pub protocol: Protocol<Faulty>,
}

impl Bench {
    pub fn new(flavour: Flavour) -> Self {
        Bench::with(flavour, Config::default())
    }

    pub fn with(flavour: Flavour, config: Config) -> Self {
        Bench::of(Faulty::new(flavour, 2), config)
    }

    pub fn of(xen: Faulty, config: Config) -> Self {
        let protocol = Protocol::open(xen.clone(), config).unwrap();
        Bench { xen, protocol }
    }

    pub fn create(&self, pages: u64) -> Domid {
        self.xen.model.create_domain(2, pages).unwrap()
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
            claims::Rung::NodeClaim(node) => Some(node),
            _ => None,
        };
        let model = &self.xen.model;
        model.set_pool(domid, claims::pool_pages(2, pages)).unwrap();
        let pinned = self.protocol.pin(placed).unwrap();
        let populated = model.populate(domid, pages, exact_node);
        self.protocol.built(pinned).unwrap();
        populated == pages
    }

    pub fn outstanding(&self, domid: Domid) -> u64 {
        let domains = self.xen.model.domains().unwrap();
        let domain = domains.iter().find(|domain| domain.domid == domid);
        domain.map_or(0, |domain| domain.outstanding_pages)
    }

    /// The nodes of its affinity that the host has.
    pub fn affinity(&self, domid: Domid) -> NodeSet {
        let nodes = self.xen.model.node_affinity(domid).unwrap();
        nodes.intersection(NodeSet::first(2))
    }
}

/// The default switches, but for the longest wait.
pub fn wait(seconds: u64) -> Config {
    Config {
        memory_wait: Duration::from_secs(seconds),
        ..Config::default()
    }
}
