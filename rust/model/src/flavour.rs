//! How the releases of Xen, and the patches proposed for it, differ in their page accounting.

/// When pages are taken off a domain's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consume {
    /// When they are assigned to the domain: later than they leave the heap.
    AtAssign,
    /// In the step in which they leave the heap.
    AtAllocation,
}

/// Which claims on nodes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeClaims {
    /// None.
    None,
    /// On one node, by a flag of the claim call. The node of a claim is never forgotten.
    Xs9,
    /// On one node, by a call of its own; as posted in its fourth version, or with its two faults
    /// mended.
    V4 {
        /// Whether they are mended.
        fixed: bool,
    },
    /// Sets of claims on several nodes and the host.
    Set(SetRules),
}

/// How the versions of claim sets differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetRules {
    /// Whether pages that the domain has already count as if they still had to be found.
    pub counts_allocated_pages: bool,
    /// Whether too many entries are E2BIG also for a dying domain, which else is ESRCH.
    pub counted_first: bool,
    /// Whether a set takes the place of the one before; if not, that is EINVAL.
    pub replaces: bool,
    /// Whether the domain must be paused, and no entry may be empty.
    pub paused_only: bool,
    /// Whether claims that do not fit any more, because pages broke, are shrunk.
    pub recalled: bool,
}

/// A kind of page accounting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flavour {
    /// Its name on a command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// When claims are consumed.
    pub consume: Consume,
    /// Whether pages that a domain frees grow the claim that it still has.
    pub refill_on_free: bool,
    /// Whether a claim for a dying domain is refused; if not, it is accepted and never released.
    pub dying_refused: bool,
    /// Whether unclaimed pages may add what a claim lacks for an extent; if not, a claim smaller
    /// than the extent counts for nothing.
    pub shortfall: bool,
    /// Whether available less outstanding pages wrap around below zero, so that claims succeed
    /// wrongly. Upstream only pages that break make that happen.
    pub unsigned_wrap: bool,
    /// Claims on nodes.
    pub node_claims: NodeClaims,
    /// Whether a domain that is being created is given dirty extents, which are cleaned
    /// afterwards, and so those of its preferred nodes; if not, clean ones of any node come first.
    pub deferred_scrub: bool,
}

impl Flavour {
    /// Xen 4.17 and 4.18, as XenServer 8 and XCP-ng 8.3 have them.
    pub const XEN_4_17: Flavour = Flavour {
        name: "4.17",
        about: "4.17 and 4.18, XenServer 8, XCP-ng 8.3: claims are consumed when pages are \
                assigned, grow back on free, and may succeed wrongly",
        consume: Consume::AtAssign,
        refill_on_free: true,
        dying_refused: false,
        shortfall: false,
        unsigned_wrap: true,
        node_claims: NodeClaims::None,
        deferred_scrub: false,
    };

    /// Xen 4.19, 4.20 and 4.21, as patched since December 2025.
    pub const UPSTREAM: Flavour = Flavour {
        name: "upstream",
        about: "4.19 to 4.21, as patched since December 2025: claims are consumed when pages \
                are allocated",
        consume: Consume::AtAllocation,
        refill_on_free: false,
        dying_refused: true,
        ..Flavour::XEN_4_17
    };

    /// Xen 4.22: domains that are created are given dirty memory.
    pub const XEN_4_22: Flavour = Flavour {
        name: "4.22",
        about:
            "as upstream, but domains being created are given dirty memory, and so that of their \
                preferred nodes",
        deferred_scrub: true,
        ..Flavour::UPSTREAM
    };

    /// XenServer 9 of 2026: as upstream, with claims on single nodes.
    pub const XS9: Flavour = Flavour {
        name: "xs9",
        about: "XenServer 9 of 2026: as 4.22, with claims on single nodes",
        node_claims: NodeClaims::Xs9,
        ..Flavour::XEN_4_22
    };

    /// XenServer 9's first node claims, of 2025: consumed at assignment.
    pub const XS9_2025: Flavour = Flavour {
        name: "xs9-2025",
        about: "XenServer 9's first node claims, of 2025: consumed when pages are assigned",
        refill_on_free: false,
        node_claims: NodeClaims::Xs9,
        ..Flavour::XEN_4_17
    };

    /// The fourth version of the upstream series, as posted in February 2026.
    pub const V4: Flavour = Flavour {
        name: "v4",
        about: "proposed upstream, fourth version, as posted: claims on single nodes that need \
                not fit the host",
        shortfall: true,
        // It asserts instead.
        unsigned_wrap: false,
        node_claims: NodeClaims::V4 { fixed: false },
        ..Flavour::XEN_4_22
    };

    /// The same with its two faults mended: claims on nodes must fit the host too, and what a
    /// domain takes elsewhere counts in full.
    pub const V4_FIXED: Flavour = Flavour {
        name: "v4-fixed",
        about: "as v4, with its two faults mended",
        node_claims: NodeClaims::V4 { fixed: true },
        ..Flavour::V4
    };

    /// Claim sets, fifth version.
    pub const V5: Flavour = Flavour {
        name: "v5",
        about: "proposed claim sets, on several nodes and the host: pages that the domain has \
                count as if they had to be found again",
        node_claims: NodeClaims::Set(SetRules {
            counts_allocated_pages: true,
            counted_first: false,
            replaces: true,
            paused_only: false,
            recalled: true,
        }),
        ..Flavour::V4
    };

    /// Claim sets, seventh version.
    pub const V7: Flavour = Flavour {
        name: "v7",
        about: "as v5, but only what is still to be found counts",
        node_claims: NodeClaims::Set(SetRules {
            counts_allocated_pages: false,
            counted_first: true,
            replaces: true,
            paused_only: false,
            recalled: true,
        }),
        ..Flavour::V4
    };

    /// Claim sets, eighth version.
    pub const V8: Flavour = Flavour {
        name: "v8",
        about: "as v7, for paused domains only, and a set is never replaced",
        node_claims: NodeClaims::Set(SetRules {
            counts_allocated_pages: false,
            counted_first: false,
            replaces: false,
            paused_only: true,
            recalled: false,
        }),
        ..Flavour::V4
    };

    /// Every flavour.
    pub const ALL: [Flavour; 10] = [
        Flavour::XEN_4_17,
        Flavour::UPSTREAM,
        Flavour::XEN_4_22,
        Flavour::XS9,
        Flavour::XS9_2025,
        Flavour::V4,
        Flavour::V4_FIXED,
        Flavour::V5,
        Flavour::V7,
        Flavour::V8,
    ];

    /// The flavour of that name.
    pub fn by_name(name: &str) -> Option<Flavour> {
        Flavour::ALL
            .into_iter()
            .find(|flavour| flavour.name == name)
    }

    /// Whether several nodes can be claimed at once.
    pub fn has_claim_sets(&self) -> bool {
        match self.node_claims {
            NodeClaims::None | NodeClaims::Xs9 | NodeClaims::V4 { .. } => false,
            NodeClaims::Set(_) => true,
        }
    }

    /// Whether any claim on a node can be made.
    pub fn has_node_claims(&self) -> bool {
        match self.node_claims {
            NodeClaims::None => false,
            NodeClaims::Xs9 | NodeClaims::V4 { .. } | NodeClaims::Set(_) => true,
        }
    }
}
