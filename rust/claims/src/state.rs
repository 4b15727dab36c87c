//! What a protocol remembers between calls, under its lock.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Claims, Config};
use crate::hypervisor::Domid;
use crate::ledger::{Build, Claimed};
use crate::line::Line;

/// What Xen cannot tell.
pub(crate) struct State {
    pub config: Config,
    pub pending: Option<Claims>,
    pub builds: BTreeMap<Domid, Build>,
    /// Domains that have had a claim on a node.
    pub node_claimed: BTreeSet<Domid>,
    pub host_claims: Option<bool>,
    pub node_claims: Option<bool>,
    pub claim_sets: Option<bool>,
    /// Kinds of claims that were seen to stand, so that there are such claims for certain.
    pub stood: BTreeSet<Claimed>,
    /// Placements that wait.
    pub line: Line,
}

impl State {
    /// Whether domains are claimed for: what is switched, as far as the hypervisor has it.
    pub fn claims(&self) -> Claims {
        match (self.config.claims, self.host_claims) {
            (Claims::Always, None | Some(true)) => Claims::Always,
            (Claims::Always, Some(false)) | (Claims::Never, _) => Claims::Never,
        }
    }
}
