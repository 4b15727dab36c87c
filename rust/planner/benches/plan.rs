//! How long a plan takes, on hosts of every size and shape: `cargo bench -p xenopsd-numa-planner`.
//!
//! Prints a table; with `--write FILE` (after `--`) writes it there too. Each cell is 10,000 plans
//! (fewer where one takes long), each timed by itself, the clock's own cost included.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use fastrand::Rng;
use xenopsd_numa_planner::{
    plan, Host, HostDescription, Limits, NodeDescription, Policy, Request, RequestDescription,
    Strategy, TopologyDescription,
};

const SIZES: [usize; 8] = [1, 2, 4, 8, 16, 17, 32, 64];
const CPUS_PER_NODE: u32 = 16;
const NODE_GIB: u64 = 64;
const PLANS: usize = 10_000;

/// A cell ends after this time, however few plans it has.
const CELL_TIME: Duration = Duration::from_secs(2);

const HEADING: &str = "# How long a plan takes

Made by `cargo bench -p xenopsd-numa-planner --bench plan -- --write $PWD/docs/performance.md`.
Nodes of 64 GiB and 16 CPUs; free memory all of it (equal) or between 17 and 64 GiB (unequal); a VM
of 4 vCPUs. Each cell is 10,000 plans, or as many as 2 seconds hold, on two shared cores: compare
rows with each other, not with other machines. Proven: no nearer set exists.

";

#[derive(Clone, Copy)]
enum Shape {
    Flat,
    Line,
    Ring,
    TwoLevels,
    ThreeLevels,
    Random,
}

impl Shape {
    const ALL: [(Shape, &'static str); 6] = [
        (Shape::Flat, "flat"),
        (Shape::Line, "line"),
        (Shape::Ring, "ring"),
        (Shape::TwoLevels, "two levels"),
        (Shape::ThreeLevels, "three levels"),
        (Shape::Random, "random"),
    ];

    fn distance(self, a: usize, b: usize, nodes: usize, rng: &mut Rng) -> u32 {
        let apart = a.abs_diff(b);
        match self {
            _ if a == b => 10,
            Shape::Flat => 21,
            Shape::Line => 10 + 3 * apart as u32,
            Shape::Ring => 10 + 6 * apart.min(nodes - apart) as u32,
            Shape::TwoLevels if a / 4 == b / 4 => 12,
            Shape::TwoLevels => 32,
            Shape::ThreeLevels if a / 4 == b / 4 => 11,
            Shape::ThreeLevels if a / 16 == b / 16 => 21,
            Shape::ThreeLevels => 31,
            Shape::Random => rng.u32(11..60),
        }
    }
}

fn host(shape: Shape, nodes: usize, free_gib: impl Fn(usize) -> u64) -> Host {
    let mut rng = Rng::with_seed(1);
    // Symmetrical, also where it is random.
    let above: Vec<Vec<u32>> = (0..nodes)
        .map(|a| {
            (0..=a)
                .map(|b| shape.distance(a, b, nodes, &mut rng))
                .collect()
        })
        .collect();
    let row = |a: usize| {
        (0..nodes)
            .map(|b| Some(above[a.max(b)][a.min(b)]))
            .collect()
    };
    let distances = (0..nodes).map(row).collect();
    let cpus = 0..CPUS_PER_NODE * nodes as u32;
    let free: Vec<u64> = (0..nodes).map(free_gib).collect();
    Host::new(&HostDescription {
        topology: TopologyDescription {
            distances,
            cpu_to_node: cpus.clone().map(|cpu| Some(cpu / CPUS_PER_NODE)).collect(),
            cpu_to_core: cpus.clone().map(|cpu| Some(i64::from(cpu / 2))).collect(),
            cpu_to_socket: cpus
                .map(|cpu| Some(i64::from(cpu / CPUS_PER_NODE)))
                .collect(),
        },
        nodes: (free.iter())
            .map(|gib| NodeDescription {
                size_bytes: Some(NODE_GIB << 30),
                free_bytes: Some(gib << 30),
                claimed_bytes: 0,
            })
            .collect(),
        host_free_bytes: free.iter().sum::<u64>() << 30,
        host_outstanding_bytes: 0,
    })
    .expect("a host for a benchmark")
}

fn request(host: &Host, gib: u64) -> Request {
    let description = RequestDescription {
        memory_bytes: gib << 30,
        overhead_bytes: 0,
        vcpus: 4,
        cores: None,
        policy: Policy::BestEffort,
        strategy: Strategy::Balance,
        allowed_cpus: None,
        allowed_nodes: None,
    };
    Request::new(&description, host.topology()).expect("a request for a benchmark")
}

struct Cell {
    p50: Duration,
    p99: Duration,
    worst: Duration,
    bytes: u64,
    optimal: bool,
}

fn measure(host: &Host, request: &Request) -> Cell {
    let limits = Limits::default();
    let run = || std::hint::black_box(plan(std::hint::black_box(host), request, &limits));
    let optimal = run().map_or(true, |plan| plan.optimal);
    let bytes = allocation_counter::measure(|| drop(run())).bytes_total;
    let start = Instant::now();
    let mut times = Vec::with_capacity(PLANS);
    while times.len() < PLANS && start.elapsed() < CELL_TIME {
        let before = Instant::now();
        let _ = run();
        times.push(before.elapsed());
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Cell {
        p50: at(0.5),
        p99: at(0.99),
        worst: at(1.0),
        bytes,
        optimal,
    }
}

fn shown(time: Duration) -> String {
    match time.as_nanos() {
        nanos @ 0..10_000 => format!("{:.2} µs", nanos as f64 / 1e3),
        nanos @ 10_000..10_000_000 => format!("{:.0} µs", nanos as f64 / 1e3),
        nanos => format!("{:.0} ms", nanos as f64 / 1e6),
    }
}

fn table() -> String {
    let mut table = String::from(
        "| shape | nodes | free | request | p50 | p99 | worst | bytes allocated | proven |\n\
         |--|--|--|--|--|--|--|--|--|\n",
    );
    for (shape, name) in Shape::ALL {
        for nodes in SIZES {
            let uneven = |node: usize| NODE_GIB - (node as u64 * 29) % 48;
            for (free_name, host) in [
                ("equal", host(shape, nodes, |_| NODE_GIB)),
                ("unequal", host(shape, nodes, uneven)),
            ] {
                let total = host.memory().host_free_pages >> 18;
                let largest = request(&host, NODE_GIB - 48);
                for (what, request) in [
                    ("one node", largest),
                    ("half", request(&host, total / 2)),
                    ("all", request(&host, total)),
                    ("fits nowhere", request(&host, total + 1)),
                ] {
                    let cell = measure(&host, &request);
                    let _ = writeln!(
                        table,
                        "| {name} | {nodes} | {free_name} | {what} | {} | {} | {} | {} | {} |",
                        shown(cell.p50),
                        shown(cell.p99),
                        shown(cell.worst),
                        cell.bytes,
                        if cell.optimal { "yes" } else { "no" },
                    );
                }
            }
        }
    }
    table
}

fn main() {
    let table = table();
    print!("{table}");
    let mut arguments = std::env::args()
        .skip_while(|argument| argument != "--write")
        .skip(1);
    if let Some(file) = arguments.next() {
        let page = format!("{HEADING}{table}");
        if let Err(error) = std::fs::write(&file, page) {
            eprintln!("{file}: {error}");
            std::process::exit(1);
        }
    }
}
