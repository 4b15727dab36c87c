//! Where pages land after a node's memory was somebody else's: Xen takes memory that is clean on
//! other nodes before memory that is still to be scrubbed on the preferred one.
//!
//! Measured and reported, not demanded: the protocol cannot ask for more than it does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{spawn, JoinHandle};
use std::time::Duration;

use planner::NodeSet;
use xen::From;

use crate::host::Host;
use crate::place::{build, placement, protocol, request_on};
use crate::report::{ensure, Failure, Found, Report};

/// What is left of a node for Xen itself while a domain has what remains.
const LEFT_PAGES: u64 = 4096;

/// Of what a node gives to domains first, what the domain that is measured gets.
const PART: u64 = 4;

/// What the CPUs do between a destroyed domain and the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// They all run something, so that none scrubs memory.
    Busy,
    /// They are idle, and the next domain comes at once.
    AtOnce,
    /// They are idle for some seconds.
    Rest,
}

pub fn run(host: &Host, report: &mut Report, long: bool) {
    let Some(node) = measured(host, report, "where memory lands after a destroy") else {
        return;
    };
    let all = [Meanwhile::Busy, Meanwhile::AtOnce, Meanwhile::Rest];
    for meanwhile in all.into_iter().take(if long { 3 } else { 2 }) {
        let what = match meanwhile {
            Meanwhile::Busy => "where memory lands after a destroy while no CPU is idle",
            Meanwhile::AtOnce => "where memory lands right after a destroy",
            Meanwhile::Rest => "where memory lands a while after a destroy",
        };
        report.check(what, || after_destroy(host, node, meanwhile));
    }
}

/// The node that is measured: the last one with CPUs, if others have memory too. Else says so.
pub fn measured(host: &Host, report: &mut Report, what: &str) -> Option<usize> {
    let nodes = match host.nodes_with_memory() {
        Ok(nodes) => nodes,
        Err(failure) => {
            report.check("nodes with memory", || Err(failure));
            return None;
        }
    };
    let processors = host.topology.processors(None);
    let with_cpus = nodes.iter().rev().find(|node| processors.cpus[**node] > 0);
    match (with_cpus, nodes.len()) {
        (_, 0 | 1) => report.leave_out(what, "there are no two nodes with memory"),
        (None, _) => report.leave_out(what, "no node with memory has CPUs"),
        (Some(node), _) => return Some(*node),
    }
    None
}

/// Switches all but the first two of dom0's CPUs on or off.
pub fn set_online(online: bool) -> Result<(), Failure> {
    for cpu in 2.. {
        let switch = format!("/sys/devices/system/cpu/cpu{cpu}/online");
        if !std::path::Path::new(&switch).exists() {
            break;
        }
        std::fs::write(&switch, if online { "1" } else { "0" })?;
    }
    Ok(())
}

fn after_destroy(host: &Host, node: usize, meanwhile: Meanwhile) -> Found {
    let kind = host.kinds[0];
    let free = host.steady_memory()?.nodes[node].map_or(0, |node| node.free_pages);
    let pages = host.preferred_pages(node)? / PART;
    let old = host.create(kind, 1, free)?;
    let all = free.saturating_sub(LEFT_PAGES);
    let had = old.populate(all, From::Exactly(node))?.pages;
    ensure!(had == all, "{had} of {all} pages of node {node} were had");
    let protocol = protocol(host, 60)?;
    let new = host.create(kind, 1, pages)?;
    if meanwhile == Meanwhile::Busy {
        set_online(true)?;
    }
    let busy = meanwhile == Meanwhile::Busy;
    let spinners = busy.then(|| Spinners::new(host.topology.cpu_count()));
    let landed = (|| -> Result<_, Failure> {
        old.destroy()?;
        if meanwhile == Meanwhile::Rest {
            std::thread::sleep(Duration::from_secs(20));
        }
        let asked = request_on(pages, NodeSet::one(node));
        let placed = protocol.place(placement(new.domid, kind, asked))?;
        let before = host.free_by_node()?;
        let (populated, unused) = build(&protocol, &new, placed)?;
        Ok((populated.pages, unused, before, host.free_by_node()?))
    })();
    drop(spinners);
    if meanwhile == Meanwhile::Busy {
        set_online(false)?;
    }
    let (had, unused, before, after) = landed?;
    ensure!(
        had == pages && unused == 0,
        "{had} of {pages} pages were had, {unused} left over"
    );
    // The old domain's last pages may come back meanwhile, to its node only.
    let elsewhere: u64 = (0..before.len())
        .filter(|other| *other != node)
        .map(|other| before[other].saturating_sub(after[other]))
        .sum();
    let share = 100.0 * (1.0 - elsewhere as f64 / pages as f64);
    Ok(format!(
        "{share:.1} % of {pages} pages on node {node}, planned there"
    ))
}

/// Threads that keep every CPU busy, while this is there.
pub struct Spinners {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Spinners {
    pub fn new(count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let spin = |stop: Arc<AtomicBool>| {
            while !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        let threads = (0..count).map(|_| stop.clone());
        Spinners {
            threads: threads.map(|stop| spawn(move || spin(stop))).collect(),
            stop,
        }
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // None panics.
            let _ = thread.join();
        }
    }
}
