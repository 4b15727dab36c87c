//! The functions that every libxenctrl has.

use std::ffi::{c_int, c_uint, c_ulong, c_void};
use std::panic::catch_unwind;

use claims::{Affinity, Errno};
use planner::{CpuSet, NodeSet, MAX_NODES, PAGE_BYTES};
use xenctrl_sys as xc;

use crate::call::{domid, done, libxenctrl, refused, table, Handle};
use crate::pointers::{get, get_all, put, put_all};
use crate::world::World;

/// Bytes of a bitmap of nodes.
const NODE_BYTES: usize = MAX_NODES / 8;

// SAFETY: what comes from a caller is not used.
#[no_mangle]
pub unsafe extern "C" fn xc_interface_open(
    _logger: *mut xc::xentoollog_logger,
    _builder_logger: *mut xc::xentoollog_logger,
    _flags: c_uint,
) -> *mut xc::xc_interface {
    match catch_unwind(World::of_process) {
        Ok(Ok(_)) => Box::into_raw(Box::new(Handle::open())).cast(),
        Ok(Err(unusable)) => {
            // The caller's logger takes a C varargs list, and an errno does not say enough.
            eprintln!("{unusable}");
            refused(Errno::EINVAL);
            std::ptr::null_mut()
        }
        Err(_) => {
            refused(Errno::EIO);
            std::ptr::null_mut()
        }
    }
}

// SAFETY: as libxenctrl's: null or a handle that is not used any more.
#[no_mangle]
pub unsafe extern "C" fn xc_interface_close(xch: *mut xc::xc_interface) -> c_int {
    if !xch.is_null() {
        // SAFETY: it was opened by this library, and this is its last use.
        drop(unsafe { Box::from_raw(xch.cast::<Handle>()) });
    }
    0
}

/// The CPUs of a bitmap.
fn cpus(bitmap: &[u8]) -> CpuSet {
    let all = 0..bitmap.len() * 8;
    all.filter(|cpu| bitmap[cpu / 8] >> (cpu % 8) & 1 == 1)
        .collect()
}

