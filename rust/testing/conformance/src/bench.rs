//! A host being placed on, with a hypervisor that fails where a check wants it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claims::{
    Answer, Call, CallError, Claim, Config, Domid, Errno, Hypervisor, Intercept, Placed, Placement,
    Protocol, Reservation,
};
use planner::{Memory, NodeSet, Policy, Request, Reserve, Strategy, Topology};

/// A hypervisor and what a toolstack does around the protocol. Clones are the same.
pub trait Backend: Hypervisor + Clone + 'static {
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

type Report = Box<dyn Fn(Memory) -> Result<Memory, Errno> + Send>;

/// A hypervisor whose calls can be made to fail.
#[derive(Clone)]
pub struct Faulty<S> {
    pub backend: S,
    faults: Arc<Mutex<BTreeMap<&'static str, Fault<S>>>>,
    /// Outstanding pages of nobody, asked at each reading.
    pub wobble: Arc<Mutex<Box<dyn FnMut() -> u64 + Send>>>,
    /// What is said of nodes and CPUs instead of what is so.
    pub topology: Arc<Mutex<Option<Result<Topology, Errno>>>>,
    /// What becomes of free memory before it is reported.
    pub reported_memory: Arc<Mutex<Report>>,
    /// What happens in the next sleep.
    pub while_asleep: Arc<Mutex<Option<Asleep>>>,
    /// How much later it is at each look at the clock.
    pub stall: Arc<Mutex<(Duration, Duration)>>,
    /// How long it was asked to sleep: what a placement waits, however slow the machine is.
    pub slept: Arc<Mutex<Duration>>,
    pub calls: Arc<Mutex<Vec<String>>>,
}

impl<S: Backend> Faulty<S> {
    pub fn new(backend: S) -> Self {
        Faulty {
            backend,
            faults: Arc::default(),
            wobble: Arc::new(Mutex::new(Box::new(|| 0))),
            topology: Arc::default(),
            reported_memory: Arc::new(Mutex::new(Box::new(Ok))),
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
        let memory = self.backend.memory();
        memory.is_ok_and(|memory| memory.host_outstanding_pages > 0)
    }

    /// A reading fails only once something is claimed. It is overtaken once, for what overtakes it
    /// reads too.
    fn before_reading(&self, call: &Call<'_>, name: &str) -> Result<(), CallError> {
        let mut faults = self.faults.lock().unwrap();
        match faults.get(name).cloned() {
            Some(Fault::Errno(errno)) if self.claimed() => failed(call, errno),
            Some(Fault::Overtaken(doing)) => {
                faults.remove(name);
                drop(faults);
                doing(&self.backend);
                Ok(())
            }
            Some(Fault::Errno(_) | Fault::Nothing | Fault::Panic) | None => Ok(()),
        }
    }
}

fn failed<T>(call: &Call<'_>, errno: Errno) -> Result<T, CallError> {
    let call = call.name();
    Err(CallError { call, errno })
}

/// What a call that is not made answers until a success is made of it.
const NOT_MADE: Errno = Errno(0);

/// What a check calls a call by, and what is asked in it.
fn described(call: &Call<'_>) -> (&'static str, String) {
    match call {
        Call::Topology {} => ("topology", String::new()),
        Call::Memory {} => ("memory", String::new()),
        Call::Domains {} => ("domains", String::new()),
        Call::NodeAffinity { domid } => ("node_affinity", format!("{domid}")),
        Call::SetNodeAffinity { domid, nodes } => {
            ("set_node_affinity", format!("{domid} {nodes:?}"))
        }
        Call::SetVcpuAffinity {
            domid,
            vcpu,
            affinity,
            cpus,
        } => {
            let arguments = format!("{domid}v{vcpu} {affinity:?} {cpus}");
            ("set_vcpu_affinity", arguments)
        }
        Call::Claim { domid, claim } => match claim {
            Claim::Host { pages: 0 } => ("cancel", format!("{domid} 0")),
            Claim::Host { pages } => ("claim_host", format!("{domid} {pages}")),
            Claim::Node { pages: 0, .. } => ("probe", format!("{domid} 0")),
            Claim::Node { node: 0, pages } => ("claim_node 0", format!("{domid} {pages}")),
            Claim::Node { node: 1, pages } => ("claim_node 1", format!("{domid} {pages}")),
            Claim::Node { pages, .. } => ("claim_node", format!("{domid} {pages}")),
            Claim::Set([]) => ("probe set", format!("{domid} []")),
            Claim::Set(set @ [_]) => ("claim_set of one", format!("{domid} {set:?}")),
            Claim::Set(set) => ("claim_set", format!("{domid} {set:?}")),
        },
        Call::PagesByNode { domid } => ("pages_by_node", format!("{domid}")),
    }
}

impl<S: Backend> Intercept for Faulty<S> {
    type Inner = S;

