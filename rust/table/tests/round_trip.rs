//! What a hypervisor answers, and what it is asked, comes out of its table as it went in.

use std::sync::Mutex;
use std::time::Duration;

use claims::{
    Accounting, Affinity, CallError, Capabilities, Claim, DomainInfo, Domid, Errno, Hypervisor,
    NodePages,
};
use planner::{CpuSet, Memory, NodeMemory, NodeSet, Topology, TopologyDescription};
use proptest::prelude::*;
use xenopsd_numa_table::Exported;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    NodeAffinity(Domid),
    SetNodeAffinity(Domid, Option<NodeSet>),
    SetVcpuAffinity(Domid, u32, Affinity, CpuSet),
    ClaimHost(Domid, u64),
    ClaimNode(Domid, usize, u64),
    ClaimSet(Domid, Vec<NodePages>),
    PagesByNode(Domid),
}

/// Answers what it was given, and remembers what it was asked.
#[derive(Debug)]
struct Fake {
    topology: Topology,
    memory: Memory,
    domains: Vec<DomainInfo>,
    affinity: NodeSet,
    capabilities: Capabilities,
    by_node: Vec<u64>,
    errno: Option<Errno>,
    asked: Mutex<Vec<Asked>>,
    clock: Mutex<Duration>,
}

impl Fake {
    fn answer<T>(&self, value: T) -> Result<T, CallError> {
        match self.errno {
            None => Ok(value),
            Some(errno) => Err(CallError {
                call: "fake",
                errno,
            }),
        }
    }

    fn asked<T>(&self, asked: Asked, value: T) -> Result<T, CallError> {
        self.asked.lock().unwrap().push(asked);
        self.answer(value)
    }
}

impl Hypervisor for Fake {
    fn topology(&self) -> Result<Topology, CallError> {
        self.answer(self.topology.clone())
    }

    fn memory(&self) -> Result<Memory, CallError> {
        self.answer(self.memory.clone())
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, CallError> {
        self.answer(self.domains.clone())
    }

    fn node_affinity(&self, domid: Domid) -> Result<NodeSet, CallError> {
        self.asked(Asked::NodeAffinity(domid), self.affinity)
    }

    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError> {
        self.asked(Asked::SetNodeAffinity(domid, nodes), ())
    }

    fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), CallError> {
        self.asked(
            Asked::SetVcpuAffinity(domid, vcpu, affinity, cpus.clone()),
            (),
        )
    }

    fn claim(&self, domid: Domid, claim: Claim<'_>) -> Result<(), CallError> {
        let asked = match claim {
            Claim::Host { pages } => Asked::ClaimHost(domid, pages),
            Claim::Node { node, pages } => Asked::ClaimNode(domid, node, pages),
            Claim::Set(set) => Asked::ClaimSet(domid, set.to_vec()),
        };
        self.asked(asked, ())
    }

