//! From a host and a request to a plan or a refusal.

use crate::host::{Host, Reserve};
use crate::incumbent::exists;
use crate::nodes::{NodeSet, MAX_NODES};
use crate::offer::{Amount, Offer};
use crate::plan::{Plan, Reason, Refusal, Shortfall};
use crate::request::{Policy, Request};
use crate::rotation::rotate;
use crate::search::{search, Found, Sought};
use crate::shortfall::nearest;

/// The steps that a plan may take on a host of more than 16 nodes, unless said otherwise.
pub const DEFAULT_BUDGET_STEPS: u64 = 40_000;

/// What bounds a plan besides the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What must be left alone.
    pub reserve: Reserve,
    /// The steps of search that a plan may take on a host of more than 16 nodes.
    pub budget_steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            reserve: Reserve::default(),
            budget_steps: DEFAULT_BUDGET_STEPS,
        }
    }
}

/// The best place for `request` on `host`, or by how much it does not fit.
///
/// Of the sets of nodes that reach each other, fit, and contain no smaller set that fits: those
/// whose nodes all have CPUs if there is one, then the smallest maximum distance, the smallest
/// average distance, the strategy, the lowest node numbers. Exponential in the number of nodes at
/// worst, and exact, up to 16 nodes; beyond that `limits.budget_steps` bounds the search for the
/// nearest set, but never the search for any.
pub fn plan(host: &Host, request: &Request, limits: &Limits) -> Result<Plan, Refusal> {
    let offer = Offer::new(host, request, &limits.reserve, true);
    if request.policy == Policy::Any {
        return anywhere(host, request, &offer);
    }
    match find(&offer, request, limits) {
        Some(found) => Ok(placed(&offer, request, &found)),
        None => Err(refuse(host, request, limits, &offer)),
    }
}

/// As [`plan`], without the figures of a refusal, which may cost more than a plan.
pub(crate) fn plan_or_none(host: &Host, request: &Request, limits: &Limits) -> Option<Plan> {
    let offer = Offer::new(host, request, &limits.reserve, true);
    match request.policy {
        Policy::Any => anywhere(host, request, &offer).ok(),
        Policy::BestEffort | Policy::BestEffortHard | Policy::PrioMemOnly | Policy::Strict => {
            let found = find(&offer, request, limits)?;
            Some(placed(&offer, request, &found))
        }
    }
}

pub(crate) fn find(offer: &Offer, request: &Request, limits: &Limits) -> Option<Found> {
    find_except(offer, request, limits, NodeSet::EMPTY)
}

/// The best set but for this one.
pub(crate) fn find_except(
    offer: &Offer,
    request: &Request,
    limits: &Limits,
    except: NodeSet,
) -> Option<Found> {
    if !offer.host_suffices() {
        return None;
    }
    let sought = Sought {
        offer,
        universe: NodeSet::EMPTY,
        largest: Offer::largest_set(request.policy),
        strategy: request.strategy,
        budget_steps: limits.budget_steps,
        except,
    };
    search(&sought.of(offer.with_cpus)).or_else(|| match offer.with_cpus == offer.usable {
        true => None,
        false => search(&sought.of(offer.usable)),
    })
}

pub(crate) fn placed(offer: &Offer, request: &Request, found: &Found) -> Plan {
    let headroom = offer.nodes.map(|node| node.pages);
    Plan {
        nodes: found.nodes,
        cpu_nodes: found.nodes,
        pages: rotate(&headroom, found.nodes, request.memory_pages).0,
        distance: Some(found.distance),
        optimal: found.optimal,
        gap: found.gap,
        equals: found.equals,
    }
}

pub(crate) fn free_pages(host: &Host) -> [u64; MAX_NODES] {
    let mut free = [0; MAX_NODES];
    for (free, node) in free.iter_mut().zip(&host.memory().nodes) {
        *free = node.map_or(0, |node| node.free_pages);
    }
    free
}

