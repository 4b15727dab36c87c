//! The result of a run: each start, the sums, and how memory went.

use std::time::Duration;

use claims::{Outcome, Reservation};
use model::{Crash, Finding, Flavour, Violation};
use planner::{NodeSet, Strategy};

use super::schedule::Choice;
use super::toolstack::Toolstack;

/// Whether VM memory is a multiple of 2 MiB, where it is a share of the host.
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
    pub phase: String,
    /// The nodes of its affinity; all if it has none.
    pub nodes: NodeSet,
    /// Pages that its builder populates.
    pub requested_pages: u64,
    /// Pages that were claimed.
    pub claimed_pages: u64,
    /// The claim's kind: `node`, `set`, `host`, `any`, `unplaced`, `builder` or `none`.
    pub claim: &'static str,
    /// Where its memory was at the end of the build, extra pages included.
    pub pages_on: Vec<(usize, u64)>,
    /// How many of these are away from its vCPUs, on average over the nodes of its affinity.
    pub remote_pages: u64,
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
    /// When it began, and when it ended.
    pub times: (Duration, Duration),
}

impl Start {
    /// Whether it runs, with its memory and its affinity on one node.
    pub fn on_one_node(&self) -> bool {
        self.started && self.remote_pages == 0
    }
}

/// What is wrong with the host at the end, or was on the way there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// Something did not come back.
    #[error("{}", left(*outstanding_pages, *missing_pages, *builds))]
    Left {
        /// Claimed, by nobody.
        outstanding_pages: u64,
        /// Free at the start and not at the end.
        missing_pages: u64,
        /// That the protocol still knows.
        builds: usize,
    },
    /// The host crashed.
    #[error("the modelled host crashed: {0}")]
    Crashed(#[from] Crash),
    /// The model contradicts itself.
    #[error("the model is wrong: {0}")]
    Violated(#[from] Violation),
    /// It does not end.
    #[error("{who} comes to no end: {why}; no progress in {events} events")]
    Stuck {
        /// The VM, quoted.
        who: String,
        /// Why it comes no further.
        why: String,
        /// How many there were since the last progress.
        events: u64,
    },
}

/// What did not come back, in words.
fn left(outstanding_pages: u64, missing_pages: u64, builds: usize) -> String {
    let counts = [
        (outstanding_pages, "pages are claimed by nobody"),
        (missing_pages, "pages are not free again"),
        (builds as u64, "builds have not ended"),
    ];
    let left = counts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<_> = left
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    words.join(", ")
}

/// Memory at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Duration,
    /// Free pages of each node, claimed ones included.
    pub free_pages: Vec<u64>,
    /// Claimed pages of each node, where claims are on nodes.
    pub claimed_pages: Vec<u64>,
    /// Outstanding pages of the host.
    pub outstanding_pages: u64,
}

/// What happened: a phase began, or a VM's toolstack came to that step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Happening {
    /// A phase began.
    Phase,
    /// The toolstack died and came back.
    Restart,
    /// The VM is being destroyed.
    Destroy,
    /// Its domain is being created.
    Create,
    /// Its maximum memory is set next.
    SetMaximum,
    /// A peer looks for memory.
    LookForMemory,
    /// It is placed: planned, claimed, and maybe waiting.
    Place,
    /// Its pool is being filled.
    FillPool,
    /// Its vCPUs are created next.
    CreateVcpus,
    /// A peer plans and claims next.
    PlanAndClaim,
    /// Its vCPUs are pinned next.
    Pin,
    /// Its memory is being populated.
    Build,
    /// Its memory is populated.
    EndOfBuild,
    /// Its device model starts.
    StartDevices,
    /// It runs.
    Runs,
    /// It could not be started.
    Fails,
    /// It is destroyed, as its toolstack sees it; its memory may still be on its way back.
    Gone,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Duration,
    /// To what: a VM, a phase or the toolstack.
    pub what: String,
    /// What.
    pub happened: Happening,
}

