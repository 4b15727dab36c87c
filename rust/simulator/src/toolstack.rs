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

/// What a peer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub memory_wait: MemoryWait,
    /// Whether a start waits until the one before it has ended.
    pub one_at_a_time: bool,
    /// What it adds to a VM's footprint for each vCPU.
    pub vcpu_pages: u64,
    pub planner: Planner,
    pub order: Order,
    pub claiming: Claiming,
}

/// How it waits until there is memory. None subtracts what is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemoryWait {
    /// It looks once, when the domain is there, and fails.
    Once,
    /// It has it reserved by squeezed, which knows what other starts have reserved, and keeps
    /// some free besides; what is refused is asked for again, for a minute. Then it looks once.
    Squeezed {
        /// Kept free besides.
        kept_pages: u64,
    },
    /// It waits as long as no 30 seconds pass without progress, and fails.
    Xl,
    /// It waits for up to 33 seconds.
    Window {
        /// Whether it fails then, or goes on as if there were enough.
        fails: bool,
    },
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
        /// Whether a VM must have a core for each vCPU.
        cores: bool,
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

/// When it plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// When the pool is filled and the vCPUs are there.
    PoolFirst,
    /// When the vCPUs are there; the pool is filled afterwards.
    PlanFirst,
}

/// What it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claiming {
    /// Nothing.
    Never,
    /// On the planned node, whose affinity is set before, and which the builder does not know;
    /// whatever comes of it, the VM is built. Nothing where nothing is planned.
    NodeIfItCan(Amount),
    /// On the planned node, which the builder gets; on the host if that is full or nothing is
    /// planned, and then without affinity. Where Xen has no claims on nodes when it is compiled:
    /// nothing, only affinity. Policy `any` and VMs that are bound to CPUs claim nothing.
    NodeElseHost {
        /// How much.
        amount: Amount,
        /// Whether it was compiled where Xen has them.
        compiled_in: bool,
    },
    /// On the host, for every VM.
    Host(Amount),
    /// The memory on the host, by the builder.
    ByBuilder,
}

/// How much it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    /// Memory, pool and what is estimated beside them, whatever of it is taken already.
    Footprint,
    /// The memory in whole MiB, video hole included; for a migration what the source said.
    Memory,
    /// What the builder populates.
    Populated,
}

/// squeezed keeps 64 MiB and 8 MiB for nobody; 1 MiB and 8 MiB before 2026.
const KEPT_PAGES: u64 = 72 << 8;
const KEPT_PAGES_2025: u64 = 9 << 8;

/// What xapi adds for each vCPU, from 2026 on.
const VCPU_PAGES: u64 = 38;

/// xapi in 2026 without any placement.
const XAPI: Peer = Peer {
    memory_wait: MemoryWait::Squeezed {
        kept_pages: KEPT_PAGES,
    },
    one_at_a_time: false,
    vcpu_pages: VCPU_PAGES,
    planner: Planner::None,
    order: Order::PoolFirst,
    claiming: Claiming::Never,
};

/// xapi before the fixes.
const XAPI_2025: Peer = Peer {
    memory_wait: MemoryWait::Squeezed {
        kept_pages: KEPT_PAGES_2025,
    },
    vcpu_pages: 0,
    planner: Planner::Xapi {
        sight: Sight::LeastEver,
        cores: false,
    },
    claiming: Claiming::NodeIfItCan(Amount::Footprint),
    ..XAPI
};

/// xapi's planner in 2026.
const XAPI_PLANNER: Planner = Planner::Xapi {
    sight: Sight::Unclaimed,
    cores: true,
};

/// xl: one create at a time.
const XL: Peer = Peer {
    memory_wait: MemoryWait::Xl,
    one_at_a_time: true,
    vcpu_pages: 0,
    planner: Planner::Libxl,
    order: Order::PlanFirst,
    claiming: Claiming::ByBuilder,
};

const fn peer(name: &'static str, about: &'static str, peer: Peer) -> Toolstack {
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
    pub const ALL: [Toolstack; 10] = [
        Toolstack::OURS,
        peer("none", "xapi with NUMA off: no claims, no placement", XAPI),
        peer(
            "host-claims",
            "a plain claim on the host for every VM, as all Xens have had it since 4.3, late",
            Peer {
                memory_wait: MemoryWait::Once,
                claiming: Claiming::Host(Amount::Populated),
                ..XAPI
            },
        ),
        peer(
            "xapi-2025",
            "xapi before the fixes of December 2025: late claims of the whole footprint, for some",
            XAPI_2025,
        ),
        peer(
            "xapi-draft",
            "xapi's first fix of December 2025: late claims of the whole footprint, for all",
            Peer {
                planner: Planner::Xapi {
                    sight: Sight::Unclaimed,
                    cores: false,
                },
                claiming: Claiming::NodeElseHost {
                    amount: Amount::Footprint,
                    compiled_in: true,
                },
                ..XAPI_2025
            },
        ),
        peer(
            "xapi-2026",
            "xapi in 2026 on XenServer 8 and on upstream Xen: affinity, and no claim at all",
            Peer {
                planner: XAPI_PLANNER,
                claiming: Claiming::NodeElseHost {
                    amount: Amount::Memory,
                    compiled_in: false,
                },
                ..XAPI
            },
        ),
        peer(
            "xapi-2026-xs9",
            "xapi in 2026 on XenServer 9: a claim on a node, or else on the host",
            Peer {
                planner: XAPI_PLANNER,
                claiming: Claiming::NodeElseHost {
                    amount: Amount::Memory,
                    compiled_in: true,
                },
                ..XAPI
            },
        ),
        peer(
            "xl",
            "xl with claim_mode: one at a time, a wait while there is progress, a builder's claim",
            XL,
        ),
        peer(
            "xl-2014",
            "xl of 2014 with claim_mode: one at a time, a wait of 33 seconds, a builder's claim",
            Peer {
                memory_wait: MemoryWait::Window { fails: true },
                ..XL
            },
        ),
        peer(
            "libvirt",
            "libvirt of 2014: a wait of 33 seconds that always reports success, no claim",
            Peer {
                memory_wait: MemoryWait::Window { fails: false },
                one_at_a_time: false,
                claiming: Claiming::Never,
                ..XL
            },
        ),
    ];

    /// The toolstack of that name.
    pub fn by_name(name: &str) -> Option<Toolstack> {
        Toolstack::ALL
            .into_iter()
            .find(|toolstack| toolstack.name == name)
    }
}
