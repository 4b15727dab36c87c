//! The only door through which a hypervisor enters the core: a table of C functions.
//!
//! [`XenopsdNumaHypervisor`] is `struct xenopsd_numa_hypervisor` of `xenopsd_numa_hypervisor.h`,
//! which documents each call. [`Table`] makes a [`claims::Hypervisor`] of one, and believes
//! nothing that it answers; [`Exported`] makes one of any [`claims::Hypervisor`].

mod abi;
mod answer;
mod caught;
mod error;
mod exported;
mod table;

pub use abi::{
    XenopsdNumaCpu, XenopsdNumaDomain, XenopsdNumaHost, XenopsdNumaHypervisor, XenopsdNumaNode,
    XenopsdNumaNodePages, ABI_VERSION, AFFINITY_HARD, AFFINITY_SOFT, AT_ALLOCATION, AUTOMATIC,
    NODE_CLAIMS_BIND_ALL, NONE,
};
pub use caught::caught;
pub use error::TableError;
pub use exported::Exported;
pub use table::Table;
