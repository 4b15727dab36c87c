//! The boot storm: VMs that together fill a host, started, killed and restarted at the same time.
//!
//! Three VMs of a third of the host each, 10 starts: in sequence, then, when all were shut down
//! by force and are still giving their memory back, in parallel, then one forced reboot, then all
//! in parallel. Each start goes through the claim protocol and meets what the others are doing.

mod host;
mod run;
mod vm;

use std::time::Duration;

use claims::{Config, Error};
use planner::{NodeSet, Strategy};

use crate::flavour::Flavour;
use crate::xen::{Crash, Violation};

/// Whether VM memory is a multiple of 2 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// It is an odd number of pages.
    Unaligned,
    /// It is.
    Aligned,
}

impl Variant {
    /// Both.
    pub const ALL: [Variant; 2] = [Variant::Unaligned, Variant::Aligned];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Variant::Unaligned => "unaligned",
            Variant::Aligned => "aligned",
        }
    }
}

/// One start of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The VM.
    pub vm: String,
    /// The variant.
    pub variant: Variant,
    /// What was going on.
    pub phase: &'static str,
    /// The nodes of its affinity; all if it has none.
    pub nodes: NodeSet,
    /// Pages that its builder populates.
    pub requested_pages: u64,
    /// Pages that were claimed.
    pub claimed_pages: u64,
    /// The rung: `node`, `host`, `any`, `unplaced`, `builder` or `none`.
    pub claim: &'static str,
    /// Where its memory was at the end of the build, extra pages included.
    pub pages_on: Vec<(usize, u64)>,
    /// Whether it runs.
    pub started: bool,
    /// Why it was placed so, or why it failed.
    pub reason: String,
    /// For earlier builds to end.
    pub queued: Duration,
    /// For memory to be given back.
    pub waited: Duration,
    /// From the builder's start to its end.
    pub build: Duration,
}

/// What is wrong with the host at the end, or was on the way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// Something did not come back.
    #[error(
        "at the end {outstanding_pages} pages are outstanding, {missing_pages} are not free \
         again, and {builds} builds have not ended"
    )]
    Left {
        /// Claimed, by nobody.
        outstanding_pages: u64,
        /// Free at the start and not at the end.
        missing_pages: u64,
        /// That the protocol still knows.
        builds: usize,
    },
    /// The host crashed.
    #[error("the host crashed: {0}")]
    Crashed(#[from] Crash),
    /// The model contradicts itself.
    #[error("the model is wrong: {0}")]
    Violated(#[from] Violation),
    /// It does not end.
    #[error("no end after {events} events")]
    Stuck {
        /// How many.
        events: u64,
    },
}

/// The result of a boot storm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// The scenario's name.
    pub scenario: &'static str,
    /// Its seed.
    pub seed: u64,
    /// The kind of Xen.
    pub flavour: Flavour,
    /// How many starts there were.
    pub starts: usize,
    /// How many of them failed.
    pub failed_starts: usize,
    /// Each start, in the order in which they ended.
    pub vms: Vec<Start>,
    /// Whether the host is at the end what it was at the start.
    pub ending: Result<(), Ending>,
}

/// Runs the boot storm: each of `variants` on a host of its own. The same arguments give the
/// same result, on every machine.
pub fn boot_storm(
    seed: u64,
    strategy: Strategy,
    variants: &[Variant],
    flavour: Flavour,
) -> Result<Storm, Error> {
    let config = Config {
        strategy,
        ..Config::default()
    };
    let mut vms = Vec::new();
    let mut ending = Ok(());
    for variant in variants {
        let mut run = run::Run::new(seed, &config, *variant, flavour)?;
        let ended = run.phases();
        vms.append(&mut run.starts);
        ending = ending.and(ended);
    }
    Ok(Storm {
        scenario: "boot-storm",
        seed,
        flavour,
        starts: vms.len(),
        failed_starts: vms.iter().filter(|start| !start.started).count(),
        vms,
        ending,
    })
}