libxenctrl! {
    fn xc_physinfo(world, info: *mut xc::xc_physinfo_t) {
        done(put(info, world.physinfo()?))
    }

    fn xc_numainfo(
        world, max_nodes: *mut c_uint, meminfo: *mut xc::xc_meminfo_t, distance: *mut u32
    ) {
        let nodes = world.nodes()?;
        if !distance.is_null() {
            if (get(max_nodes)? as usize) < nodes.len() {
                return Err(Errno::ENOBUFS);
            }
            put_all(distance, &world.distances()?)?;
        }
        done(table(max_nodes, meminfo, &nodes))
    }

    fn xc_cputopoinfo(world, max_cpus: *mut c_uint, cputopo: *mut xc::xc_cputopo_t) {
        done(table(max_cpus, cputopo, &world.cpus()))
    }

    fn xc_get_nodemap_size(_world) {
        Ok(NODE_BYTES as c_int)
    }

    fn xc_get_cpumap_size(world) {
        Ok(world.cpu_count().div_ceil(8) as c_int)
    }

    fn xc_domain_getinfolist(
        world, first_domain: u32, max_domains: c_uint, info: *mut xc::xc_domaininfo_t
    ) {
        let domains = world.domains(first_domain, max_domains as usize)?;
        put_all(info, &domains)?;
        Ok(domains.len() as c_int)
    }

    fn xc_domain_node_getaffinity(world, domind: u32, nodemap: xc::xc_nodemap_t) {
        let nodes = world.with(|state| state.xen.node_affinity(domid(domind)))?;
        done(put_all(nodemap, &nodes.bits().to_le_bytes()))
    }

    fn xc_domain_node_setaffinity(world, domind: u32, nodemap: xc::xc_nodemap_t) {
        let bytes = get::<[u8; NODE_BYTES]>(nodemap.cast())?;
        let nodes = NodeSet::from_bits(u64::from_le_bytes(bytes));
        done(world.set_node_affinity(domid(domind), nodes))
    }

    fn xc_vcpu_setaffinity(
        world, number: u32, vcpu: c_int, hard: xc::xc_cpumap_t, soft: xc::xc_cpumap_t, flags: u32
    ) {
        let vcpu = u32::try_from(vcpu).map_err(|_| Errno::EINVAL)?;
        let bytes = world.cpu_count().div_ceil(8);
        let both = [
            (xc::XEN_VCPUAFFINITY_HARD, Affinity::Hard, hard),
            (xc::XEN_VCPUAFFINITY_SOFT, Affinity::Soft, soft),
        ];
        let mut asked = Vec::new();
        for (_, affinity, from) in both.into_iter().filter(|(flag, ..)| flags & flag != 0) {
            asked.push((affinity, cpus(&get_all(from, bytes)?)));
        }
        match asked.is_empty() {
            true => Err(Errno::EINVAL),
            false => done(world.set_vcpu_affinity(domid(number), vcpu, &asked)),
        }
    }

    fn xc_domain_claim_pages(world, number: u32, pages: c_ulong) {
        done(world.with(|state| state.xen.claim_host(domid(number), pages)))
    }

    fn xc_domain_create(world, number: *mut u32, config: *mut xc::xen_domctl_createdomain) {
        // The model chooses the numbers.
        if get(number)? as u16 != 0 {
            return Err(Errno::EINVAL);
        }
        let config = get(config)?;
        let hvm = config.flags & xc::XEN_DOMCTL_CDF_hvm != 0;
        let created = world.create(hvm, config.max_vcpus)?;
        done(put(number, created.0.into()))
    }

    fn xc_domain_setmaxmem(world, number: u32, kib: u64) {
        done(world.set_max(domid(number), kib))
    }

    fn xc_set_paging_mempool_size(world, number: u32, bytes: u64) {
        done(world.set_pool(domid(number), bytes))
    }

    fn xc_domain_max_vcpus(world, number: u32, vcpus: c_uint) {
        done(world.create_vcpus(domid(number), vcpus))
    }

    fn xc_domain_populate_physmap(
        world, number: u32, extents: c_ulong, order: c_uint, flags: c_uint,
        frames: *mut xc::xen_pfn_t
    ) {
        let mut all = get_all(frames, extents as usize)?;
        let populated = world.populate(domid(number), order, flags, &mut all)?;
        put_all(frames, &all)?;
        Ok(populated as c_int)
    }

    fn xc_domain_decrease_reservation(
        world, number: u32, extents: c_ulong, order: c_uint, frames: *mut xc::xen_pfn_t
    ) {
        let all = get_all(frames, extents as usize)?;
        Ok(world.decrease(domid(number), order, &all)? as c_int)
    }

    fn xc_domain_destroy(world, number: u32) {
        done(world.destroy(domid(number)))
    }

    fn xc_availheap(world, min_width: c_int, max_width: c_int, node: c_int, bytes: *mut u64) {
        let node = usize::try_from(node).ok();
        let pages = world.heap_pages(node, min_width > 0, max_width > 0)?;
        done(put(bytes, pages * PAGE_BYTES))
    }

    fn xc_version(world, command: c_int, _argument: *mut c_void) {
        let (major, minor) = world.version()?;
        match command as u32 == xc::XENVER_version {
            true => Ok((major << 16 | minor) as c_int),
            false => Err(Errno::ENOSYS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An array has one type, so that this does not compile unless the headers have the same.
    #[test]
    fn every_function_is_as_the_headers_have_it() {
        macro_rules! same {
            ($($name:ident),+ $(,)?) => {
                $(let _ = [$name, xc::$name];)+
            };
        }
        same! {
            xc_interface_open, xc_interface_close, xc_physinfo, xc_numainfo, xc_cputopoinfo,
            xc_get_nodemap_size, xc_get_cpumap_size, xc_domain_getinfolist,
            xc_domain_node_getaffinity, xc_domain_node_setaffinity, xc_vcpu_setaffinity,
            xc_domain_claim_pages, xc_domain_create, xc_domain_setmaxmem,
            xc_set_paging_mempool_size, xc_domain_max_vcpus, xc_domain_populate_physmap,
            xc_domain_decrease_reservation, xc_domain_destroy, xc_availheap, xc_version,
        }
    }
}
