//! How the releases of Xen differ in their page accounting.

/// When pages are taken off a domain's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consume {
    /// When they are assigned to the domain: later than they leave the heap.
    AtAssign,
    /// In the step in which they leave the heap.
    AtAllocation,
}

/// A kind of page accounting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flavour {
    /// Its name on a command line.
    pub name: &'static str,
    /// When claims are consumed.
    pub consume: Consume,
    /// Whether pages that a domain frees grow the claim that it still has.
    pub refill_on_free: bool,
    /// Whether a claim for a dying domain is EINVAL; if not, it is accepted and never released.
    pub dying_refused: bool,
    /// Whether available less outstanding pages wrap around below zero, so that claims succeed
    /// wrongly.
    pub unsigned_wrap: bool,
    /// Whether there are claims on single nodes.
    pub node_claims: bool,
}

impl Flavour {
    /// Xen 4.17 and 4.18, as XenServer 8 and XCP-ng 8.3 have them.
    pub const XEN_4_17: Flavour = Flavour {
        name: "4.17",
        consume: Consume::AtAssign,
        refill_on_free: true,
        dying_refused: false,
        unsigned_wrap: true,
        node_claims: false,
    };

    /// Xen 4.19 and later, as patched since December 2025.
    pub const UPSTREAM: Flavour = Flavour {
        name: "upstream",
        consume: Consume::AtAllocation,
        refill_on_free: false,
        dying_refused: true,
        // Outstanding pages never exceed the free ones here: there is nothing to wrap.
        unsigned_wrap: false,
        node_claims: false,
    };

    /// XenServer 9 of 2026: as upstream, with claims on single nodes.
    pub const XS9: Flavour = Flavour {
        name: "xs9",
        node_claims: true,
        ..Flavour::UPSTREAM
    };

    /// XenServer 9's first node claims, of 2025: consumed at assignment.
    pub const XS9_2025: Flavour = Flavour {
        name: "xs9-2025",
        consume: Consume::AtAssign,
        refill_on_free: false,
        dying_refused: false,
        unsigned_wrap: true,
        node_claims: true,
    };

    /// Every flavour.
    pub const ALL: [Flavour; 4] = [
        Flavour::XEN_4_17,
        Flavour::UPSTREAM,
        Flavour::XS9,
        Flavour::XS9_2025,
    ];

    /// The flavour of that name.
    pub fn by_name(name: &str) -> Option<Flavour> {
        Flavour::ALL
            .into_iter()
            .find(|flavour| flavour.name == name)
    }
}