    fn pages_by_node(&self, domid: Domid) -> Result<Vec<u64>, CallError> {
        self.asked(Asked::PagesByNode(domid), self.by_node.clone())
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn now(&self) -> Duration {
        *self.clock.lock().unwrap()
    }

    fn sleep(&self, time: Duration) {
        *self.clock.lock().unwrap() += time;
    }
}

const PAGES_MAX: u64 = (1 << 50) - 1;

fn topology() -> impl Strategy<Value = Topology> {
    let sizes = (prop_oneof![Just(1usize), Just(64), 1usize..9], 0usize..200);
    sizes
        .prop_flat_map(|(nodes, cpus)| {
            let distances = prop::collection::vec(
                prop_oneof![Just(None), (10u32..255).prop_map(Some)],
                nodes * nodes,
            );
            let cpu = (
                prop::option::of(0..nodes as u32),
                prop::option::of(-1i64..9),
                prop::option::of(-1i64..4),
            );
            (
                prop::collection::vec(any::<bool>(), nodes),
                distances,
                prop::collection::vec(cpu, cpus),
            )
        })
        .prop_map(|(online, distances, cpus)| {
            let nodes = online.len();
            let distance = |a: usize, b: usize| match (online[a] && online[b], a == b) {
                (false, _) => None,
                (true, true) => Some(10),
                (true, false) => distances[a * nodes + b],
            };
            let description = TopologyDescription {
                distances: (0..nodes)
                    .map(|a| (0..nodes).map(|b| distance(a, b)).collect())
                    .collect(),
                cpu_to_node: cpus.iter().map(|cpu| cpu.0).collect(),
                cpu_to_core: cpus.iter().map(|cpu| cpu.1).collect(),
                cpu_to_socket: cpus.iter().map(|cpu| cpu.2).collect(),
            };
            Topology::new(&description).unwrap()
        })
}

fn memory() -> impl Strategy<Value = Memory> {
    let pages = || 0..=PAGES_MAX;
    let node = (pages(), pages(), pages()).prop_map(|(size, free, claimed)| NodeMemory {
        size_pages: size,
        free_pages: free,
        claimed_pages: claimed,
        committed_pages: 0,
        reserved_pages: 0,
    });
    let nodes = prop::collection::vec(prop::option::of(node), 0..=64);
    (nodes, pages(), pages()).prop_map(|(nodes, free, outstanding)| Memory {
        nodes,
        host_free_pages: free,
        host_outstanding_pages: outstanding,
        host_reserved_pages: 0,
    })
}

fn domains() -> impl Strategy<Value = Vec<DomainInfo>> {
    let pages = || 0..=PAGES_MAX;
    let domain = (any::<bool>(), pages(), pages(), pages());
    let lengths = prop_oneof![Just(256usize), Just(512), 0usize..600];
    let numbers = lengths
        .prop_flat_map(move |n| prop::collection::btree_map(0u16..0x7ff0, domain.clone(), n));
    numbers.prop_map(|domains| {
        domains
            .into_iter()
            .map(|(domid, (dying, tot, outstanding, max))| DomainInfo {
                domid: Domid(domid),
                dying,
                tot_pages: tot,
                outstanding_pages: outstanding,
                max_pages: max,
            })
            .collect()
    })
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    let accounting = prop_oneof![Just(Accounting::Late), Just(Accounting::AtAllocation)];
    (accounting, any::<[bool; 4]>()).prop_map(
        |(accounting, [node_claims_bind_all, node_claims, claim_sets, pages_by_node])| {
            Capabilities {
                accounting,
                node_claims_bind_all,
                node_claims,
                claim_sets,
                pages_by_node,
            }
        },
    )
}

fn fake() -> impl Strategy<Value = Fake> {
    let errno = prop::option::weighted(0.2, (1i32..4096).prop_map(Errno));
    (
        topology(),
        memory(),
        domains(),
        any::<u64>(),
        capabilities(),
        prop::collection::vec(0..=PAGES_MAX, 0..=64),
        errno,
    )
        .prop_map(
            |(topology, memory, domains, affinity, capabilities, by_node, errno)| Fake {
                topology,
                memory,
                domains,
                affinity: NodeSet::from_bits(affinity),
                capabilities,
                by_node,
                errno,
                asked: Mutex::new(Vec::new()),
                clock: Mutex::default(),
            },
        )
}

fn call() -> impl Strategy<Value = Asked> {
    let domid = || any::<u16>().prop_map(Domid);
    // All 64 bits are how Xen is asked for "automatic", so that set comes out as `None`.
    let set = (0..u64::MAX).prop_map(NodeSet::from_bits);
    let affinity = prop_oneof![Just(Affinity::Soft), Just(Affinity::Hard)];
    let share = (0usize..64, any::<u64>()).prop_map(|(node, pages)| NodePages { node, pages });
    let cpus = prop::collection::btree_set(0usize..16384, 0..50);
    prop_oneof![
        domid().prop_map(Asked::NodeAffinity),
        (domid(), prop::option::of(set)).prop_map(|(d, set)| Asked::SetNodeAffinity(d, set)),
        (domid(), any::<u32>(), affinity, cpus).prop_map(|(d, vcpu, affinity, cpus)| {
            Asked::SetVcpuAffinity(d, vcpu, affinity, cpus.into_iter().collect())
        }),
        (domid(), any::<u64>()).prop_map(|(d, pages)| Asked::ClaimHost(d, pages)),
        (domid(), 0usize..64, any::<u64>()).prop_map(|(d, n, pages)| Asked::ClaimNode(d, n, pages)),
        (domid(), prop::collection::vec(share, 0..=64))
            .prop_map(|(d, set)| Asked::ClaimSet(d, set)),
        domid().prop_map(Asked::PagesByNode),
    ]
}

/// What a call answers.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Done,
    Nodes(NodeSet),
    Pages(Vec<u64>),
}

fn ask(hypervisor: &impl Hypervisor, call: &Asked) -> Result<Answer, Errno> {
    let claim = |domid, claim| hypervisor.claim(domid, claim).map(|()| Answer::Done);
    match call {
        Asked::NodeAffinity(domid) => hypervisor.node_affinity(*domid).map(Answer::Nodes),
        Asked::PagesByNode(domid) => hypervisor.pages_by_node(*domid).map(Answer::Pages),
        Asked::SetNodeAffinity(domid, set) => hypervisor
            .set_node_affinity(*domid, *set)
            .map(|()| Answer::Done),
        Asked::SetVcpuAffinity(domid, vcpu, affinity, cpus) => hypervisor
            .set_vcpu_affinity(*domid, *vcpu, *affinity, cpus)
            .map(|()| Answer::Done),
        Asked::ClaimHost(domid, pages) => claim(*domid, Claim::Host { pages: *pages }),
        Asked::ClaimNode(domid, node, pages) => {
            let (node, pages) = (*node, *pages);
            claim(*domid, Claim::Node { node, pages })
        }
        Asked::ClaimSet(domid, set) => claim(*domid, Claim::Set(set)),
    }
    .map_err(|error| error.errno)
}

