//! The functions as a C program calls them. All tests share the Xen of this process.

use std::ffi::{c_int, c_uint};
use std::ptr::null_mut;

use xenctrl_sys as xc;
use xenopsd_numa_fake_libxenctrl as _;

/// A handle, closed when it is not needed any more.
struct Handle(*mut xc::xc_interface);

impl Handle {
    fn open() -> Self {
        // SAFETY: loggers may be null.
        let handle = unsafe { xc::xc_interface_open(null_mut(), null_mut(), 0) };
        assert!(!handle.is_null());
        Handle(handle)
    }

    fn create(&self, flags: u32) -> u32 {
        let mut config = xc::xen_domctl_createdomain {
            flags,
            max_vcpus: 1,
            ..Default::default()
        };
        let mut domid = 0;
        // SAFETY: both can be written to.
        let status = unsafe { xc::xc_domain_create(self.0, &mut domid, &mut config) };
        assert_eq!(status, 0);
        domid
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it was opened, and this is its last use.
        unsafe { xc::xc_interface_close(self.0) };
    }
}

/// -1, and the errno.
fn refused(status: c_int) -> Option<i32> {
    match status {
        -1 => std::io::Error::last_os_error().raw_os_error(),
        _ => None,
    }
}

#[test]
fn tables_are_filled_or_their_size_is_returned() {
    let handle = Handle::open();
    let mut nodes: c_uint = 0;
    // SAFETY: there may be no tables.
    let status = unsafe { xc::xc_numainfo(handle.0, &mut nodes, null_mut(), null_mut()) };
    assert_eq!((status, nodes), (0, 2));
    let mut memory = [xc::xc_meminfo_t::default(); 3];
    let mut distances = [0; 9];
    let mut info = |mut room: c_uint| {
        let memory = memory.as_mut_ptr();
        // SAFETY: there is at least so much room.
        let status =
            unsafe { xc::xc_numainfo(handle.0, &mut room, memory, distances.as_mut_ptr()) };
        (refused(status), room)
    };
    assert_eq!(info(1), (Some(libc::ENOBUFS), 1));
    assert_eq!(info(3), (None, 2));
    assert_eq!(memory[1].memsize, 8 << 30);
    assert_eq!(distances, [10, 21, 21, 10, 0, 0, 0, 0, 0]);
    let mut cpus: c_uint = 4;
    let mut cputopo = [xc::xc_cputopo_t::default(); 4];
    // SAFETY: there is room for four.
    let status = unsafe { xc::xc_cputopoinfo(handle.0, &mut cpus, cputopo.as_mut_ptr()) };
    assert_eq!((status, cpus), (0, 4));
    assert_eq!(cputopo.map(|cpu| cpu.node), [0, 0, 1, 1]);
}

#[test]
fn claims_are_seen_by_every_handle() {
    let (handle, other) = (Handle::open(), Handle::open());
    let domid = handle.create(xc::XEN_DOMCTL_CDF_hvm | xc::XEN_DOMCTL_CDF_hap);
    let mut info = xc::xc_domaininfo_t::default();
    // SAFETY: the handles are open, and there is room for one domain.
    unsafe {
        assert_eq!(
            refused(xc::xc_domain_claim_pages(handle.0, domid, 1)),
            Some(libc::EINVAL)
        );
        assert_eq!(xc::xc_domain_setmaxmem(handle.0, domid, 4000), 0);
        assert_eq!(xc::xc_domain_claim_pages(handle.0, domid, 1000), 0);
        assert_eq!(xc::xc_domain_getinfolist(other.0, domid, 1, &mut info), 1);
    }
    assert_eq!(
        (u32::from(info.domain), info.outstanding_pages),
        (domid, 1000)
    );
    assert_eq!(
        info.flags & xc::XEN_DOMINF_hvm_guest,
        xc::XEN_DOMINF_hvm_guest
    );
    // SAFETY: the handle is open, and without a table of domains nothing is written.
    unsafe {
        assert_eq!(xc::xc_domain_destroy(other.0, domid), 0);
        assert_eq!(
            refused(xc::xc_domain_destroy(other.0, domid)),
            Some(libc::ESRCH)
        );
        let nowhere = xc::xc_domain_getinfolist(other.0, 0, 1, null_mut());
        assert_eq!(refused(nowhere), Some(libc::EFAULT));
    }
}

#[test]
fn what_is_not_there_has_its_errno() {
    let handle = Handle::open();
    let (mut bitmap, nobody) = ([0xff; 8], 0x7fee);
    let map = bitmap.as_mut_ptr();
    let mut bytes = 0;
    // SAFETY: the handle is open or null, and the bitmap is larger than any that is needed.
    unsafe {
        let status = xc::xc_domain_node_getaffinity(handle.0, nobody, map);
        assert_eq!(refused(status), Some(libc::ESRCH));
        let status = xc::xc_domain_node_setaffinity(handle.0, nobody, map);
        assert_eq!(refused(status), Some(libc::ESRCH));
        let soft = xc::XEN_VCPUAFFINITY_SOFT;
        let status = xc::xc_vcpu_setaffinity(handle.0, nobody, 0, map, map, soft);
        assert_eq!(refused(status), Some(libc::ESRCH));
        assert_eq!(
            refused(xc::xc_vcpu_setaffinity(handle.0, 0, 0, map, map, 0)),
            Some(libc::EINVAL)
        );
        assert_eq!(
            refused(xc::xc_physinfo(null_mut(), null_mut())),
            Some(libc::EBADF)
        );
        assert_eq!(
            refused(xc::xc_physinfo(handle.0, null_mut())),
            Some(libc::EFAULT)
        );
        let version = xc::xc_version(handle.0, xc::XENVER_version as c_int, null_mut());
        assert_eq!(version, 4 << 16 | 17);
        assert_eq!(xc::xc_availheap(handle.0, 0, 0, -1, &mut bytes), 0);
    }
    assert!(bytes > 15 << 30);
}
