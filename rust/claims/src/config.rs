//! What an administrator can switch, per host.

use std::time::Duration;

use planner::{Policy, Reserve, Strategy};

/// Whether a host claims memory for its domains: for every one, or for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Claims {
    /// For every domain, whatever its policy or affinity.
    Always,
    /// For none.
    Never,
}

/// Which domain builders claim memory themselves, so that the protocol must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuilderClaims {
    /// None.
    None,
    /// That of PV domains.
    Pv,
    /// All.
    All,
}

/// The switches of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `numa-claims`.
    pub claims: Claims,
    /// `builder-claims`.
    pub builder_claims: BuilderClaims,
    /// The policy of domains that have none of their own (`numa-placement` and
    /// `numa-best-effort-prio-mem-only`, under the host's own policy).
    pub policy: Policy,
    /// `numa-strategy`.
    pub strategy: Strategy,
    /// `numa-reserve-mib` and `numa-node-reserve-mib`, in pages.
    pub reserve: Reserve,
    /// `numa-memory-wait-seconds`.
    pub memory_wait: Duration,
    /// `numa-plan-budget-steps`.
    pub plan_budget_steps: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            claims: Claims::Always,
            builder_claims: BuilderClaims::None,
            policy: Policy::BestEffort,
            // Balance does not weigh the vCPUs that live on a node.
            strategy: Strategy::Spread,
            reserve: Reserve {
                // What squeezed keeps free when it makes room for a domain, less its margin.
                host_pages: 64 * 256,
                node_pages: 0,
            },
            memory_wait: Duration::from_secs(600),
            plan_budget_steps: planner::DEFAULT_BUDGET_STEPS,
        }
    }
}
