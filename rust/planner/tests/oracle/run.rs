//! What a run of many cases saw: answers by kind, and what was wrong, the smallest example of each
//! sort.

use std::collections::BTreeMap;

use crate::check::{Kind, KINDS};
use crate::exact::Kept;
use crate::world::{Ask, World, PAGE};

struct Sort {
    times: u64,
    /// Of the smallest example.
    size: usize,
    text: String,
}

/// What a run saw.
#[derive(Default)]
pub struct Run {
    right: [u64; KINDS.len()],
    wrong: BTreeMap<String, Sort>,
}

impl Run {
    /// An answer was right.
    pub fn right(&mut self, kind: Kind) {
        self.right[kind as usize] += 1;
    }

    /// How many right answers of each kind there were.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        KINDS.into_iter().zip(self.right)
    }

    /// How many answers there were, and of what kind, and how many were wrong.
    pub fn figures(&self) -> String {
        let wrong = self.failures();
        let cases = wrong + self.right.iter().sum::<u64>();
        let kinds = self.kinds().filter(|(_, times)| *times > 0);
        let kinds = kinds.map(|(kind, times)| format!("{kind:?} {times}"));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        format!("{cases} cases, {wrong} mismatches ({kinds})")
    }

    /// Takes in what a check found.
    pub fn count(
        &mut self,
        checked: Result<Kind, String>,
        name: &str,
        (world, ask, kept): &(World, Ask, Kept),
    ) {
        match checked {
            Ok(kind) => self.right(kind),
            Err(why) => self.add(name, world, ask, *kept, &why),
        }
    }

    pub fn add(&mut self, name: &str, world: &World, ask: &Ask, kept: Kept, why: &str) {
        let why_sort: String = why.chars().filter(|c| c.is_alphabetic()).take(16).collect();
        let sort = format!("{why_sort} {:?}", ask.policy);
        let memory: u64 = world.nodes.iter().map(|node| node.free_bytes).sum();
        let pages = (memory / PAGE).min((1 << 40) - 1);
        let size = world.nodes.len() << 50 | world.cpus.len() << 40 | pages as usize;
        let entry = self.wrong.entry(sort).or_insert(Sort {
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
    pub fn merge(&mut self, other: Run) {
        for (mine, more) in self.right.iter_mut().zip(other.right) {
            *mine += more;
        }
        for (sort, more) in other.wrong {
            match self.wrong.get_mut(&sort) {
                None => {
                    self.wrong.insert(sort, more);
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

    pub fn failures(&self) -> u64 {
        self.wrong.values().map(|sort| sort.times).sum()
    }

    /// One example of each sort.
    pub fn text(&self) -> String {
        let one = |sort: &Sort| format!("{} like {}", sort.times, sort.text);
        self.wrong.values().map(one).collect::<Vec<_>>().join("\n")
    }

    pub fn none_or_panic(self) {
        assert!(self.wrong.is_empty(), "failures:\n{}", self.text());
    }
}
