//! The protocol by which a toolstack places a domain and reserves its memory in Xen before
//! anything else can take it: [`Protocol::place`], [`Protocol::pin`], [`Protocol::finish`].
#![forbid(unsafe_code)]

mod attempt;
#[macro_use]
mod calls;
mod config;
mod ending;
mod error;
mod foresight;
mod hypervisor;
mod kinds;
mod ledger;
mod line;
mod listing;
mod placement;
mod placing;
mod probe;
mod protocol;
mod queueing;
mod settling;
mod shortage;
mod sizes;
mod staking;
mod state;
mod waiting;

pub use config::{BuilderClaims, Claims, Config, Switch};
pub use ending::Report;
pub use error::Error;
pub use foresight::{planned_overhead_pages, starts_unplaced};
pub use hypervisor::{
    Accounting, Affinity, Answer, Call, CallError, Capabilities, Claim, DomainInfo, Domid, Errno,
    Hypervisor, Intercept, NodePages,
};
pub use listing::{DomainAudit, DomainClaim};
pub use placement::{Builder, ClaimKind, Outcome, Pinned, Placed, Placement, Reservation};
pub use placing::{Placing, Step};
pub use probe::Probed;
pub use protocol::{Protocol, Status};
pub use sizes::{least_structure_pages, overhead_pages, pool_pages, structure_pages};
