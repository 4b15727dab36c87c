//! A libxenctrl whose hypervisor is the model: what is linked with it, or runs with it preloaded,
//! finds a Xen of its own in its process.
//!
//! `XENOPSD_NUMA_FAKE_HOST` names a host snapshot, `XENOPSD_NUMA_FAKE_FLAVOUR` the kind of Xen by
//! the model's name for it; without them it is a 4.17 on a small host of two nodes. The model's
//! time is that of this machine. All handles of a process are on the same Xen.
//!
//! Only the calls that this project makes are here, so that a program which needs another does not
//! start. With a feature those are here too that only other Xens have: XenServer 9's, whose being
//! there is how a program learns of them, or claim sets, which it must be built for.

mod abi;
mod call;
mod frames;
mod host;
mod memory;
mod pointers;
#[cfg(any(feature = "v5", feature = "v7"))]
mod sets;
mod world;
#[cfg(feature = "xs9")]
mod xs9;
