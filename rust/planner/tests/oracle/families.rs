//! All small hosts with few values: every matrix, every capacity, every request.

use std::time::Instant;

use xenopsd_numa_planner::Request;

use crate::frame::{request, Amounts, Case, Frame};
use crate::parts::share;
use crate::run::Run;
use crate::small::MOST;
use crate::world::STRATEGIES;

type Values = [Option<u32>; 3];

const VALUES: [Values; 2] = [[Some(12), Some(20), None], [Some(10), Some(15), Some(17)]];

/// The hosts of `nodes` nodes with three distances, 0 to 3 pages and 0 to 1 CPUs a node.
#[derive(Debug, Clone, Copy)]
struct Family {
    values: Values,
    nodes: usize,
    symmetric: bool,
    /// What is asked of a host.
    asked: Asked,
    /// How large a node is of which so many pages are free.
    size: fn(u64) -> u64,
}

/// The requests of a host.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Asked {
    /// One page to one more than such a host can have, and so with vCPUs; each strategy.
    All,
    /// One page to one more than the host has, and so with vCPUs: more than that is refused for
    /// the same reasons, with larger figures. Each strategy in turn.
    Within,
}

/// The `place`th digit of `number`, the lowest first.
fn digit(number: u64, base: u64, place: usize) -> u64 {
    number / base.pow(place as u32) % base
}

fn digits(number: u64, base: u64) -> [u64; MOST] {
    std::array::from_fn(|place| digit(number, base, place))
}

/// Where the distance of two different nodes is among the digits of a matrix.
fn place(nodes: usize, symmetric: bool, a: usize, b: usize) -> usize {
    match symmetric {
        true => a.max(b) * (a.max(b) - 1) / 2 + a.min(b),
        false => a * (nodes - 1) + b - usize::from(b > a),
    }
}

impl Family {
    fn places(&self) -> usize {
        self.nodes * (self.nodes - 1) / if self.symmetric { 2 } else { 1 }
    }

    fn matrices(&self) -> u64 {
        3u64.pow(self.places() as u32)
    }

    fn frame(&self, matrix: u64, cpus: u64) -> Frame {
        let distance = |a: usize, b: usize| match a == b {
            true => Some(10),
            false => {
                let place = place(self.nodes, self.symmetric, a, b);
                self.values[digit(matrix, 3, place) as usize]
            }
        };
        let row = |a| (0..self.nodes).map(|b| distance(a, b)).collect();
        let distances: Vec<Vec<_>> = (0..self.nodes).map(row).collect();
        Frame::new(&distances, digits(cpus, 2))
    }

    /// Asks everything of the hosts with one matrix.
    fn ask(&self, matrix: u64, requests: &Requests, run: &mut Run) {
        for cpus in 0..1 << self.nodes {
            let frame = self.frame(matrix, cpus);
            for memory in 0..1 << (2 * self.nodes) {
                let headroom = digits(memory, 4);
                let size = std::array::from_fn(|node| match node < self.nodes {
                    true => (self.size)(headroom[node]),
                    false => 0,
                });
                let case = frame.with(Amounts { headroom, size });
                self.ask_host(&case, matrix + cpus + memory, requests, run);
            }
        }
    }

    fn ask_host(&self, case: &Case, host: u64, all: &Requests, run: &mut Run) {
        let name = || format!("{} nodes", self.nodes);
        let (pages, vcpus) = match self.asked {
            Asked::All => (3 * self.nodes as u64, self.nodes as u64),
            Asked::Within => case.small.total(),
        };
        for pages in 1..=pages + 1 {
            for vcpus in 1..=vcpus + 1 {
                let turn = (host + pages + vcpus) as usize % 3;
                for strategy in 0..3 {
                    if self.asked == Asked::All || strategy == turn {
                        case.ask(all.of(pages, vcpus, strategy), run, name);
                    }
                }
            }
        }
        if host % 97 == 0 {
            let request = all.of(1 + host % (pages + 1), 1 + host % (vcpus + 1), 0);
            case.compare_oracles(request, run);
        }
    }

