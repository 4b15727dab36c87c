//! What a toolstack does to a domain around its placement, as far as tests of the protocol on a
//! running Xen need it. Nothing of it is behind the table of functions.

use std::ffi::{c_int, c_uint, c_ulong};

use claims::{CallError, Domid, Errno};
use planner::PAGE_BYTES;
use xenctrl_sys as xc;

use crate::handle::check;
use crate::xen::Xen;

/// How a domain is virtualised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DomainKind {
    /// Paravirtualised.
    Pv,
    /// In hardware, without emulated devices.
    Pvh,
    /// In hardware, with devices that a device model emulates.
    Hvm,
}

/// From where an extent may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum From {
    /// From the domain's node affinity as long as it has some, then from anywhere.
    Anywhere,
    /// From this node as long as it has some, then from anywhere.
    Preferably(usize),
    /// From this node only.
    Exactly(usize),
}

impl From {
    fn flags(self) -> c_uint {
        // Xen numbers nodes from 1 here, so that 0 is none.
        let node = |node: usize| (node as c_uint + 1) << 8;
        match self {
            From::Anywhere => 0,
            From::Preferably(number) => node(number),
            From::Exactly(number) => node(number) | xc::XENMEMF_exact_node_request,
        }
    }
}

/// Kinds of domains that a host can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// PV domains.
    pub pv: bool,
    /// PVH and HVM domains.
    pub hvm: bool,
}

impl Xen {
    /// The kinds of domains that this host can have.
    pub fn capabilities(&self) -> Result<Capabilities, CallError> {
        let has = xc::XEN_SYSCTL_PHYSCAP_hvm | xc::XEN_SYSCTL_PHYSCAP_hap;
        let capabilities = self.physinfo()?.capabilities;
        Ok(Capabilities {
            pv: capabilities & xc::XEN_SYSCTL_PHYSCAP_pv != 0,
            hvm: capabilities & has == has,
        })
    }

    /// The version of the hypervisor: major and minor number.
    pub fn version(&self) -> Result<(u32, u32), CallError> {
        // SAFETY: the handle is open, and this version command takes no argument.
        let version = unsafe {
            xc::xc_version(
                self.handle().get(),
                xc::XENVER_version as c_int,
                std::ptr::null_mut(),
            )
        };
        let version = check("xc_version", version)? as u32;
        Ok((version >> 16, version & 0xffff))
    }

    /// A new domain, paused, with the vCPUs that it may have and no memory.
    pub fn create_domain(&self, kind: DomainKind, vcpus: u32) -> Result<Domid, CallError> {
        let (flags, emulated) = match kind {
            DomainKind::Pv => (0, 0),
            DomainKind::Pvh => (
                xc::XEN_DOMCTL_CDF_hvm | xc::XEN_DOMCTL_CDF_hap,
                xc::XEN_X86_EMU_LAPIC,
            ),
            DomainKind::Hvm => (
                xc::XEN_DOMCTL_CDF_hvm | xc::XEN_DOMCTL_CDF_hap,
                xc::XEN_X86_EMU_ALL & !xc::XEN_X86_EMU_VPCI,
            ),
        };
        let mut config = xc::xen_domctl_createdomain {
            flags,
            max_vcpus: vcpus,
            max_evtchn_port: 1023,
            max_grant_frames: -1,
            max_maptrack_frames: -1,
            grant_opts: 1,
            ..Default::default()
        };
        config.arch.emulation_flags = emulated;
        let mut domid = 0;
        // SAFETY: both can be written to.
        let status = unsafe { xc::xc_domain_create(self.handle().get(), &mut domid, &mut config) };
        check("xc_domain_create", status)?;
        u16::try_from(domid).map(Domid).map_err(|_| CallError {
            call: "xc_domain_create",
            errno: Errno::ERANGE,
        })
    }

    /// Sets how many pages the domain may have.
    pub fn set_max_pages(&self, domid: Domid, pages: u64) -> Result<(), CallError> {
        // SAFETY: the handle is open.
        let status = unsafe {
            xc::xc_domain_setmaxmem(
                self.handle().get(),
                domid.0.into(),
                pages * PAGE_BYTES / 1024,
            )
        };
        check("xc_domain_setmaxmem", status).map(drop)
    }

    /// Fills the domain's pool; PV domains have none.
    pub fn set_pool_pages(&self, domid: Domid, pages: u64) -> Result<(), CallError> {
        // SAFETY: the handle is open.
        let status = unsafe {
            xc::xc_set_paging_mempool_size(self.handle().get(), domid.0.into(), pages * PAGE_BYTES)
        };
        check("xc_set_paging_mempool_size", status).map(drop)
    }

    /// Creates the domain's vCPUs: as many as it may have.
    pub fn create_vcpus(&self, domid: Domid, vcpus: u32) -> Result<(), CallError> {
        // SAFETY: the handle is open.
        let status = unsafe { xc::xc_domain_max_vcpus(self.handle().get(), domid.0.into(), vcpus) };
        check("xc_domain_max_vcpus", status).map(drop)
    }

    /// Populates extents of 2^`order` pages at the guest frames in `frames`: how many, from the
    /// first on. A PV domain's are replaced by machine frames.
    pub fn populate(
        &self,
        domid: Domid,
        order: u32,
        from: From,
        frames: &mut [u64],
    ) -> Result<usize, CallError> {
        // SAFETY: there are as many frames as are passed.
        let done = unsafe {
            xc::xc_domain_populate_physmap(
                self.handle().get(),
                domid.0.into(),
                frames.len() as c_ulong,
                order,
                from.flags(),
                frames.as_mut_ptr(),
            )
        };
        check("xc_domain_populate_physmap", done).map(|done| done as usize)
    }

    /// Takes extents of 2^`order` pages from the domain, at guest frames, or machine frames of a
    /// PV domain: how many, from the first on.
    pub fn decrease(
        &self,
        domid: Domid,
        order: u32,
        frames: &mut [u64],
    ) -> Result<usize, CallError> {
        // SAFETY: there are as many frames as are passed.
        let done = unsafe {
            xc::xc_domain_decrease_reservation(
                self.handle().get(),
                domid.0.into(),
                frames.len() as c_ulong,
                order,
                frames.as_mut_ptr(),
            )
        };
        check("xc_domain_decrease_reservation", done).map(|done| done as usize)
    }

    /// Destroys the domain. Returns when most of its memory is given back, which takes time; the
    /// rest comes later.
    pub fn destroy(&self, domid: Domid) -> Result<(), CallError> {
        // SAFETY: the handle is open.
        let status = unsafe { xc::xc_domain_destroy(self.handle().get(), domid.0.into()) };
        check("xc_domain_destroy", status).map(drop)
    }

    /// Free pages of a node whose addresses have at least `min_width` bits, or any.
    pub fn heap_pages(&self, node: usize, min_width: Option<u32>) -> Result<u64, CallError> {
        let mut bytes = 0;
        let width = min_width.map_or(0, |width| width as c_int);
        // SAFETY: `bytes` can be written to.
        let status =
            unsafe { xc::xc_availheap(self.handle().get(), width, 0, node as c_int, &mut bytes) };
        check("xc_availheap", status)?;
        Ok(bytes / PAGE_BYTES)
    }
}
