//! That a host which xenopsd has made room on starts the domain: squeezed frees exactly what
//! xenopsd's own sum says, and keeps 72 MiB.

use claims::{
    overhead_pages, Builder, Claims, Config, Placed, Placement, Placing, Reservation, Step,
};
use model::{Flavour, Model, Sizes, Xen};
use planner::{Host, HostDescription, NodeDescription, Policy, TopologyDescription, PAGE_BYTES};

use conformance::bench::{placement, request, Bench};

const MIB: u64 = 256;

/// What xenopsd counts of a domain without video memory, in pages.
#[derive(Debug, Clone, Copy)]
struct Counted {
    vcpus: u32,
    builder: Builder,
    /// What it claims: all memory, and a margin for what Xen takes of it.
    claimed: u64,
    /// Its static maximum.
    memory: u64,
    /// What it has squeezed free for it.
    required: u64,
}

fn counted(vcpus: u32, memory_mib: u64, builder: Builder) -> Counted {
    let margin_mib = match builder {
        Builder::Hvm => 2,
        Builder::Pv => 1,
    };
    let shadow_mib = (256 * u64::from(vcpus) + 2 * memory_mib).div_ceil(256);
    Counted {
        vcpus,
        builder,
        claimed: (memory_mib + margin_mib) * MIB,
        memory: memory_mib * MIB,
        required: (memory_mib + margin_mib + shadow_mib) * MIB,
    }
}

fn every_domain() -> Vec<Counted> {
    let mut all = Vec::new();
    for vcpus in [1, 2, 8, 32, 64] {
        for memory_mib in [512, 4 << 10, 64 << 10, 1 << 20] {
            for builder in [Builder::Hvm, Builder::Pv] {
                all.push(counted(vcpus, memory_mib, builder));
            }
        }
    }
    all
}

/// Two nodes of 64 CPUs that have so much free together.
fn host(flavour: Flavour, free_pages: u64, sizes: Sizes) -> Model {
    let half = free_pages / 2;
    let node = |pages: u64| NodeDescription {
        size_bytes: Some(pages * PAGE_BYTES),
        free_bytes: Some(pages * PAGE_BYTES),
        claimed_bytes: 0,
    };
    let cpus = 0..128;
    let host = Host::new(&HostDescription {
        topology: TopologyDescription {
            distances: vec![vec![Some(10), Some(21)], vec![Some(21), Some(10)]],
            cpu_to_node: cpus.clone().map(|cpu| Some(cpu / 64)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu % 64))).collect(),
            cpu_to_socket: cpus.map(|cpu| Some(i64::from(cpu / 64))).collect(),
        },
        nodes: vec![node(half), node(free_pages - half)],
        host_free_bytes: free_pages * PAGE_BYTES,
        host_outstanding_bytes: 0,
    })
    .unwrap();
    Model::of(Xen::new(&host, flavour).with_sizes(sizes))
}

fn asked(bench: &Bench<Model>, domain: Counted, policy: Policy) -> Placement {
    let domid = (bench.xen.backend)
        .create_domain(domain.vcpus, domain.claimed)
        .unwrap();
    let mut asked = request(domain.claimed, policy);
    asked.vcpus = domain.vcpus;
    asked.overhead_pages = overhead_pages(domain.vcpus, domain.memory);
    placement(domid, asked).with_builder(domain.builder)
}

fn build(bench: &Bench<Model>, placed: Placed) {
    let (domid, request) = (placed.domid(), placed.request().clone());
    let node = match placed.outcome().reservation {
        Reservation::NodeClaim(node) => Some(node),
        _ => None,
    };
    let backend = &bench.xen.backend;
    backend.set_pool(domid, request.overhead_pages).unwrap();
    let pinned = bench.protocol.pin(placed).unwrap();
    let populated = backend.populate(domid, request.memory_pages, node);
    assert_eq!(populated, request.memory_pages, "{request:?}");
    bench.protocol.finish(pinned).unwrap();
}

/// All are placed at once, and built as they come.
fn all_start(bench: &Bench<Model>, domain: Counted, policy: Policy, count: usize) {
    let start = |_| bench.protocol.start(asked(bench, domain, policy));
    let mut waiting: Vec<Placing> = (0..count).map(start).collect();
    let mut rounds = 0;
    while !waiting.is_empty() {
        let mut placed = Vec::new();
        let mut longest = std::time::Duration::ZERO;
        waiting.retain_mut(|placing| match bench.protocol.step(placing) {
            Step::Placed(done) => {
                placed.push(done);
                false
            }
            Step::Wait(time) => {
                longest = longest.max(time);
                true
            }
            Step::Failed(error) => panic!("{domain:?} of {count}, {policy:?}: {error}"),
        });
        for placed in placed {
            build(bench, placed);
        }
        bench.xen.backend.advance(longest);
        rounds += 1;
        assert!(rounds < 10_000, "{domain:?} of {count}, {policy:?}");
    }
}

#[test]
fn what_xenopsd_has_made_room_for_starts() {
    let sizes = Sizes::default();
    for flavour in Flavour::ALL {
        for domain in every_domain() {
            for policy in [Policy::Any, Policy::BestEffort, Policy::PrioMemOnly] {
                // What Xen takes for the domain itself is there when xenopsd counts.
                let free = domain.required + 72 * MIB + sizes.domain_pages;
                let bench = Bench::with(host(flavour, free, sizes), Config::default());
                all_start(&bench, domain, policy, 1);
            }
        }
    }
}

#[test]
fn eight_at_once_start_too() {
    // vCPUs are in no sum of xenopsd's: of eight domains they can be more than the 72 MiB, and Xen
    // could not start them then, whoever asks.
    let sizes = Sizes {
        domain_pages: 0,
        vcpu_pages: 0,
    };
    for flavour in Flavour::ALL {
        for domain in every_domain() {
            for policy in [Policy::Any, Policy::BestEffort] {
                let free = 8 * domain.required + 72 * MIB;
                let bench = Bench::with(host(flavour, free, sizes), Config::default());
                all_start(&bench, domain, policy, 8);
            }
        }
    }
}

#[test]
fn what_claims_nothing_is_refused_nothing() {
    let sizes = Sizes {
        domain_pages: 0,
        vcpu_pages: 0,
    };
    let never = Config::default().with_claims(Claims::Never);
    for flavour in Flavour::ALL {
        for domain in every_domain() {
            for count in [1, 8] {
                let free = count * domain.required + MIB;
                let bench = Bench::with(host(flavour, free, sizes), never.clone());
                all_start(&bench, domain, Policy::Any, count as usize);
            }
        }
    }
}