    fn inner(&self) -> &S {
        &self.backend
    }

    fn before(&self, call: &Call<'_>) -> Result<(), CallError> {
        let (name, arguments) = described(call);
        match call {
            Call::Topology {} | Call::NodeAffinity { .. } | Call::PagesByNode { .. } => Ok(()),
            Call::Memory {} | Call::Domains {} => self.before_reading(call, name),
            Call::SetNodeAffinity { .. } | Call::SetVcpuAffinity { .. } | Call::Claim { .. } => {
                (self.calls.lock().unwrap()).push(format!("{name} {arguments}"));
                let fault = self.faults.lock().unwrap().get(name).cloned();
                match fault {
                    None => Ok(()),
                    Some(Fault::Errno(errno)) => failed(call, errno),
                    Some(Fault::Nothing) => failed(call, NOT_MADE),
                    Some(Fault::Panic) => panic!("{name} panics, as it should"),
                    Some(Fault::Overtaken(doing)) => {
                        doing(&self.backend);
                        Ok(())
                    }
                }
            }
        }
    }

    fn after(&self, answer: Answer<'_>) {
        match answer {
            Answer::Topology(answer) => {
                if let Some(instead) = self.topology.lock().unwrap().clone() {
                    *answer = instead.or_else(|errno| failed(&Call::Topology {}, errno));
                }
            }
            Answer::Memory(answer) => {
                if let Ok(mut memory) = answer.clone() {
                    memory.host_outstanding_pages += self.wobble.lock().unwrap()();
                    let changed = self.reported_memory.lock().unwrap()(memory);
                    *answer = changed.or_else(|errno| failed(&Call::Memory {}, errno));
                }
            }
            Answer::SetNodeAffinity(answer)
            | Answer::SetVcpuAffinity(answer)
            | Answer::Claim(answer) => {
                if matches!(answer, Err(error) if error.errno == NOT_MADE) {
                    *answer = Ok(());
                }
            }
            Answer::Domains(_) | Answer::NodeAffinity(_) | Answer::PagesByNode(_) => (),
        }
    }

    fn before_sleep(&self, time: Duration) {
        *self.slept.lock().unwrap() += time;
        let happening = self.while_asleep.lock().unwrap().take();
        if let Some(happening) = happening {
            happening();
        }
    }

    fn time(&self, now: Duration) -> Duration {
        let mut stall = self.stall.lock().unwrap();
        let (each, all) = *stall;
        *stall = (each, all + each);
        now + all
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
pub struct Bench<S: Backend> {
    pub xen: Faulty<S>,
    pub protocol: Protocol<Faulty<S>>,
    /// Free pages of the nodes that have some, the largest first.
    free: Vec<u64>,
}

impl<S: Backend> Bench<S> {
    pub fn new(backend: S) -> Self {
        let config = config(&backend);
        Bench::with(backend, config)
    }

    pub fn with(backend: S, config: Config) -> Self {
        let memory = backend.memory().unwrap();
        let free = |node: planner::NodeMemory| Some(node.free_pages).filter(|pages| *pages > 0);
        let mut free: Vec<u64> = memory
            .nodes
            .into_iter()
            .flatten()
            .filter_map(free)
            .collect();
        free.sort_unstable_by(|a, b| b.cmp(a));
        let xen = Faulty::new(backend);
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
        self.xen.backend.create_domain(1, pages).unwrap()
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
        let exact_node = match placed.outcome().reservation {
            Reservation::NodeClaim(node) => Some(node),
            _ => None,
        };
        let backend = &self.xen.backend;
        backend
            .set_pool(domid, claims::pool_pages(1, pages))
            .unwrap();
        let pinned = self.protocol.pin(placed).unwrap();
        let populated = backend.populate(domid, pages, exact_node);
        self.protocol.finish(pinned).unwrap();
        populated == pages
    }

    pub fn outstanding(&self, domid: Domid) -> u64 {
        let domains = self.xen.backend.domains().unwrap();
        let domain = domains.iter().find(|domain| domain.domid == domid);
        domain.map_or(0, |domain| domain.outstanding_pages)
    }

    /// The nodes of its affinity that the host has.
    pub fn affinity(&self, domid: Domid) -> NodeSet {
        let nodes = self.xen.backend.node_affinity(domid).unwrap();
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
pub fn config<S: Backend>(backend: &S) -> Config {
    let host_pages = backend.memory().unwrap().host_free_pages / 512;
    let default = Config::default();
    let host_pages = host_pages.min(default.reserve().host_pages);
    default.with_reserve(Reserve {
        host_pages,
        node_pages: 0,
    })
}

/// These, but for the longest wait.
pub fn wait<S: Backend>(backend: &S, seconds: u64) -> Config {
    config(backend).with_memory_wait(Duration::from_secs(seconds))
}
