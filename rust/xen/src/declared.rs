//! Calls that only some of libxenctrl's headers declare, and so only some builds have: what
//! `build.rs` found declared as it is used here. A build without a call answers ENOSYS, as a
//! hypervisor without it does.

use claims::{CallError, Domid, Errno, NodePages};
use planner::NodeMemory;

use crate::handle::Handle;

/// The calls that are looked for in `xenctrl.h`, and whether this build has each.
pub const DECLARED: [(&str, bool); 3] = [
    ("xc_numa_meminfo", cfg!(xenctrl_numa_meminfo)),
    ("xc_domain_numa_get_node_pages", NODE_PAGES),
    ("xc_domain_claim_memory", CLAIM_SETS),
];

/// Whether this build can ask for a domain's pages on each node.
pub(crate) const NODE_PAGES: bool = cfg!(xenctrl_node_pages);

/// Whether it can claim sets.
pub(crate) const CLAIM_SETS: bool = cfg!(any(xenctrl_claim_set_v5, xenctrl_claim_set_v7));

/// Size, free and claimed pages of each node, offline ones included; `None` where Xen has no such
/// call, or the kernel does not let it through.
#[cfg(xenctrl_numa_meminfo)]
pub(crate) fn node_memory(handle: &Handle) -> Result<Option<Vec<NodeMemory>>, CallError> {
    use crate::handle::check;
    use planner::{pages_down, pages_up, MAX_NODES};
    use xenctrl_sys as xc;

    const CALL: &str = "xc_numa_meminfo";
    let mut nodes = vec![xc::xen_sysctl_node_meminfo_t::default(); MAX_NODES];
    let mut count = 0;
    // SAFETY: without an array only the number of nodes is answered.
    let status = unsafe { xc::xc_numa_meminfo(handle.get(), &mut count, std::ptr::null_mut()) };
    match check(CALL, status) {
        Ok(_) => (),
        Err(error)
            if matches!(
                error.errno,
                Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    let most = MAX_NODES as std::ffi::c_uint;
    if count > most {
        return refused(CALL, Errno::E2BIG);
    }
    // SAFETY: there is room for as many nodes as it said.
    let status = unsafe { xc::xc_numa_meminfo(handle.get(), &mut count, nodes.as_mut_ptr()) };
    check(CALL, status)?;
    nodes.truncate(count.min(most) as usize);
    let memory = |node: &xc::xen_sysctl_node_meminfo_t| NodeMemory {
        size_pages: pages_down(node.size),
        free_pages: pages_down(node.free),
        claimed_pages: pages_up(node.claimed),
        ..NodeMemory::default()
    };
    Ok(Some(nodes.iter().map(memory).collect()))
}

/// The same in a build without it.
#[cfg(not(xenctrl_numa_meminfo))]
pub(crate) fn node_memory(_: &Handle) -> Result<Option<Vec<NodeMemory>>, CallError> {
    Ok(None)
}

/// The domain's pages on each node.
#[cfg(xenctrl_node_pages)]
pub(crate) fn pages_by_node(handle: &Handle, domid: Domid) -> Result<Vec<u64>, CallError> {
    use crate::handle::check;
    use planner::MAX_NODES;
    use xenctrl_sys as xc;

    const CALL: &str = "xc_domain_numa_get_node_pages";
    let mut pages = vec![0; MAX_NODES];
    let mut count = MAX_NODES as u32;
    // SAFETY: there is room for `count` nodes.
    let status = unsafe {
        xc::xc_domain_numa_get_node_pages(
            handle.get(),
            domid.0.into(),
            &mut count,
            pages.as_mut_ptr(),
        )
    };
    check(CALL, status)?;
    pages.truncate(count as usize);
    Ok(pages)
}

/// The same in a build without it.
#[cfg(not(xenctrl_node_pages))]
pub(crate) fn pages_by_node(_: &Handle, _: Domid) -> Result<Vec<u64>, CallError> {
    refused("xc_domain_numa_get_node_pages", Errno::ENOSYS)
}

/// Claims a set of nodes' pages, in place of what is claimed. Nothing of the host releases, for an
/// empty set is an error.
#[cfg(xenctrl_claim_set_v5)]
pub(crate) fn claim_set(handle: &Handle, domid: Domid, set: &[NodePages]) -> Result<(), CallError> {
    use crate::handle::check;
    use xenctrl_sys as xc;

    let mut entries = entries(set, xc::XEN_DOMCTL_CLAIM_MEMORY_GLOBAL, |pages, target| {
        xc::memory_claim_t {
            pages,
            target,
            pad: 0,
        }
    })?;
    // SAFETY: there are as many entries as are passed.
    let status = unsafe {
        xc::xc_domain_claim_memory(
            handle.get(),
            domid.0.into(),
            entries.len() as u32,
            entries.as_mut_ptr(),
        )
    };
    check("xc_domain_claim_memory", status).map(drop)
}

/// The same as later headers have it.
#[cfg(xenctrl_claim_set_v7)]
pub(crate) fn claim_set(handle: &Handle, domid: Domid, set: &[NodePages]) -> Result<(), CallError> {
    use crate::handle::check;
    use xenctrl_sys as xc;

    let mut entries = entries(set, xc::XEN_DOMCTL_CLAIM_MEMORY_HOST, |pages, target| {
        xc::xen_memory_claim_t {
            pages,
            target,
            cmd: 0,
        }
    })?;
    let mut count = entries.len() as u32;
    // SAFETY: there are as many entries as are passed.
    let status = unsafe {
        xc::xc_domain_claim_memory(
            handle.get(),
            domid.0.into(),
            xc::XEN_DOMCTL_CLAIM_MEMORY_SET,
            &mut count,
            entries.as_mut_ptr(),
        )
    };
    check("xc_domain_claim_memory", status).map(drop)
}

/// The same in a build without it.
#[cfg(not(any(xenctrl_claim_set_v5, xenctrl_claim_set_v7)))]
pub(crate) fn claim_set(_: &Handle, _: Domid, _: &[NodePages]) -> Result<(), CallError> {
    refused("xc_domain_claim_memory", Errno::ENOSYS)
}

/// The entries of a set, or that nothing of `host` is claimed.
#[cfg(any(xenctrl_claim_set_v5, xenctrl_claim_set_v7))]
fn entries<E>(
    set: &[NodePages],
    host: u32,
    entry: impl Fn(u64, u32) -> E,
) -> Result<Vec<E>, CallError> {
    if set.is_empty() {
        return Ok(vec![entry(0, host)]);
    }
    (set.iter())
        .map(|share| match u32::try_from(share.node) {
            Ok(node) if share.node < planner::MAX_NODES => Ok(entry(share.pages, node)),
            Ok(_) | Err(_) => refused("xc_domain_claim_memory", Errno::ENOENT),
        })
        .collect()
}

fn refused<T>(call: &'static str, errno: Errno) -> Result<T, CallError> {
    Err(CallError { call, errno })
}

#[cfg(test)]
mod layout {
    /// What `build.rs` had the C compiler say of the header, bindgen says too.
    #[test]
    #[cfg(xenctrl_numa_meminfo)]
    fn of_numa_meminfo() {
        let node = xenctrl_sys::xen_sysctl_node_meminfo_t::default();
        let (size, free, claimed): (u64, u64, u64) = (node.size, node.free, node.claimed);
        assert_eq!((size, free, claimed), (0, 0, 0));
        assert_eq!(size_of_val(&node) % 8, 0);
    }

    #[test]
    #[cfg(xenctrl_node_pages)]
    fn of_node_pages() {
        // SAFETY: not called, only compared.
        type Call = unsafe extern "C" fn(
            *mut xenctrl_sys::xc_interface,
            u32,
            *mut u32,
            *mut u64,
        ) -> std::ffi::c_int;
        let _: Call = xenctrl_sys::xc_domain_numa_get_node_pages;
    }

    #[test]
    #[cfg(xenctrl_claim_set_v5)]
    fn of_claim_sets() {
        use std::mem::offset_of;
        use xenctrl_sys::memory_claim_t as Entry;
        assert_eq!(size_of::<Entry>(), 16);
        let offsets = [
            offset_of!(Entry, pages),
            offset_of!(Entry, target),
            offset_of!(Entry, pad),
        ];
        assert_eq!(offsets, [0, 8, 12]);
    }

    #[test]
    #[cfg(xenctrl_claim_set_v7)]
    fn of_claim_sets() {
        use std::mem::offset_of;
        use xenctrl_sys::xen_memory_claim_t as Entry;
        assert_eq!(size_of::<Entry>(), 16);
        let offsets = [
            offset_of!(Entry, pages),
            offset_of!(Entry, target),
            offset_of!(Entry, cmd),
        ];
        assert_eq!(offsets, [0, 8, 12]);
    }

    /// A build says of itself what it has.
    #[test]
    fn declares_what_it_has() {
        let has = |name| {
            super::DECLARED
                .iter()
                .any(|(call, has)| *call == name && *has)
        };
        assert_eq!(has("xc_numa_meminfo"), cfg!(xenctrl_numa_meminfo));
        assert!(!has("xc_domain_claim_pages_node"));
    }
}
