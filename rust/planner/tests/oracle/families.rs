//! All small hosts with few values: every matrix, every capacity, every request.

use fastrand::Rng;

use crate::check::{check_answer, limits};
use crate::exact::Kept;
use crate::failures::Failures;
use crate::world::{simple_world, Ask, World};
use xenopsd_numa_planner::plan;

/// The digits of `number`, from the lowest, each with its own base.
struct Digits(u64);

impl Digits {
    fn next(&mut self, base: u64) -> u64 {
        let digit = self.0 % base;
        self.0 /= base;
        digit
    }
}

/// The `number`th symmetric host of `nodes` nodes with three distances, 0 to 3 pages and 0 to 1
/// CPUs a node.
fn member(mut number: Digits, nodes: usize, values: &[Option<u32>; 3]) -> World {
    let mut matrix = vec![vec![None; nodes]; nodes];
    for a in 0..nodes {
        for b in 0..a {
            let value = values[number.next(3) as usize];
            (matrix[a][b], matrix[b][a]) = (value, value);
        }
    }
    let sizes: Vec<_> = (0..nodes)
        .map(|_| (number.next(4), number.next(2) as u32))
        .collect();
    assert_eq!(number.0, 0);
    simple_world(&sizes, |a, b| matrix[a][b])
}

fn members(nodes: u32) -> u64 {
    3u64.pow(nodes * (nodes - 1) / 2) * 8u64.pow(nodes)
}

/// Asks for everything that such a host could or could just not hold; how many requests.
fn ask_everything(failures: &mut Failures, name: &str, world: &World) -> u64 {
    let host = world.host();
    let nodes = world.nodes.len() as u64;
    let mut asked = 0;
    for pages in 1..=3 * nodes + 1 {
        for vcpus in 1..=nodes as u32 + 1 {
            let ask = Ask::new(pages, vcpus);
            let kept = Kept::default();
            let answer = plan(&host, &ask.request(&host), &limits(kept));
            if let Err(why) = check_answer(world, &ask, kept, &answer) {
                failures.add(name, world, &ask, kept, &why);
            }
            asked += 1;
        }
    }
    asked
}

const VALUES: [[Option<u32>; 3]; 2] = [[Some(12), Some(20), None], [Some(10), Some(15), Some(17)]];

#[test]
fn every_host_of_up_to_three_nodes() {
    let mut failures = Failures::default();
    let mut asked = 0;
    for values in &VALUES {
        for nodes in 1..=3 {
            for number in 0..members(nodes) {
                let world = member(Digits(number), nodes as usize, values);
                let name = format!("{number} of {nodes} nodes with {values:?}");
                asked += ask_everything(&mut failures, &name, &world);
            }
        }
    }
    failures.none_or_panic();
    // Of 3, 2 and 1 nodes: hosts, pages and vCPUs; for both sets of distances.
    assert_eq!(asked, 2 * (13_824 * 10 * 4 + 192 * 7 * 3 + 8 * 4 * 2));
}

#[test]
fn many_hosts_of_four_nodes() {
    let mut failures = Failures::default();
    let mut rng = Rng::with_seed(4);
    for values in &VALUES {
        for _ in 0..4_000 {
            let number = rng.u64(0..members(4));
            let world = member(Digits(number), 4, values);
            let name = format!("{number} of 4 nodes with {values:?}");
            ask_everything(&mut failures, &name, &world);
        }
    }
    failures.none_or_panic();
}
