//! What a Xen is known to get wrong: invariants that some flavours break, by name.

use claims::Domid;

use super::heap::{Kind, Taker};
use super::Xen;
use crate::flavour::{Consume, Flavour, NodeClaims};

/// Something that should never happen, and does on some flavours. On any other it is a fault of
/// the model ([`super::Violation::Unexpected`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// I3: more was outstanding than free.
    HostOverclaimed,
    /// I4: more of a node was claimed than free.
    NodeOverclaimed,
    /// I2: a domain that once claimed a node claimed again, which is accounted to that node.
    StickyNode,
    /// I6: a domain's pages and its claim were together more than its maximum.
    BeyondMaximum,
    /// I8: a domain was refused a page that it had claimed.
    ClaimNotHonoured,
    /// A claim grew because its domain freed pages.
    Refilled,
    /// A claim outlived its domain.
    Leaked,
}

impl Finding {
    /// All of them.
    pub const ALL: [Finding; 7] = [
        Finding::HostOverclaimed,
        Finding::NodeOverclaimed,
        Finding::StickyNode,
        Finding::BeyondMaximum,
        Finding::ClaimNotHonoured,
        Finding::Refilled,
        Finding::Leaked,
    ];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Finding::HostOverclaimed => "host-overclaimed",
            Finding::NodeOverclaimed => "node-overclaimed",
            Finding::StickyNode => "sticky-node",
            Finding::BeyondMaximum => "beyond-maximum",
            Finding::ClaimNotHonoured => "claim-not-honoured",
            Finding::Refilled => "refilled",
            Finding::Leaked => "leaked",
        }
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Finding::HostOverclaimed => "more was outstanding than free",
            Finding::NodeOverclaimed => "more of a node was claimed than free",
            Finding::StickyNode => {
                "a domain that once claimed a node claimed again, which was accounted to that node"
            }
            Finding::BeyondMaximum => {
                "a domain's pages and its claim were together more than its maximum"
            }
            Finding::ClaimNotHonoured => "a domain was refused a page that it had claimed",
            Finding::Refilled => "a claim grew because its domain freed pages",
            Finding::Leaked => "a claim outlived its domain",
        }
    }

    /// Whether it is known of that flavour.
    pub fn is_known_of(self, flavour: &Flavour) -> bool {
        let late = flavour.consume == Consume::AtAssign;
        let xs9 = flavour.node_claims == NodeClaims::Xs9;
        let v4 = matches!(flavour.node_claims, NodeClaims::V4 { .. });
        match self {
            Finding::HostOverclaimed => late || xs9 || v4,
            Finding::NodeOverclaimed | Finding::StickyNode => xs9,
            Finding::BeyondMaximum => xs9 || flavour.node_claims == NodeClaims::V4 { fixed: false },
            Finding::ClaimNotHonoured => late || xs9,
            Finding::Refilled => flavour.refill_on_free,
            Finding::Leaked => !flavour.dying_refused,
        }
    }
}

/// How often each was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings([u64; Finding::ALL.len()]);

impl Findings {
    pub fn note(&mut self, finding: Finding) {
        self.0[finding as usize] += 1;
    }
}

impl Xen {
    /// How often something was found, since the beginning.
    pub fn found(&self, finding: Finding) -> u64 {
        self.findings.0[finding as usize]
    }

    /// Notes what claims now are too much for.
    pub(super) fn note_overclaims(&mut self) {
        if self.pages_broke() {
            return;
        }
        if self.outstanding_pages > self.free_pages {
            self.findings.note(Finding::HostOverclaimed);
        }
        for node in 0..self.free.len() {
            if self.node_claimed[node] > self.free[node] {
                self.findings.note(Finding::NodeOverclaimed);
            }
        }
    }

    /// Notes a domain that could exceed its maximum by what it has claimed. Xen's promise is to
    /// one thread at a time.
    pub(super) fn note_maximum(&mut self, domid: Domid) {
        let Some(domain) = self.domains.get(&domid) else {
            return;
        };
        let booked = domain.tot_pages + domain.claim.outstanding_pages;
        // A caller that lowers a maximum, or works on a domain in several threads, asked for it.
        let excused = domain.max_lowered || domain.raced;
        if domain.claim.outstanding_pages > 0 && booked > domain.max_pages && !excused {
            self.findings.note(Finding::BeyondMaximum);
        }
    }

    /// Notes an extent that was refused though it was claimed: a single page, anywhere, or on the
    /// node of the claim.
    pub(super) fn note_refusal(&mut self, taker: &Taker, kind: Kind, pages: u64) {
        let domain = taker
            .credit
            .domid
            .and_then(|domid| self.domains.get(&domid));
        let Some(domain) = domain.filter(|domain| domain.is_alive()) else {
            return;
        };
        let claimed = match taker.exact_node {
            None => domain.claim.outstanding_pages,
            Some(node) => match domain.claim.on == Some(node) {
                true => domain.claim.outstanding_pages,
                false => domain.claim.on_nodes[node],
            },
        };
        if kind == Kind::Memory && pages == 1 && claimed > 0 && !self.pages_broke() {
            self.findings.note(Finding::ClaimNotHonoured);
        }
    }

    /// Where pages broke, claims may be for more than there is, and nobody is at fault.
    fn pages_broke(&self) -> bool {
        self.broken_pages.iter().any(|pages| *pages > 0)
    }
}
