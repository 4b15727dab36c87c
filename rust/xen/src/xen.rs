//! The calls of the protocol, as libxenctrl has them.

use std::ffi::{c_int, c_uint, c_ulong, CStr};
use std::mem::transmute;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use claims::{
    Accounting, Affinity, Call, CallError, Capabilities, Claim, DomainInfo, Domid, Errno,
    Hypervisor,
};
use planner::{CpuSet, Memory, NodeSet, Topology, TopologyDescription, MAX_CPUS, MAX_NODES};
use xenctrl_sys as xc;

use crate::accounting;
use crate::declared;
use crate::handle::{check, last_error, Handle, OpenError};
use crate::numa::{known, NumaInfo, UNKNOWN};

/// The running Xen.
#[derive(Debug)]
pub struct Xen {
    handle: Handle,
}

/// Domains asked for at once.
const DOMAINS_AT_ONCE: usize = 256;

// SAFETY: libxenctrl keeps no pointer; the handle must be open.
type ClaimNode = unsafe extern "C" fn(*mut xc::xc_interface, u32, c_uint, c_ulong) -> c_int;

/// The address of what `name` is in this process, or null.
fn symbol(name: &CStr) -> *mut libc::c_void {
    // SAFETY: `name` is a C string, and the default handle is always valid.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// `xc_domain_claim_pages_node`, where the library in this process has it: only XenServer's has,
/// and its headers are not what this was compiled with.
fn claim_node_symbol() -> Option<ClaimNode> {
    static SYMBOL: OnceLock<Option<ClaimNode>> = OnceLock::new();
    *SYMBOL.get_or_init(|| {
        let symbol = symbol(c"xc_domain_claim_pages_node");
        // SAFETY: every libxenctrl that has the function has it with this signature. Null becomes
        // `None`.
        unsafe { transmute::<*mut libc::c_void, Option<ClaimNode>>(symbol) }
    })
}

fn error<T>(call: &'static str, errno: Errno) -> Result<T, CallError> {
    Err(CallError { call, errno })
}

impl Xen {
    /// The Xen that this process runs on, if it runs in its control domain.
    pub fn open() -> Result<Self, OpenError> {
        let xen = Xen {
            handle: Handle::open()?,
        };
        // A domain without privilege may have the device too.
        xen.physinfo().map_err(OpenError::of)?;
        // That was a sysctl. Domctls have a version of their own, which releases with the same
        // version of sysctls do not share; asked of the domain that every Xen starts with.
        match xen.node_affinity(Domid(0)) {
            Err(error) if error.errno != Errno::ESRCH => Err(OpenError::of(error)),
            Ok(_) | Err(_) => Ok(xen),
        }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn physinfo(&self) -> Result<xc::xc_physinfo_t, CallError> {
        let mut info = xc::xc_physinfo_t::default();
        // SAFETY: the handle is open, and `info` can be written to.
        let status = unsafe { xc::xc_physinfo(self.handle.get(), &mut info) };
        check("xc_physinfo", status)?;
        Ok(info)
    }

    fn numainfo(&self) -> Result<NumaInfo, CallError> {
        const CALL: &str = "xc_numainfo";
        let mut memory = vec![xc::xc_meminfo_t::default(); MAX_NODES];
        let mut distances = vec![UNKNOWN; MAX_NODES * MAX_NODES];
        let mut count = MAX_NODES as c_uint;
        // SAFETY: there is room for `count` nodes and its square of distances.
        let status = unsafe {
            xc::xc_numainfo(
                self.handle.get(),
                &mut count,
                memory.as_mut_ptr(),
                distances.as_mut_ptr(),
            )
        };
        check(CALL, status)?;
        let nodes = count as usize;
        if nodes > MAX_NODES {
            return error(CALL, Errno::E2BIG);
        }
        memory.truncate(nodes);
        distances.truncate(nodes * nodes);
        Ok(NumaInfo { memory, distances })
    }

    fn cputopoinfo(&self) -> Result<Vec<xc::xc_cputopo_t>, CallError> {
        const CALL: &str = "xc_cputopoinfo";
        let mut cpus = vec![xc::xc_cputopo_t::default(); MAX_CPUS];
        let mut count = MAX_CPUS as c_uint;
        // SAFETY: there is room for `count` CPUs.
        let status =
            unsafe { xc::xc_cputopoinfo(self.handle.get(), &mut count, cpus.as_mut_ptr()) };
        check(CALL, status)?;
        if count as usize > MAX_CPUS {
            return error(CALL, Errno::E2BIG);
        }
        cpus.truncate(count as usize);
        Ok(cpus)
    }

    /// A bitmap as large as Xen's nodes need; libxenctrl copies as much, whatever it is given.
    fn node_bitmap(&self) -> Result<Vec<u8>, CallError> {
        const CALL: &str = "xc_get_nodemap_size";
        // SAFETY: the handle is open.
        let bytes = check(CALL, unsafe { xc::xc_get_nodemap_size(self.handle.get()) })?;
        match bytes {
            0 => Err(last_error(CALL)),
            _ => Ok(vec![0; bytes as usize]),
        }
    }

    /// The same for CPUs.
    fn cpu_bitmap(&self, cpus: &CpuSet) -> Result<Vec<u8>, CallError> {
        const CALL: &str = "xc_get_cpumap_size";
        // SAFETY: the handle is open.
        let bytes = check(CALL, unsafe { xc::xc_get_cpumap_size(self.handle.get()) })?;
        if bytes == 0 {
            return Err(last_error(CALL));
        }
        let mut bitmap = vec![0u8; bytes as usize];
        for cpu in cpus.iter() {
            match bitmap.get_mut(cpu / 8) {
                Some(byte) => *byte |= 1 << (cpu % 8),
                None => return error("xc_vcpu_setaffinity", Errno::EINVAL),
            }
        }
        Ok(bitmap)
    }

    fn domains_from(&self, first: u32) -> Result<Vec<DomainInfo>, CallError> {
        const CALL: &str = "xc_domain_getinfolist";
        let mut domains = vec![xc::xc_domaininfo_t::default(); DOMAINS_AT_ONCE];
        // SAFETY: there is room for as many domains as are asked for.
        let found = unsafe {
            xc::xc_domain_getinfolist(
                self.handle.get(),
                first,
                DOMAINS_AT_ONCE as c_uint,
                domains.as_mut_ptr(),
            )
        };
        domains.truncate(check(CALL, found)? as usize);
        let info = |domain: &xc::xc_domaininfo_t| DomainInfo {
            domid: Domid(domain.domain),
            dying: domain.flags & xc::XEN_DOMINF_dying != 0,
            tot_pages: domain.tot_pages,
            outstanding_pages: domain.outstanding_pages,
            max_pages: domain.max_pages,
        };
        Ok(domains.iter().map(info).collect())
    }
}

impl Hypervisor for Xen {
    fn topology(&self) -> Result<Topology, CallError> {
        let numa = self.numainfo()?;
        let cpus = self.cputopoinfo()?;
        let nodes = numa.memory.len();
        let description = TopologyDescription {
            distances: (0..nodes)
                .map(|from| (0..nodes).map(|to| numa.distance(from, to)).collect())
                .collect(),
            cpu_to_node: cpus.iter().map(|cpu| known(cpu.node)).collect(),
            cpu_to_core: cpus
                .iter()
                .map(|cpu| known(cpu.core).map(i64::from))
                .collect(),
            cpu_to_socket: cpus
                .iter()
                .map(|cpu| known(cpu.socket).map(i64::from))
                .collect(),
        };
        Topology::new(&description.repaired()).or_else(|_| error("xc_numainfo", Errno::EIO))
    }

    fn memory(&self) -> Result<Memory, CallError> {
        let host = self.physinfo()?;
        let numa = match self.numainfo() {
            Ok(numa) => numa,
            // What the host has is known all the same.
            Err(refused) if matches!(refused.errno, Errno::ENOSYS | Errno::EPERM) => NumaInfo {
                memory: Vec::new(),
                distances: Vec::new(),
            },
            Err(error) => return Err(error),
        };
        let reported = declared::node_memory(&self.handle)?;
        let node = |node: usize| match (&reported, numa.node(node)) {
            (Some(reported), Some(known)) => Some(reported.get(node).copied().unwrap_or(known)),
            (_, known) => known,
        };
        Ok(Memory {
            nodes: (0..numa.memory.len()).map(node).collect(),
            host_free_pages: host.free_pages,
            host_outstanding_pages: host.outstanding_pages,
            host_reserved_pages: 0,
        })
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, CallError> {
        let mut all: Vec<DomainInfo> = Vec::new();
        loop {
            let first = all.last().map_or(0, |domain| u32::from(domain.domid.0) + 1);
            let found = self.domains_from(first)?;
            let full = found.len() == DOMAINS_AT_ONCE;
            let ascending = found
                .iter()
                .all(|domain| u32::from(domain.domid.0) >= first);
            if !ascending {
                return error("xc_domain_getinfolist", Errno::EIO);
            }
            all.extend(found);
            if !full {
                return Ok(all);
            }
        }
    }

    fn node_affinity(&self, domid: Domid) -> Result<NodeSet, CallError> {
        let mut bitmap = self.node_bitmap()?;
        // SAFETY: the bitmap is as large as libxenctrl says.
        let status = unsafe {
            xc::xc_domain_node_getaffinity(
                self.handle.get(),
                u32::from(domid.0),
                bitmap.as_mut_ptr(),
            )
        };
        check("xc_domain_node_getaffinity", status)?;
        let has = |node: &usize| {
            bitmap
                .get(node / 8)
                .is_some_and(|byte| byte >> (node % 8) & 1 == 1)
        };
        Ok((0..MAX_NODES).filter(has).collect())
    }

    fn set_node_affinity(&self, domid: Domid, nodes: Option<NodeSet>) -> Result<(), CallError> {
        const CALL: &str = "xc_domain_node_setaffinity";
        let mut bitmap = self.node_bitmap()?;
        match nodes {
            // Every bit that Xen has: how it is asked to derive the nodes itself.
            None => bitmap.fill(u8::MAX),
            Some(nodes) => {
                for node in nodes.iter() {
                    match bitmap.get_mut(node / 8) {
                        Some(byte) => *byte |= 1 << (node % 8),
                        None => return error(CALL, Errno::EINVAL),
                    }
                }
            }
        }
        // SAFETY: the bitmap is as large as libxenctrl says.
        let status = unsafe {
            xc::xc_domain_node_setaffinity(
                self.handle.get(),
                u32::from(domid.0),
                bitmap.as_mut_ptr(),
            )
        };
        check(CALL, status).map(drop)
    }

    fn set_vcpu_affinity(
        &self,
        domid: Domid,
        vcpu: u32,
        affinity: Affinity,
        cpus: &CpuSet,
    ) -> Result<(), CallError> {
        const CALL: &str = "xc_vcpu_setaffinity";
        let Ok(vcpu) = c_int::try_from(vcpu) else {
            return error(CALL, Errno::EINVAL);
        };
        // Both are read and written, whichever the flag says.
        let mut hard = self.cpu_bitmap(cpus)?;
        let mut soft = hard.clone();
        let flag = match affinity {
            Affinity::Soft => xc::XEN_VCPUAFFINITY_SOFT,
            Affinity::Hard => xc::XEN_VCPUAFFINITY_HARD,
        };
        // SAFETY: the bitmaps are as large as libxenctrl says.
        let status = unsafe {
            xc::xc_vcpu_setaffinity(
                self.handle.get(),
                u32::from(domid.0),
                vcpu,
                hard.as_mut_ptr(),
                soft.as_mut_ptr(),
                flag,
            )
        };
        check(CALL, status).map(drop)
    }

    fn claim(&self, domid: Domid, claim: Claim<'_>) -> Result<(), CallError> {
        let call = Call::Claim { domid, claim }.name();
        let (handle, number) = (self.handle.get(), u32::from(domid.0));
        let status = match claim {
            Claim::Host { pages } => {
                // SAFETY: the handle is open.
                unsafe { xc::xc_domain_claim_pages(handle, number, pages as c_ulong) }
            }
            Claim::Node { node, .. } if node >= MAX_NODES => return error(call, Errno::ENOENT),
            Claim::Node { node, pages } => {
                let Some(claim) = claim_node_symbol() else {
                    return error(call, Errno::ENOSYS);
                };
                // SAFETY: the handle is open, and belongs to the library that has the function.
                unsafe { claim(handle, number, node as c_uint, pages as c_ulong) }
            }
            Claim::Set(set) => return declared::claim_set(&self.handle, domid, set),
        };
        check(call, status).map(drop)
    }

    fn pages_by_node(&self, domid: Domid) -> Result<Vec<u64>, CallError> {
        declared::pages_by_node(&self.handle, domid)
    }

    fn capabilities(&self) -> Capabilities {
        let version = self.version();
        Capabilities {
            accounting: version.map_or(Accounting::Late, accounting::of_version),
            // XenServer 9's, the only ones that a library of this process may have, do not.
            node_claims_bind_all: false,
            node_claims: claim_node_symbol().is_some(),
            claim_sets: declared::CLAIM_SETS,
            pages_by_node: declared::NODE_PAGES,
        }
    }

    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_process_is_found() {
        assert!(!symbol(c"xc_domain_claim_pages").is_null());
        assert!(symbol(c"xc_domain_claim_pages_of_no_xen").is_null());
    }
}
