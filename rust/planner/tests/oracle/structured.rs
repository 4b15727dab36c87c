//! Hosts of up to 64 nodes that are regular enough to know the best set without enumeration.
//!
//! Nodes come in at most two kinds, so a set fits or not by how many of each kind it has; and
//! distances have at most two values, so a set's distance follows from how many nodes it has in
//! each group.

use fastrand::Rng;
use xenopsd_numa_planner::plan;

use crate::check::{check_refusal, check_valid, limits};
use crate::exact::{Far, Kept, Question};
use crate::world::{simple_world, Ask, Cpu, World, PAGE};

#[derive(Debug, Clone, Copy)]
struct Kind {
    pages: u64,
    cores: u32,
    threads: u32,
}

/// Groups of nodes, `near` within a group and `far` between them; the kinds of each group's
/// nodes are described by how many it has of each.
#[derive(Debug, Clone)]
struct Plain {
    kinds: [Kind; 2],
    groups: Vec<[usize; 2]>,
    near: u32,
    far: u32,
}

fn choose(rng: &mut Rng) -> Plain {
    let mut kind = || Kind {
        pages: rng.u64(0..=20),
        cores: rng.u32(0..=4),
        threads: rng.u32(1..=2),
    };
    let kinds = [kind(), kind()];
    let near = rng.u32(10..=20);
    let count = match rng.u32(0..4) {
        // Every node a group of its own: a flat matrix.
        0 => 64,
        _ => rng.usize(2..=12),
    };
    let largest = if count == 64 { 1 } else { rng.usize(2..=10) };
    let mut groups: Vec<[usize; 2]> = Vec::new();
    let mut nodes = 0;
    for _ in 0..count {
        let size = rng.usize(1..=largest).min(64 - nodes);
        let first = rng.usize(0..=size);
        groups.push([first, size - first]);
        nodes += size;
    }
    if nodes < 17 {
        groups.push([17 - nodes, 0]);
    }
    Plain {
        kinds,
        groups,
        near,
        far: near + rng.u32(0..=40),
    }
}

/// The host, its nodes in any order.
fn build(rng: &mut Rng, plain: &Plain) -> World {
    let mut nodes = Vec::new();
    for (group, counts) in plain.groups.iter().enumerate() {
        for (kind, count) in plain.kinds.iter().zip(counts) {
            nodes.extend(std::iter::repeat_n((group, *kind), *count));
        }
    }
    rng.shuffle(&mut nodes);
    let sizes: Vec<_> = nodes.iter().map(|(_, kind)| (kind.pages, 0)).collect();
    let mut world = simple_world(&sizes, |a, b| {
        let same = nodes[a].0 == nodes[b].0;
        Some(if same { plain.near } else { plain.far })
    });
    for (i, (_, kind)) in nodes.iter().enumerate() {
        world
            .cpus
            .extend((0..kind.cores * kind.threads).map(|cpu| Cpu {
                node: Some(i as u32),
                core: Some(i64::from(cpu / kind.threads)),
                socket: Some(0),
            }));
    }
    world
}

impl Plain {
    fn total(&self) -> [usize; 2] {
        let of = |kind: usize| self.groups.iter().map(|group| group[kind]).sum();
        [of(0), of(1)]
    }

    fn fits(&self, ask: &Ask, counts: [usize; 2]) -> bool {
        let sum = |of: &dyn Fn(&Kind) -> u64| {
            of(&self.kinds[0]) * counts[0] as u64 + of(&self.kinds[1]) * counts[1] as u64
        };
        sum(&|kind| kind.pages) * PAGE >= ask.memory_bytes
            && sum(&|kind| u64::from(kind.cores * kind.threads)) >= u64::from(ask.vcpus)
            && sum(&|kind| u64::from(kind.cores)) >= u64::from(ask.cores.unwrap_or(0))
    }

    /// How many of each kind the irreducible sets have.
    fn candidates(&self, ask: &Ask) -> Vec<[usize; 2]> {
        let total = self.total();
        let mut found = Vec::new();
        for a in 0..=total[0] {
            for b in 0..=total[1] {
                let without_a = a > 0 && self.fits(ask, [a - 1, b]);
                let without_b = b > 0 && self.fits(ask, [a, b - 1]);
                if self.fits(ask, [a, b]) && !without_a && !without_b {
                    found.push([a, b]);
                }
            }
        }
        let cpuless = |counts: &[usize; 2]| {
            let mut both = counts.iter().zip(&self.kinds);
            both.any(|(count, kind)| *count > 0 && kind.cores == 0)
        };
        if !found.iter().all(cpuless) {
            found.retain(|counts| !cpuless(counts));
        }
        found
    }

