//! What toolstacks do, as data: in which order, what they plan with, what they claim.

/// A toolstack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toolstack {
    /// Its name on a command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    pub(super) way: Way,
}

/// How a toolstack starts a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By this project's protocol.
    Ours,
    /// By its own.
    Peer(Peer),
}

/// What a peer does. All of them fill the pool and create the vCPUs before they plan and claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub room: Room,
    pub planner: Planner,
    pub claiming: Claiming,
}

/// How it makes sure that there is memory. All look at free pages only, whoever claimed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// It looks once, and fails.
    Once,
    /// It waits for up to 33 seconds, and fails.
    Xl,
    /// It waits for up to 33 seconds, and goes on as if there were.
    Libvirt,
}

/// How it chooses nodes: never more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planner {
    /// It does not.
    None,
    /// xenopsd's: of the nodes that fit the one that was chosen least often.
    Xapi {
        /// What it takes for free.
        sight: Sight,
    },
    /// libxl's: of the nodes that fit the one with most free memory.
    Libxl,
}

/// What a planner takes for free on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// The least that it ever saw there, less than is claimed or not.
    LeastEver,
    /// What is free and not claimed on the node.
    Unclaimed,
}

/// What it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claiming {
    /// Nothing.
    Never,
    /// The whole footprint on the planned node, whose affinity is set before; whatever comes of
    /// it, the VM is built.
    NodeIfItCan,
    /// The memory on the planned node, which the builder is told; on the host if that is full or
    /// nothing is planned, and then without affinity. Where Xen has no claims on nodes when it is
    /// compiled: nothing, only affinity.
    NodeElseHost {
        /// Whether it was compiled where Xen has them.
        compiled_in: bool,
    },
    /// The memory on the host, by the builder.
    ByBuilder,
}

const fn peer(
    name: &'static str,
    about: &'static str,
    room: Room,
    planner: Planner,
    claiming: Claiming,
) -> Toolstack {
    let peer = Peer {
        room,
        planner,
        claiming,
    };
    Toolstack {
        name,
        about,
        way: Way::Peer(peer),
    }
}

impl Toolstack {
    /// This project's protocol.
    pub const OURS: Toolstack = Toolstack {
        name: "xenopsd-numa",
        about: "this project's protocol",
        way: Way::Ours,
    };

    /// Every one.
    pub const ALL: [Toolstack; 7] = [
        Toolstack::OURS,
        peer(
            "none",
            "no claims, no placement",
            Room::Once,
            Planner::None,
            Claiming::Never,
        ),
        peer(
            "xapi-2025",
            "xapi before the fixes of December 2025: late claims of the whole footprint, for some",
            Room::Once,
            Planner::Xapi {
                sight: Sight::LeastEver,
            },
            Claiming::NodeIfItCan,
        ),
        peer(
            "xapi-2026",
            "xapi in 2026 on XenServer 8 and on upstream Xen: affinity, and no claim at all",
            Room::Once,
            Planner::Xapi {
                sight: Sight::Unclaimed,
            },
            Claiming::NodeElseHost { compiled_in: false },
        ),
        peer(
            "xapi-2026-xs9",
            "xapi in 2026 on XenServer 9: a claim on a node, or else on the host",
            Room::Once,
            Planner::Xapi {
                sight: Sight::Unclaimed,
            },
            Claiming::NodeElseHost { compiled_in: true },
        ),
        peer(
            "xl",
            "xl with claim_mode: a wait of 33 seconds, and a claim by the builder",
            Room::Xl,
            Planner::Libxl,
            Claiming::ByBuilder,
        ),
        peer(
            "libvirt",
            "libvirt of 2014: a wait of 33 seconds that always reports success, no claim",
            Room::Libvirt,
            Planner::Libxl,
            Claiming::Never,
        ),
    ];

    /// The toolstack of that name.
    pub fn by_name(name: &str) -> Option<Toolstack> {
        Toolstack::ALL
            .into_iter()
            .find(|toolstack| toolstack.name == name)
    }
}
