//! What went wrong in a run: how often, and the smallest example of each sort.

use std::collections::BTreeMap;

use crate::exact::Kept;
use crate::world::{Ask, World};

struct Sort {
    times: u64,
    /// Of the smallest example.
    size: usize,
    text: String,
}

/// The failures of a run, the smallest of each sort kept.
#[derive(Default)]
pub struct Failures {
    sorts: BTreeMap<String, Sort>,
}

impl Failures {
    pub fn add(&mut self, name: &str, world: &World, ask: &Ask, kept: Kept, why: &str) {
        let why_sort: String = why.chars().filter(|c| c.is_alphabetic()).take(16).collect();
        let sort = format!("{why_sort} {:?}", ask.policy);
        let memory: u64 = world.nodes.iter().map(|node| node.free_bytes).sum();
        let size = world.nodes.len() << 50 | world.cpus.len() << 40 | (memory >> 20) as usize;
        let entry = self.sorts.entry(sort).or_insert(Sort {
            times: 0,
            size: usize::MAX,
            text: String::new(),
        });
        entry.times += 1;
        if size < entry.size {
            entry.size = size;
            entry.text = format!("{name}: {why}\n  {kept:?}\n  {ask:?}\n  {world:?}");
        }
    }

    /// With those of another part of the run.
    pub fn merge(&mut self, other: Failures) {
        for (sort, more) in other.sorts {
            match self.sorts.get_mut(&sort) {
                None => {
                    self.sorts.insert(sort, more);
                }
                Some(sort) => {
                    sort.times += more.times;
                    if more.size < sort.size {
                        (sort.size, sort.text) = (more.size, more.text);
                    }
                }
            }
        }
    }

    pub fn count(&self) -> u64 {
        self.sorts.values().map(|sort| sort.times).sum()
    }

    /// One example of each sort.
    pub fn text(&self) -> String {
        let one = |sort: &Sort| format!("{} like {}", sort.times, sort.text);
        self.sorts.values().map(one).collect::<Vec<_>>().join("\n")
    }

    pub fn none_or_panic(self) {
        assert!(self.sorts.is_empty(), "failures:\n{}", self.text());
    }
}