    /// For each number of nodes of each kind, the largest sum of squares of how many are in each
    /// group; `None` where the host has not so many.
    fn closest(&self) -> Vec<Vec<Option<u64>>> {
        let total = self.total();
        let mut best = vec![vec![None; total[1] + 1]; total[0] + 1];
        best[0][0] = Some(0u64);
        for group in &self.groups {
            let before = best.clone();
            for a in 0..=total[0] {
                for b in 0..=total[1] {
                    for in_a in 0..=group[0].min(a) {
                        for in_b in 0..=group[1].min(b) {
                            let squares = ((in_a + in_b) * (in_a + in_b)) as u64;
                            let with = before[a - in_a][b - in_b].map(|sum| sum + squares);
                            best[a][b] = best[a][b].max(with);
                        }
                    }
                }
            }
        }
        best
    }

    /// The least distance of a set that fits.
    fn best(&self, ask: &Ask) -> Option<Far> {
        let closest = self.closest();
        let mut best: Option<Far> = None;
        for counts in self.candidates(ask) {
            let [a, b] = counts;
            let nodes = (a + b) as u64;
            let squares = closest[a][b].expect("the host has so many");
            let one_group = squares == nodes * nodes;
            let sum = 10 * nodes
                + u64::from(self.near) * (squares - nodes)
                + u64::from(self.far) * (nodes * nodes - squares);
            let far = Far {
                maximum: match (nodes, one_group) {
                    (1, _) => 10,
                    (_, true) => self.near,
                    (_, false) => self.far,
                },
                sum,
                pairs: nodes * nodes,
            };
            if best.is_none_or(|best| far.closer(&best)) {
                best = Some(far);
            }
        }
        best
    }
}

fn request(rng: &mut Rng, plain: &Plain) -> Ask {
    let total = plain.total();
    let few = rng.usize(1..=12);
    let part = [
        rng.usize(0..=total[0].min(few)),
        rng.usize(0..=total[1].min(few)),
    ];
    let mut pages = 0;
    let mut cpus = 0;
    for (kind, count) in plain.kinds.iter().zip(part) {
        pages += kind.pages * count as u64;
        cpus += kind.cores * kind.threads * count as u32;
    }
    let vcpus = if rng.bool() { rng.u32(1..=cpus + 1) } else { 1 };
    let mut ask = Ask::new((pages + rng.u64(0..3)).saturating_sub(1).max(1), vcpus);
    ask.cores = Some(if rng.bool() { rng.u32(0..=vcpus) } else { 0 });
    ask
}

/// How many answers were said to be the best, were not, and were refusals.
#[derive(Default)]
struct Seen {
    proven: u32,
    unproven: u32,
    refused: u32,
}

fn check(rng: &mut Rng, seen: &mut Seen) -> Result<(), String> {
    let plain = choose(rng);
    let world = build(rng, &plain);
    let ask = request(rng, &plain);
    let host = world.host();
    let question = Question::new(&world, &ask, Kept::default());
    let answer = plan(&host, &ask.request(&host), &limits(Kept::default()));
    let checked = match (&answer, plain.best(&ask)) {
        (Ok(plan), Some(best)) => {
            let far = question.far(plan.nodes.bits());
            *(if plan.optimal {
                &mut seen.proven
            } else {
                &mut seen.unproven
            }) += 1;
            check_valid(&question, plan).and_then(|()| match plan.optimal {
                true if !far.as_near(&best) => {
                    Err(format!("{:?} at {far:?}, best is {best:?}", plan.nodes))
                }
                true => Ok(()),
                false => unsound_gap(plan.gap, &far, &best).map_or(Ok(()), Err),
            })
        }
        (Err(refusal), None) => {
            seen.refused += 1;
            let short = question.short(question.usable);
            check_refusal(&question, refusal, short).map(|_| ())
        }
        (answer, best) => Err(format!("{answer:?}, best is {best:?}")),
    };
    checked.map_err(|why| format!("{why}\n {plain:?} {ask:?}"))
}

#[test]
fn regular_hosts_of_up_to_64_nodes_are_answered_right() {
    let mut seen = Seen::default();
    for seed in 0..1_000 {
        let checked = check(&mut Rng::with_seed(seed), &mut seen);
        checked.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    assert!(seen.proven > 500 && seen.refused > 30);
}

#[test]
fn regular_hosts_are_mostly_answered_with_proof() {
    let mut seen = Seen::default();
    for seed in 0..300 {
        let checked = check(&mut Rng::with_seed(seed), &mut seen);
        checked.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    let Seen {
        proven, unproven, ..
    } = seen;
    assert!(
        unproven * 20 < proven,
        "{unproven} not proven, {proven} were"
    );
}

/// What is wrong with the gap of a plan at `far` that does not claim to be the best, `best`.
pub fn unsound_gap(gap: Option<f64>, far: &Far, best: &Far) -> Option<String> {
    let average = |far: &Far| far.sum as f64 / far.pairs as f64;
    if best.maximum < far.maximum {
        return gap.map(|gap| format!("gap {gap}, though the maximum can be {}", best.maximum));
    }
    let bound = average(far) / (1.0 + gap?);
    (bound > average(best) + 1e-9)
        .then(|| format!("gap {gap:?} of {far:?} says {bound} is needed, {best:?} is there"))
}
