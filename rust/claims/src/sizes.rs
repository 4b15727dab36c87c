//! What a domain needs beside its memory, which no claim covers.

/// Pages in a MiB.
const MIB_PAGES: u64 = 256;

/// Pages that a vCPU takes from the Xen heap and beyond, with a margin.
const VCPU_PAGES: u64 = 300;

/// Pages that a vCPU was seen to take.
const MEASURED_VCPU_PAGES: u64 = 190;

/// Pages for ioreq, VMX and similar pages of an HVM domain: 2 MiB.
pub(crate) const EXTRA_PAGES: u64 = 2 * MIB_PAGES;

/// Pages of the HAP or shadow pool: 1 MiB a vCPU and 8 KiB for each MiB of memory, in whole MiB.
pub fn pool_pages(vcpus: u32, memory_pages: u64) -> u64 {
    let memory_mib = memory_pages.div_ceil(MIB_PAGES);
    (256 * u64::from(vcpus) + 2 * memory_mib).div_ceil(256) * MIB_PAGES
}

/// Pages that a domain needs beside its memory and that a host which has not got them cannot start
/// it with: its pool. It is what xenopsd asks of a host too, beside what the builder claims.
pub fn overhead_pages(vcpus: u32, memory_pages: u64) -> u64 {
    pool_pages(vcpus, memory_pages)
}

/// The least that vCPUs and structures take, which a host must have in its reserve at least: as was
/// measured, 1,120 pages for 6 vCPUs.
pub fn least_structure_pages(vcpus: u32) -> u64 {
    MEASURED_VCPU_PAGES * u64::from(vcpus) + EXTRA_PAGES
}

/// Pages of vCPUs and structures, for which a node with room is preferred. Toolstacks do not count
/// them when they make room for a domain, so that a host which was made ready has not got them.
pub fn structure_pages(vcpus: u32) -> u64 {
    VCPU_PAGES * u64::from(vcpus) + EXTRA_PAGES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_of_a_third_of_a_tebibyte() {
        // 340,388 MiB with 6 vCPUs have a pool of 2,666 MiB.
        assert_eq!(pool_pages(6, 340_388 * MIB_PAGES), 2666 * MIB_PAGES);
    }
}