/// Policy `Any`: the claim is host-wide, so only the host's memory counts, and that of the allowed
/// nodes, whether they have distances or not. Pages come from what is claimable of those that have,
/// and then from the others and what claims on single nodes and node reserves cannot keep from a
/// host-wide claim.
pub(crate) fn anywhere(host: &Host, request: &Request, offer: &Offer) -> Result<Plan, Refusal> {
    let has_memory =
        |node: &usize| host.memory().nodes[*node].is_some_and(|memory| memory.size_pages > 0);
    let all: NodeSet = (0..host.memory().nodes.len()).filter(has_memory).collect();
    let mut rest = free_pages(host);
    let short_of = |nodes: NodeSet| {
        let free: u64 = nodes.iter().map(|node| rest[node]).sum();
        (offer.need.pages.saturating_sub(free)).max(offer.host_short_pages())
    };
    let nodes = all.intersection(request.allowed_nodes.unwrap_or(all));
    let short = short_of(nodes);
    if short > 0 {
        return Err(Refusal {
            reason: match short_of(all) {
                0 => Reason::Mask,
                1.. => Reason::HostMemory,
            },
            short: Shortfall {
                pages: short,
                ..Shortfall::default()
            },
            nearest: offer.usable,
        });
    }
    let claimable = offer.nodes.map(|node| node.pages);
    let (mut pages, left) = rotate(&claimable, nodes, request.memory_pages);
    for (rest, taken) in rest.iter_mut().zip(&pages) {
        *rest = rest.saturating_sub(*taken);
    }
    let (more, _) = rotate(&rest, nodes, left);
    for (pages, more) in pages.iter_mut().zip(&more) {
        *pages += more;
    }
    Ok(Plan {
        nodes,
        cpu_nodes: offer.usable,
        pages,
        distance: None,
        optimal: true,
        gap: Some(0.0),
        equals: 1,
    })
}

pub(crate) fn refuse(host: &Host, request: &Request, limits: &Limits, offer: &Offer) -> Refusal {
    let largest = Offer::largest_set(request.policy);
    let (nearest, short) = nearest(offer, largest);
    let masked = request.allowed_cpus.is_some() || request.allowed_nodes.is_some();
    let unmasked_fits = || {
        let whole = Offer::new(host, request, &limits.reserve, false);
        fits_together(&whole, largest)
    };
    let several_fit = || fits_together(offer, MAX_NODES);
    let reason = if !offer.host_suffices() {
        Reason::HostMemory
    } else if masked && unmasked_fits() {
        Reason::Mask
    } else if request.policy == Policy::Strict && several_fit() {
        Reason::SingleNode
    } else if offer.fits(offer.usable) {
        Reason::Reachability
    } else {
        binding(short)
    };
    Refusal {
        reason,
        short,
        nearest,
    }
}

/// Whether some nodes, at most `largest`, that reach each other suffice.
fn fits_together(offer: &Offer, largest: usize) -> bool {
    let matrix = offer.topology.matrix();
    let alone = |node: usize| offer.nodes[node].covers(offer.need);
    match (offer.host_suffices(), matrix.classes().len(), largest) {
        (false, _, _) => false,
        (true, 0, _) | (true, _, 1) => offer.usable.iter().any(alone),
        (true, classes, _) => {
            let nothing = (NodeSet::EMPTY, Amount::default());
            let near = matrix.near(classes - 1);
            let mut unlimited = u64::MAX;
            exists(offer, near, nothing, offer.usable, &mut unlimited).is_some()
        }
    }
}

/// The resource that is missing, the first of several.
pub(crate) fn binding(short: Shortfall) -> Reason {
    match short {
        Shortfall { pages: 1.., .. } => Reason::Memory,
        Shortfall { cpus: 1.., .. } => Reason::Cpus,
        Shortfall { .. } => Reason::Cores,
    }
}