/// How memory went, and what happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The pages of each node.
    pub node_pages: Vec<u64>,
    /// In order of time, not more than some thousands: the longer the run, the farther apart.
    pub samples: Vec<Sample>,
    /// All of them, in order of time.
    pub events: Vec<Event>,
}

/// The result of a run of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunResult {
    /// The scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// The kind of Xen.
    pub flavour: Flavour,
    /// Whose protocol.
    pub toolstack: Toolstack,
    /// Whether shares are aligned.
    pub variant: Variant,
    /// Which of equally close nodes VMs took, with this project's protocol.
    pub strategy: Strategy,
    /// Each start, in the order in which they ended.
    pub starts: Vec<Start>,
    /// Claimed beyond what their domains could still take, over time: pages times seconds.
    pub overclaimed_page_seconds: u64,
    /// The longest time from the beginning of a phase to its last start's end.
    pub all_running: Duration,
    /// How many events there were.
    pub events: u64,
    /// What the hypervisor got wrong, and how often.
    pub findings: Vec<(Finding, u64)>,
    /// Whether the host is at the end what it was at the start.
    pub ending: Result<(), Ending>,
    /// The choices that were made against the clock.
    pub choices: Vec<Choice>,
    /// How memory went, if a timeline was recorded.
    pub timeline: Timeline,
}

impl RunResult {
    /// Starts that failed.
    pub fn failed_starts(&self) -> usize {
        self.starts.iter().filter(|start| !start.started).count()
    }

    /// Starts that ended with everything on one node.
    pub fn on_one_node(&self) -> usize {
        (self.starts.iter())
            .filter(|start| start.on_one_node())
            .count()
    }

    /// Pages away from their vCPUs, of all starts.
    pub fn remote_pages(&self) -> u64 {
        self.starts.iter().map(|start| start.remote_pages).sum()
    }

    /// Whether a start failed, or the host is not what it was.
    pub(super) fn fails(&self) -> bool {
        self.ending.is_err() || self.failed_starts() > 0
    }

    /// Whether it fails in the way in which another one does.
    pub(super) fn fails_like(&self, other: &RunResult) -> bool {
        let kind = |result: &RunResult| result.ending.as_ref().err().map(std::mem::discriminant);
        match kind(other) {
            Some(ending) => kind(self) == Some(ending),
            None => self.failed_starts() > 0,
        }
    }
}

pub(super) fn explain(outcome: &Outcome) -> String {
    let planned = match outcome
        .plan
        .as_ref()
        .map_or(NodeSet::EMPTY, |plan| plan.nodes)
    {
        NodeSet::EMPTY => "no affinity".to_string(),
        nodes => format!("affinity to nodes {nodes}"),
    };
    match &outcome.reservation {
        Reservation::NodeClaim(node) => format!("claimed on node {node}, {planned}"),
        Reservation::ClaimSet => format!("claimed on its nodes, {planned}"),
        Reservation::HostClaim => format!("claimed on the host, {planned}"),
        Reservation::Anywhere => "claimed on the host, as the policy says".to_string(),
        Reservation::Unplaced(why) => format!("claimed on the host, no plan could be kept: {why}"),
        Reservation::ClaimedByBuilder => format!("claimed by its builder, {planned}"),
        Reservation::Unclaimed => format!("not claimed, {planned}"),
    }
}

/// Pages that are away from vCPUs which run on the nodes of `affinity` alike.
pub(super) fn remote_pages(pages_on: &[(usize, u64)], affinity: NodeSet) -> u64 {
    let all: u64 = pages_on.iter().map(|(_, pages)| pages).sum();
    let near = pages_on.iter().filter(|(node, _)| affinity.contains(*node));
    let near: u64 = near.map(|(_, pages)| pages).sum();
    all - near / affinity.len().max(1) as u64
}
