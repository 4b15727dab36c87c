//! What is done in a scenario, as data: phases of jobs, and calls that go wrong.

use serde::Deserialize;

/// A phase ends when all its jobs have ended.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseSpec {
    /// Its name in results.
    pub name: String,
    /// Jobs that begin together.
    #[serde(default)]
    pub at_once: Vec<JobSpec>,
    /// Jobs of which each begins when the one before it has ended; after those that begin
    /// together.
    #[serde(default)]
    pub in_sequence: Vec<JobSpec>,
}

/// Something to be done. VMs go by their names; a name of several alike means all of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JobSpec {
    /// Starts a VM.
    Start(String),
    /// Takes in a VM that migrates here.
    Receive {
        /// The VM.
        vm: String,
        /// By how much the memory that it is said to have differs from what it has; 0 where the
        /// source reports it.
        estimate_off_pages: i64,
    },
    /// Destroys a VM.
    Shutdown(String),
    /// Destroys a VM and starts it again.
    Reboot(String),
    /// A domain gives memory back, as fast as its balloon can.
    Balloon {
        /// The VM; the control domain if it is left out.
        #[serde(default)]
        vm: Option<String>,
        /// Of which node; of the node with most of it if it is left out.
        #[serde(default)]
        node: Option<usize>,
        /// How much.
        pages: u64,
        /// How fast.
        pages_per_second: u64,
        /// Whether it gives back every other 2 MiB, so that what is free is in pieces.
        #[serde(default)]
        scattered: bool,
    },
    /// Lets time pass.
    WaitSeconds(u64),
    /// A job that begins later than the others. A VM has one job at a time.
    Later {
        /// By how much.
        millis: u64,
        /// What.
        job: Box<JobSpec>,
    },
    /// Somebody else destroys the VM's domain, while its toolstack is at something.
    Kill(String),
    /// The toolstack dies some time later, and comes back: what was being started is started
    /// again.
    RestartToolstack {
        /// When.
        after_millis: u64,
    },
    /// Free pages of a node break.
    Offline {
        /// The node.
        node: usize,
        /// How many.
        pages: u64,
    },
    /// Others map pages of a VM, so that they outlive it.
    MapForeign {
        /// The VM.
        vm: String,
        /// How many.
        pages: u64,
        /// For how long.
        seconds: u64,
    },
}

/// A call that goes wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Its name, as in libxenctrl.
    pub call: String,
    /// For which VM; any if it is left out.
    #[serde(default)]
    pub vm: Option<String>,
    /// Which of its calls, counted from 1; every one if it is left out.
    #[serde(default)]
    pub nth: Option<u64>,
    /// The errno that it fails with, by name; it succeeds if there is none.
    #[serde(default)]
    pub errno: Option<String>,
    /// How much longer it takes.
    #[serde(default)]
    pub delay_millis: u64,
    /// Whether the toolstack dies when the call has had its effect, and comes back.
    #[serde(default)]
    pub dies: bool,
}
