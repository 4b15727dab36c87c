//! Real machines, from the files that the command reads too.

use std::path::Path;

use fastrand::Rng;
use serde_json::Value;
use xenopsd_numa_planner::Policy;

use crate::check::{check, check_by};
use crate::exact::{Kept, Question};
use crate::generate;
use crate::run::Run;
use crate::wide::Wide;
use crate::world::{Ask, Cpu, Node, World, PAGE, STRATEGIES};

fn numbers<T>(value: &Value, number: impl Fn(&Value) -> Option<T>) -> Vec<Option<T>> {
    let list = value.as_array().expect("a list").iter();
    list.map(|value| match value {
        Value::Null => None,
        value => Some(number(value).expect("a number or null")),
    })
    .collect()
}

fn small(value: &Value) -> Option<u32> {
    value.as_u64()?.try_into().ok()
}

/// The host of the text.
pub fn parse(text: &str) -> World {
    let file: Value = serde_json::from_str(text).expect("JSON");
    let nodes = file["nodes"].as_array().expect("a list").iter();
    let cpus = numbers(&file["cpu_to_node"], small)
        .into_iter()
        .zip(numbers(&file["cpu_to_core"], Value::as_i64))
        .zip(numbers(&file["cpu_to_socket"], Value::as_i64));
    World {
        distances: file["distances"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| numbers(row, small))
            .collect(),
        cpus: cpus
            .map(|((node, core), socket)| Cpu { node, core, socket })
            .collect(),
        nodes: nodes
            .map(|node| Node {
                size_bytes: node["size_bytes"].as_u64().unwrap_or(0),
                free_bytes: node["free_bytes"].as_u64().unwrap_or(0),
                claimed_bytes: node["claimed_bytes"].as_u64().expect("a number"),
                ..Node::default()
            })
            .collect(),
        host_free_bytes: file["host_free_bytes"].as_u64().expect("a number"),
        host_outstanding_bytes: file["host_outstanding_bytes"].as_u64().expect("a number"),
        host_reserved_pages: 0,
    }
}

fn hosts() -> Vec<(String, World)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hosts");
    let mut hosts: Vec<_> = std::fs::read_dir(folder)
        .expect("tests/hosts")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a file");
            (path.display().to_string(), parse(&text))
        })
        .collect();
    hosts.sort_by(|a, b| a.0.cmp(&b.0));
    hosts
}

/// Fills some of each node, and lets claims hold some of what is left.
fn age(rng: &mut Rng, world: &mut World) {
    for node in &mut world.nodes {
        node.free_bytes = match rng.u32(0..6) {
            0 => node.free_bytes,
            1 => rng.u64(0..1 << 24).min(node.free_bytes),
            _ => rng.u64(0..=node.free_bytes),
        };
        if rng.bool() {
            node.claimed_bytes = rng.u64(0..=node.free_bytes / 2 / PAGE) * PAGE;
        }
    }
    world.sum_up();
}

/// A request in whole MiB for about what some nodes have, as an admin would size it.
fn sized(rng: &mut Rng, world: &World) -> Ask {
    let mut ask = Ask {
        policy: [
            Policy::BestEffort,
            Policy::BestEffortHard,
            Policy::PrioMemOnly,
            Policy::Strict,
        ][rng.usize(0..4)],
        strategy: STRATEGIES[rng.usize(0..3)],
        cores: None,
        ..Ask::new(1, 1)
    };
    let some = (1 << rng.usize(0..world.nodes.len())) | (1 << rng.usize(0..world.nodes.len()));
    let has = Question::new(world, &ask, Kept::default()).offer(some);
    ask.memory_bytes = (rng.u64(0..=2 * has.pages) >> 8 << 20).max(1 << 20);
    ask.overhead_bytes = (ask.memory_bytes / 100).max(1 << 20);
    ask.vcpus = rng.u32(1..=has.cpus.max(4) as u32);
    ask
}

#[test]
fn every_real_host_is_answered_right() {
    let hosts = hosts();
    assert!(hosts.len() >= 12, "{} hosts", hosts.len());
    let mut run = Run::default();
    for (path, fresh) in &hosts {
        let mut rng = Rng::with_seed(7);
        let mut wide = Wide::default();
        let requests = 400;
        let mut world = fresh.clone();
        for i in 0..requests {
            if i >= requests / 4 && i % 4 == 0 {
                world = fresh.clone();
                age(&mut rng, &mut world);
            }
            let kept = Kept {
                host: rng.u64(0..2) << 16,
                node: rng.u64(0..2) << 10,
            };
            let ask = match rng.bool() {
                true => generate::ask(&mut rng, &world, kept),
                false => sized(&mut rng, &world),
            };
            let checked = match world.nodes.len() {
                0..=8 => check(&world, &ask, kept),
                // The plain oracle takes a while for hosts of more nodes.
                _ => check_by(&world, &ask, kept, |question| wide.answer(question)),
            };
            if let Err(why) = checked {
                run.add(&format!("{path}, {i}"), &world, &ask, kept, &why);
            }
        }
    }
    run.none_or_panic();
}
