//! The values of a domain's way through the protocol: what is asked, placed, pinned.

use std::sync::Arc;
use std::time::Duration;

use planner::{named, NodeSet, Plan, Request, Topology};

use crate::attempt::Attempt;
use crate::hypervisor::Domid;
#[cfg(doc)]
use crate::protocol::Protocol;

/// Who builds a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builder {
    /// The builder of PV domains.
    Pv,
    /// The builder of HVM and PVH domains.
    Hvm,
}

/// A domain to be placed, right after its maximum memory is set.
#[derive(Debug, Clone)]
pub struct Placement {
    pub(crate) domid: Domid,
    pub(crate) request: Request,
    pub(crate) builder: Builder,
    pub(crate) hard_pinned: bool,
}

impl Placement {
    /// Of a domain that the builder of HVM domains builds; the memory of `request` is exactly what
    /// the builder will populate.
    pub fn new(domid: Domid, request: Request) -> Self {
        Placement {
            domid,
            request,
            builder: Builder::Hvm,
            hard_pinned: false,
        }
    }

    /// The same, built by `builder`.
    pub fn with_builder(self, builder: Builder) -> Self {
        Placement { builder, ..self }
    }

    /// The same; `hard_pinned` says whether the toolstack binds the vCPUs itself, to the request's
    /// allowed CPUs.
    pub fn with_hard_pinned(self, hard_pinned: bool) -> Self {
        Placement {
            hard_pinned,
            ..self
        }
    }
}

/// How a domain's memory is reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// All of it on this node, guaranteed: the builder must ask for exactly this node.
    NodeClaim(usize),
    /// On the planned nodes, of each as much as the plan says, guaranteed: the builder may ask for
    /// exactly these, or leave it to the node affinity.
    ClaimSet,
    /// On the host; node affinity makes Xen take it from the planned nodes while they have some.
    HostClaim,
    /// On the host, wherever: policy `Any`.
    Anywhere,
    /// On the host, wherever, because no plan could be kept; says why.
    Unplaced(String),
    /// By its builder.
    ClaimedByBuilder,
    /// Not at all.
    Unclaimed,
}

named! {
    /// The kinds of claims, by name.
    ClaimKind {
        Node = "node": "on one node, guaranteed: the builder must ask for exactly this node",
        Set = "set": "on the planned nodes, of each as much as the plan says, guaranteed",
        Host = "host": "on the host; Xen takes it from the planned nodes while they have some",
        Any = "any": "on the host, wherever, as the policy says",
        Unplaced = "unplaced": "on the host, wherever, because no plan could be kept",
        Builder = "builder": "by the domain's builder",
        Unclaimed = "none": "not at all",
    }
}

impl Reservation {
    /// The kind of claim.
    pub fn kind(&self) -> ClaimKind {
        match self {
            Reservation::NodeClaim(_) => ClaimKind::Node,
            Reservation::ClaimSet => ClaimKind::Set,
            Reservation::HostClaim => ClaimKind::Host,
            Reservation::Anywhere => ClaimKind::Any,
            Reservation::Unplaced(_) => ClaimKind::Unplaced,
            Reservation::ClaimedByBuilder => ClaimKind::Builder,
            Reservation::Unclaimed => ClaimKind::Unclaimed,
        }
    }
}

/// What was really obtained.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How the memory is reserved.
    pub reservation: Reservation,
    /// What the affinity was set to; `None`: none was set.
    pub plan: Option<Plan>,
    /// Pages claimed.
    pub claimed_pages: u64,
    /// Times that another plan had to be made after ENOMEM.
    pub replans: u32,
    /// Time spent until memory was given back.
    pub waited: Duration,
    /// Time spent until earlier builds ended.
    pub queued: Duration,
}

/// A domain whose memory is reserved. To be given to [`Protocol::pin`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Placed {
    pub(crate) attempt: Attempt,
    pub(crate) topology: Arc<Topology>,
    pub(crate) request: Request,
    pub(crate) hard_pinned: bool,
    pub(crate) outcome: Outcome,
}

impl Placed {
    /// The domain.
    pub fn domid(&self) -> Domid {
        self.attempt.domid
    }

    /// What was obtained.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What was asked.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The nodes and CPUs of the host.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }
}

/// A domain whose pool is filled and whose vCPUs have their affinity. To be given to
/// [`Protocol::finish`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Pinned {
    pub(crate) attempt: Attempt,
    /// Where its memory was planned.
    pub(crate) nodes: Option<NodeSet>,
}

impl Pinned {
    /// The domain.
    pub fn domid(&self) -> Domid {
        self.attempt.domid
    }
}
