//! Requests and placements as the checks make them.

use std::sync::Arc;
use std::time::Duration;

use claims::{Builder, Config, Domid, Error, Placed, Placement, Protocol, Reservation};
use planner::{NodeSet, Policy, Request, Reserve, Strategy};
use xen::{DomainKind, From, Xen};

use crate::host::{Domain, Host, Populated};

/// What a toolstack of this process places with.
pub type Toolstack = Protocol<Arc<Xen>>;

/// Switches for hosts of a few GiB: the reserve is small, and nothing waits for long.
pub fn config(wait_seconds: u64) -> Config {
    let reserve = Reserve {
        host_pages: 8 * 256,
        node_pages: 0,
    };
    Config::default()
        .with_reserve(reserve)
        .with_memory_wait(Duration::from_secs(wait_seconds))
}

/// A protocol on a handle of its own, as another process has it.
pub fn protocol(host: &Host, wait_seconds: u64) -> Result<Toolstack, Error> {
    Protocol::open(host.xen.clone(), config(wait_seconds))
}

/// A request of one vCPU.
pub fn request(memory_pages: u64, policy: Policy) -> Request {
    let mut request = Request::of_pages(memory_pages, 1);
    request.overhead_pages = claims::overhead_pages(1, memory_pages);
    request.cores = 0;
    request.policy = policy;
    request.strategy = Strategy::Balance;
    request
}

/// A request that may use these nodes only.
pub fn request_on(memory_pages: u64, nodes: NodeSet) -> Request {
    let mut request = request(memory_pages, Policy::BestEffort);
    request.allowed_nodes = Some(nodes);
    request
}

/// A placement of a domain.
pub fn placement(domid: Domid, kind: DomainKind, request: Request) -> Placement {
    Placement::new(domid, request).with_builder(match kind {
        DomainKind::Pv => Builder::Pv,
        DomainKind::Pvh | DomainKind::Hvm => Builder::Hvm,
    })
}

/// From where a builder takes memory, as the outcome says.
pub fn from(placed: &Placed) -> From {
    match placed.outcome().reservation {
        Reservation::NodeClaim(node) => From::Exactly(node),
        Reservation::ClaimSet
        | Reservation::HostClaim
        | Reservation::Anywhere
        | Reservation::Unplaced(_)
        | Reservation::ClaimedByBuilder
        | Reservation::Unclaimed => From::Anywhere,
    }
}

/// The nodes that a placement planned; all of the host if it has no plan.
pub fn nodes(host: &Host, placed: &Placed) -> NodeSet {
    (placed.outcome().plan.as_ref()).map_or(host.topology.online(), |plan| plan.nodes)
}

/// A whole build of a domain that was placed: pool, vCPUs, affinity, memory, the end.
pub fn build(
    protocol: &Toolstack,
    domain: &Domain,
    placed: Placed,
) -> Result<(Populated, u64), crate::report::Failure> {
    let pages = placed.request().memory_pages;
    let from = from(&placed);
    domain.equip(pages)?;
    let pinned = protocol.pin(placed)?;
    let populated = domain.populate(pages, from)?;
    let report = protocol.finish(pinned)?;
    Ok((populated, report.unused_pages))
}
