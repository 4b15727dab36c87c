//! Two placements at once: one wins, and the other is placed elsewhere or refused.

use std::sync::Barrier;
use std::thread::scope;

use claims::{Error, Hypervisor, Placed};
use planner::{NodeSet, Policy};

use crate::host::{Domain, Host};
use crate::place::{placement, protocol, request, Toolstack};
use crate::report::{ensure, Failure, Found};

const ROUNDS: u32 = 20;

/// A domain and what its placement came to.
type Raced = (Domain, Result<Placed, Error>);

/// Places two domains at the same moment.
fn both(host: &Host, protocols: [&Toolstack; 2], pages: u64) -> Result<[Raced; 2], Failure> {
    let kind = host.kinds[0];
    let domains = [host.create(kind, 1, pages)?, host.create(kind, 1, pages)?];
    let barrier = Barrier::new(2);
    let place = |protocol: &Toolstack, domain: &Domain| {
        let asked = placement(domain.domid, kind, request(pages, Policy::BestEffort));
        barrier.wait();
        protocol.place(asked)
    };
    let [first, second] = &domains;
    let (one, other) = scope(|scope| {
        let other = scope.spawn(|| place(protocols[1], second));
        (place(protocols[0], first), other.join())
    });
    let other = other.map_err(|_| Failure("a thread panicked".to_string()))?;
    let [first, second] = domains;
    Ok([(first, one), (second, other)])
}

fn planned(placed: &Placed) -> Option<NodeSet> {
    placed.outcome().plan.as_ref().map(|plan| plan.nodes)
}

/// Whether both have a plan, of one node each, which are two.
fn apart(one: Option<NodeSet>, other: Option<NodeSet>) -> bool {
    let nodes = [one, other].map(|nodes| nodes.unwrap_or(NodeSet::EMPTY));
    nodes.iter().all(|nodes| nodes.len() == 1) && nodes[0] != nodes[1]
}

/// Two threads of one process want more than half of a node: each gets a node of its own.
pub fn for_a_node(host: &Host) -> Found {
    let mut nodes = Vec::new();
    for node in host.nodes_with_memory()? {
        nodes.push(host.free_by_node()?[node]);
    }
    nodes.sort_unstable();
    ensure!(nodes.len() >= 2, "there is one node");
    let pages = nodes[nodes.len() - 2] * 5 / 8;
    for round in 0..ROUNDS {
        let protocol = protocol(host, 0)?;
        let [(_first, one), (_second, other)] = both(host, [&protocol, &protocol], pages)?;
        let (one, other) = (one?, other?);
        let (one, other) = (planned(&one), planned(&other));
        ensure!(
            apart(one, other),
            "round {round}: they are planned on {one:?} and {other:?}"
        );
    }
    Ok(format!("{ROUNDS} rounds for {pages} pages each"))
}

/// Two processes want more than half of the host: one gets it, the other learns that it is full.
pub fn for_the_host(host: &Host) -> Found {
    let mut first_won = 0;
    let pages = host.steady_memory()?.host_free_pages * 5 / 8;
    for round in 0..ROUNDS {
        let protocols = [protocol(host, 0)?, protocol(host, 0)?];
        let [(first, one), (second, other)] = both(host, [&protocols[0], &protocols[1]], pages)?;
        first_won += u32::from(one.is_ok());
        let (winner, loser) = match (one, other) {
            (Ok(_), Err(error)) => (first.domid, error),
            (Err(error), Ok(_)) => (second.domid, error),
            (Ok(_), Ok(_)) => return Err(Failure(format!("round {round}: both won"))),
            (Err(one), Err(other)) => {
                return Err(Failure(format!("round {round}: none won: {one}; {other}")))
            }
        };
        ensure!(
            matches!(loser, Error::HostFull { .. } | Error::Call { .. }),
            "round {round}: the loser gets: {loser}"
        );
        ensure!(
            host.outstanding(winner)? == pages,
            "round {round}: the winner has {} of {pages} pages claimed",
            host.outstanding(winner)?
        );
        let outstanding = host.xen.memory()?.host_outstanding_pages;
        ensure!(
            outstanding == pages,
            "round {round}: {outstanding} claimed in all"
        );
    }
    Ok(format!(
        "{ROUNDS} rounds for {pages} pages, the first won {first_won}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_plans_are_apart_if_they_are_two_nodes() {
        let (one, other) = (NodeSet::one(0), NodeSet::one(1));
        assert!(apart(Some(one), Some(other)));
        for other in [None, Some(one), Some(one.union(other))] {
            assert!(!apart(Some(one), other));
            assert!(!apart(other, Some(one)));
        }
        assert!(!apart(None, None));
    }
}
