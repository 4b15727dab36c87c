//! What a placement would do, told from a host and a request alone.

use planner::{plan, Host, Limits, Policy, Reason, Request};

use crate::config::Claims;
use crate::sizes::structure_pages;

/// The request with what its vCPUs and structures take, for which a plan is made first.
pub(crate) fn roomy(request: &Request) -> Request {
    let mut roomy = request.clone();
    roomy.overhead_pages += structure_pages(request.vcpus);
    roomy
}

/// The overhead with which a placement of `request` would be planned on `host`.
pub fn planned_overhead_pages(host: &Host, request: &Request, limits: &Limits) -> u64 {
    let roomy = roomy(request);
    match plan(host, &roomy, limits) {
        Ok(_) => roomy.overhead_pages,
        Err(_) => request.overhead_pages,
    }
}

/// Whether a domain whose plan was refused for `reason` starts all the same, without a place: its
/// memory is the host's to give, or nobody asks whether it is, and its policy does not insist on
/// nodes.
pub fn starts_unplaced(reason: Reason, policy: Policy, claims: Claims) -> bool {
    match (reason, policy, claims) {
        (_, Policy::Any, Claims::Never) => true,
        (Reason::HostMemory, _, _) | (_, Policy::Strict, _) => false,
        (
            Reason::Memory
            | Reason::Cpus
            | Reason::Cores
            | Reason::Reachability
            | Reason::Mask
            | Reason::SingleNode,
            Policy::Any | Policy::BestEffort | Policy::BestEffortHard | Policy::PrioMemOnly,
            Claims::Always | Claims::Never,
        ) => true,
    }
}
