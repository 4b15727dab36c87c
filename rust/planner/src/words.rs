//! Amounts and nodes as people read them.

use std::fmt;

use crate::nodes::NodeSet;
use crate::units::PAGE_BYTES;

/// Bytes, shown with three digits and a unit: `12.5 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The bytes of so many pages.
    pub const fn of_pages(pages: u64) -> Self {
        Bytes(pages.saturating_mul(PAGE_BYTES))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let Some((name, shift)) = units.into_iter().find(|(_, shift)| self.0 >> shift > 0) else {
            return write!(f, "{} B", self.0);
        };
        let count = self.0 as f64 / (1u64 << shift) as f64;
        let decimals = match count {
            ..10.0 => 2,
            ..100.0 => 1,
            _ => 0,
        };
        write!(f, "{count:.decimals$} {name}")
    }
}

/// So many of a thing: `1 CPU`, `2 CPUs`.
pub(crate) struct Count(pub u32, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// How much more or less `pages` are than `than`.
pub(crate) fn more(pages: u64, than: u64) -> String {
    match (pages.checked_sub(than), than.checked_sub(pages)) {
        (Some(0), _) => "as much".to_string(),
        (Some(more), _) => format!("{} more", Bytes::of_pages(more)),
        (None, less) => format!("{} less", Bytes::of_pages(less.unwrap_or(0))),
    }
}

/// Two numbers with as many decimals as it takes to see that they differ, `least` at least.
pub(crate) fn apart(least: usize, a: f64, b: f64) -> (String, String) {
    let both = |decimals: usize| (format!("{a:.decimals$}"), format!("{b:.decimals$}"));
    const MOST_DECIMALS: usize = 10;
    (least..=MOST_DECIMALS)
        .map(both)
        .find(|(a, b)| a != b)
        .unwrap_or_else(|| both(least))
}

/// Runs of numbers that are named before the rest is only counted.
const MOST_RUNS: usize = 4;

/// Nodes in a sentence: `node 3`, `nodes 0-2,5`, `nodes 0,2,4,6 and 3 more`.
pub(crate) fn nodes_text(nodes: NodeSet) -> String {
    let runs = runs(nodes);
    let text: Vec<String> = runs.iter().take(MOST_RUNS).map(run_text).collect();
    let named: usize = (runs.iter().take(MOST_RUNS))
        .map(|(first, last)| last - first + 1)
        .sum();
    let text = text.join(",");
    match (nodes.len(), nodes.len() - named) {
        (0, _) => "no nodes".to_string(),
        (1, _) => format!("node {text}"),
        (_, 0) => format!("nodes {text}"),
        (_, left) => format!("nodes {text} and {left} more"),
    }
}

/// Runs of three and more numbers, and single ones: a run of two is not shorter than its numbers.
fn runs(nodes: NodeSet) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for node in nodes.iter() {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == node => *last = node,
            Some(_) | None => runs.push((node, node)),
        }
    }
    let split = |(first, last): (usize, usize)| match last - first {
        1 => vec![(first, first), (last, last)],
        _ => vec![(first, last)],
    };
    runs.into_iter().flat_map(split).collect()
}

fn run_text(&(first, last): &(usize, usize)) -> String {
    match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    }
}