/// 200 cases, or fewer where PROPTEST_CASES says so: valgrind takes its time.
fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.min(200),
        ..default
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn answers_and_questions_survive(
        fake in fake(),
        calls in prop::collection::vec(call(), 0..20),
    ) {
        let exported = Exported::new(fake);
        let table = exported.table().unwrap();
        let fake = exported.hypervisor();
        let errno = |error: CallError| error.errno;
        prop_assert_eq!(table.topology().map_err(errno), fake.topology().map_err(errno));
        prop_assert_eq!(table.memory().map_err(errno), fake.memory().map_err(errno));
        prop_assert_eq!(table.domains().map_err(errno), fake.domains().map_err(errno));
        let has = fake.capabilities;
        prop_assert_eq!(table.capabilities(), has);
        let missing = |call: &Asked| match call {
            Asked::ClaimNode(..) => !has.node_claims,
            Asked::ClaimSet(..) => !has.claim_sets,
            Asked::PagesByNode(_) => !has.pages_by_node,
            Asked::NodeAffinity(_)
            | Asked::SetNodeAffinity(..)
            | Asked::SetVcpuAffinity(..)
            | Asked::ClaimHost(..) => false,
        };
        for call in &calls {
            let direct = match (fake.errno, call) {
                _ if missing(call) => Err(Errno::ENOSYS),
                (Some(errno), _) => Err(errno),
                (None, Asked::NodeAffinity(_)) => Ok(Answer::Nodes(fake.affinity)),
                (None, Asked::PagesByNode(_)) => Ok(Answer::Pages(fake.by_node.clone())),
                (None, _) => Ok(Answer::Done),
            };
            prop_assert_eq!(ask(&table, call), direct);
        }
        let made: Vec<Asked> = calls.into_iter().filter(|call| !missing(call)).collect();
        prop_assert_eq!(&*fake.asked.lock().unwrap(), &made);
    }
}

#[test]
fn the_largest_host_fits() {
    let nodes = planner::MAX_NODES;
    let cpus = planner::MAX_CPUS;
    let description = TopologyDescription {
        distances: (0..nodes)
            .map(|a| {
                (0..nodes)
                    .map(|b| Some(if a == b { 10 } else { 254 }))
                    .collect()
            })
            .collect(),
        cpu_to_node: (0..cpus).map(|cpu| Some((cpu % nodes) as u32)).collect(),
        cpu_to_core: (0..cpus).map(|cpu| Some(cpu as i64)).collect(),
        cpu_to_socket: vec![Some(0); cpus],
    };
    let topology = Topology::new(&description).unwrap();
    let exported = Exported::new(idle(topology.clone()));
    assert_eq!(exported.table().unwrap().topology(), Ok(topology));
}

fn idle(topology: Topology) -> Fake {
    Fake {
        topology,
        memory: Memory {
            nodes: vec![None; 2],
            host_free_pages: 0,
            host_outstanding_pages: 0,
            host_reserved_pages: 0,
        },
        domains: Vec::new(),
        affinity: NodeSet::EMPTY,
        capabilities: Capabilities {
            accounting: Accounting::Late,
            node_claims_bind_all: false,
            node_claims: true,
            claim_sets: true,
            pages_by_node: true,
        },
        by_node: Vec::new(),
        errno: None,
        asked: Mutex::new(Vec::new()),
        clock: Mutex::default(),
    }
}

fn two_nodes() -> Topology {
    let description = TopologyDescription {
        distances: vec![vec![Some(10), Some(21)], vec![Some(21), Some(10)]],
        ..TopologyDescription::default()
    };
    Topology::new(&description).unwrap()
}

#[test]
fn its_clock_is_the_hypervisors() {
    let exported = Exported::new(idle(two_nodes()));
    let table = exported.table().unwrap();
    assert_eq!(table.now(), Duration::ZERO);
    let century = Duration::new(3_155_760_000, 1);
    table.sleep(century);
    assert_eq!(
        (table.now(), exported.hypervisor().now()),
        (century, century)
    );
}

#[test]
fn a_panic_is_an_errno() {
    let exported = Exported::new(idle(two_nodes()));
    let poison = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let _held = exported.hypervisor().asked.lock().unwrap();
                panic!("while the lock is held");
            })
            .join()
    });
    assert!(poison.is_err());
    let table = exported.table().unwrap();
    let error = table.claim(Domid(1), Claim::Host { pages: 1 }).unwrap_err();
    assert_eq!(error.errno, Errno::EIO);
    assert_eq!(error.call, "xc_domain_claim_pages");
    assert!(table.memory().is_ok());
}

#[test]
fn nothing_is_written_beyond_the_room() {
    let exported = Exported::new(idle(two_nodes()));
    // SAFETY: `exported` lives on.
    let raw = unsafe { exported.as_ptr().read() };
    let (mut nodes, mut cpus) = (1, 0);
    let mut distances = [7; 4];
    // SAFETY: there is room for one node and no CPU.
    let status = unsafe {
        (raw.topology.unwrap())(
            raw.context,
            &mut nodes,
            distances.as_mut_ptr(),
            &mut cpus,
            std::ptr::null_mut(),
        )
    };
    assert_eq!((status, distances), (Errno::ENOBUFS.0, [7; 4]));
}