    /// Asks everything of the hosts with these matrices, which must be so many requests.
    fn run(&self, matrices: &[u64], requests: u64) {
        let start = Instant::now();
        let all = Requests::new();
        let part = |i: u64, run: &mut Run| self.ask(matrices[i as usize], &all, run);
        let run = share(matrices.len() as u64, part, |_| ());
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{} nodes, {} matrices of {:?}, {:?}: {}, {seconds:.1} s",
            self.nodes,
            matrices.len(),
            self.values,
            self.asked,
            run.figures(),
        );
        let asked: u64 = run.kinds().map(|(_, times)| times).sum();
        run.none_or_panic();
        assert_eq!(asked, requests);
    }
}

/// Every request that is asked of any host.
struct Requests(Vec<Request>);

impl Requests {
    const VCPUS: u64 = MOST as u64 + 1;

    fn new() -> Self {
        let one = |i: u64| {
            let (rest, strategy) = (i / 3, i % 3);
            let vcpus = 1 + (rest % Self::VCPUS) as u32;
            request(1 + rest / Self::VCPUS, vcpus, STRATEGIES[strategy as usize])
        };
        let pages = 3 * MOST as u64 + 1;
        Requests((0..pages * Self::VCPUS * 3).map(one).collect())
    }

    fn of(&self, pages: u64, vcpus: u64, strategy: usize) -> &Request {
        &self.0[((pages - 1) * Self::VCPUS + vcpus - 1) as usize * 3 + strategy]
    }
}

/// One matrix of each kind that renumbering the nodes cannot turn into each other: that with the
/// lowest number.
fn kinds(family: &Family) -> Vec<u64> {
    let orders = orders(family.nodes);
    let renumbered = |matrix: u64, order: &[usize]| {
        let mut number = 0;
        for a in 0..family.nodes {
            for b in 0..a {
                let from = place(family.nodes, family.symmetric, a, b);
                let to = place(family.nodes, family.symmetric, order[a], order[b]);
                number += digit(matrix, 3, from) * 3u64.pow(to as u32);
            }
        }
        number
    };
    assert!(family.symmetric);
    (0..family.matrices())
        .filter(|matrix| {
            orders
                .iter()
                .all(|order| renumbered(*matrix, order) >= *matrix)
        })
        .collect()
}

fn orders(nodes: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for node in 0..nodes {
        let longer = |order: Vec<usize>| {
            (0..=node).map(move |at| {
                let mut order = order.clone();
                order.insert(at, node);
                order
            })
        };
        orders = orders.into_iter().flat_map(longer).collect();
    }
    orders
}

/// Asymmetric matrices, the symmetric ones among them.
#[test]
fn every_host_of_up_to_three_nodes() {
    for values in VALUES {
        for nodes in 1..=3 {
            let family = Family {
                values,
                nodes,
                symmetric: false,
                asked: Asked::All,
                size: |free| free,
            };
            let matrices: Vec<u64> = (0..family.matrices()).collect();
            let requests = (3 * nodes as u64 + 1) * (nodes as u64 + 1) * 3;
            let hosts = family.matrices() * 8u64.pow(nodes as u32);
            family.run(&matrices, hosts * requests);
        }
    }
}

/// Symmetric matrices. Every host is asked what it could or could just not hold, with one
/// strategy a request. What depends on the numbers of the nodes apart, one matrix stands for all
/// that are it renumbered: with these, every host is asked everything, with each strategy.
#[test]
fn every_host_of_four_nodes() {
    for values in VALUES {
        let family = Family {
            values,
            nodes: 4,
            symmetric: true,
            asked: Asked::Within,
            size: |_| 3,
        };
        let matrices: Vec<u64> = (0..family.matrices()).collect();
        // On average a host has 6 pages and 2 CPUs.
        family.run(&matrices, 729 * 4096 * 7 * 3);
        let family = Family {
            asked: Asked::All,
            ..family
        };
        let kinds = kinds(&family);
        assert_eq!(kinds.len(), 66);
        family.run(&kinds, 66 * 4096 * 13 * 5 * 3);
    }
}
