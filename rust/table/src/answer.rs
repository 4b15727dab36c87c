//! What a table's functions answer, checked.

use std::ffi::c_int;

use claims::{CallError, DomainInfo, Domid, Errno};
use planner::NodeMemory;

use crate::abi::{XenopsdNumaDomain, XenopsdNumaNode, FIRST_RESERVED_DOMID, MAX_PAGES, NONE};

/// What an answer that cannot be true is taken for.
const NONSENSE: Errno = Errno::EIO;

/// What a function returned, as a result.
pub(crate) fn check(call: &'static str, status: c_int) -> Result<(), CallError> {
    match status {
        0 => Ok(()),
        1..=4095 => Err(CallError {
            call,
            errno: Errno(status),
        }),
        _ => nonsense(call),
    }
}

/// The error for an answer that cannot be true.
pub(crate) fn nonsense<T>(call: &'static str) -> Result<T, CallError> {
    Err(CallError {
        call,
        errno: NONSENSE,
    })
}

/// As many entries as the function says it wrote, if there was room for them.
pub(crate) fn written<'v, T>(
    call: &'static str,
    entries: &'v [T],
    count: u32,
) -> Result<&'v [T], CallError> {
    match entries.get(..count as usize) {
        Some(written) => Ok(written),
        None => nonsense(call),
    }
}

/// Pages, if a host can have so many.
pub(crate) fn counted(call: &'static str, pages: u64) -> Result<u64, CallError> {
    match pages {
        0..=MAX_PAGES => Ok(pages),
        _ => nonsense(call),
    }
}

/// A number, if it is not [`NONE`].
pub(crate) fn known(number: u32) -> Option<u32> {
    (number != NONE).then_some(number)
}

/// The memory of a node, `None` if it is offline.
pub(crate) fn node_memory(
    call: &'static str,
    node: &XenopsdNumaNode,
) -> Result<Option<NodeMemory>, CallError> {
    match node.online {
        0 => Ok(None),
        1 => Ok(Some(NodeMemory {
            size_pages: counted(call, node.size_pages)?,
            free_pages: counted(call, node.free_pages)?,
            claimed_pages: counted(call, node.claimed_pages)?,
            committed_pages: 0,
            reserved_pages: 0,
        })),
        _ => nonsense(call),
    }
}

/// A domain.
pub(crate) fn domain_info(
    call: &'static str,
    domain: &XenopsdNumaDomain,
) -> Result<DomainInfo, CallError> {
    let domid = match u16::try_from(domain.domid) {
        Ok(domid) if domid < FIRST_RESERVED_DOMID => Domid(domid),
        Ok(_) | Err(_) => return nonsense(call),
    };
    let dying = match domain.dying {
        0 => false,
        1 => true,
        _ => return nonsense(call),
    };
    Ok(DomainInfo {
        domid,
        dying,
        tot_pages: counted(call, domain.tot_pages)?,
        outstanding_pages: counted(call, domain.outstanding_pages)?,
        max_pages: domain.max_pages.min(MAX_PAGES),
    })
}
