//! What is known of the Xen where it is a modelled one, beside what is seen of it.

use model::{Flavour, NodeClaims};

use crate::host::Host;
use crate::report::{ensure, Failure, Found};
use crate::seen::Seen;

/// What names the kind of Xen for the fake libxenctrl.
const FLAVOUR: &str = "XENOPSD_NUMA_FAKE_FLAVOUR";

/// Whether this build has that call.
pub fn declares(call: &str) -> bool {
    let mut calls = xen::DECLARED.iter();
    calls.any(|(name, has)| *name == call && *has)
}

/// As which flavour one is seen with, or without, the call for claim sets: it distinguishes
/// those that answer something else to a call of this project.
fn seen_as(flavour: Flavour, sets: bool) -> Flavour {
    match flavour.node_claims {
        NodeClaims::None | NodeClaims::Xs9 => flavour,
        NodeClaims::V4 { .. } => Flavour::V7,
        NodeClaims::Set(rules) if sets && rules.counts_allocated_pages => Flavour::V5,
        NodeClaims::Set(_) => Flavour::V7,
    }
}

/// The kind of Xen by its behaviour is the one that was asked for, and what the build says is
/// reported is.
pub fn seen(host: &Host) -> Found {
    let Some(name) = std::env::var(FLAVOUR).ok().filter(|name| !name.is_empty()) else {
        return Ok("no kind was asked for".to_string());
    };
    let flavour = Flavour::by_name(&name).ok_or_else(|| Failure(format!("no kind {name}")))?;
    let seen = Seen::of(host)?;
    let sets = declares("xc_domain_claim_memory");
    let expected = seen_as(flavour, sets);
    ensure!(
        seen.flavour() == expected,
        "it is seen as {}, and is {}",
        seen.flavour().name,
        expected.name
    );
    ensure!(
        seen.claim_sets == (sets && flavour.has_claim_sets()),
        "that there are claim sets is seen as {}",
        seen.claim_sets
    );
    let reported = declares("xc_numa_meminfo") && (seen.node_claims || seen.claim_sets);
    ensure!(
        seen.reports_node_claims == reported,
        "that claims are reported by node is seen as {}",
        seen.reports_node_claims
    );
    Ok(format!("{name}, claims reported by node: {reported}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_alike_is_seen_alike() {
        for (flavour, sets, seen) in [
            (Flavour::XEN_4_17, false, Flavour::XEN_4_17),
            (Flavour::V5, true, Flavour::V5),
            (Flavour::V5, false, Flavour::V7),
            (Flavour::V4, false, Flavour::V7),
            (Flavour::V8, true, Flavour::V7),
        ] {
            assert_eq!(seen_as(flavour, sets), seen);
        }
    }
}
