//! The host of the boot storm, and how large its VMs are.

use claims::overhead_pages;
use fastrand::Rng;
use planner::{Host, HostDescription, Invalid, NodeDescription, TopologyDescription, PAGE_BYTES};

use super::Variant;

/// vCPUs of each VM.
pub(super) const VCPUS: u32 = 6;

/// VMs on the host.
pub(super) const VMS: usize = 3;

const NODES: u32 = 2;
const CPUS_PER_NODE: u32 = 24;
const THREADS_PER_CORE: u32 = 2;

/// 1 TiB in all.
const NODE_PAGES: u64 = 1 << 27;

/// What the control domain, its share of node 0, and Xen itself leave of each node.
const FREE_PAGES: [u64; NODES as usize] = [129_400_000, 134_150_000];

/// By how much that may be less.
const JITTER_PAGES: u64 = 50_000;

/// A host of two nodes and 1 TiB, of which about 263.5 million pages are free.
pub(super) fn host(rng: &mut Rng) -> Result<Host, Invalid> {
    let cpus = 0..NODES * CPUS_PER_NODE;
    let topology = TopologyDescription {
        distances: vec![vec![Some(10), Some(21)], vec![Some(21), Some(10)]],
        cpu_to_node: cpus.clone().map(|cpu| Some(cpu / CPUS_PER_NODE)).collect(),
        cpu_to_core: (cpus.clone())
            .map(|cpu| Some(i64::from(cpu / THREADS_PER_CORE)))
            .collect(),
        cpu_to_socket: cpus
            .map(|cpu| Some(i64::from(cpu / CPUS_PER_NODE)))
            .collect(),
    };
    let free_pages = FREE_PAGES.map(|pages| pages - rng.u64(0..JITTER_PAGES));
    Host::new(&HostDescription {
        topology,
        nodes: free_pages
            .iter()
            .map(|pages| NodeDescription {
                size_bytes: Some(NODE_PAGES * PAGE_BYTES),
                free_bytes: Some(pages * PAGE_BYTES),
                claimed_bytes: 0,
            })
            .collect(),
        host_free_bytes: free_pages.iter().sum::<u64>() * PAGE_BYTES,
        host_outstanding_bytes: 0,
    })
}

/// The memory of each VM, video hole included: the most that, with its overhead, is no more than
/// a third of `pages`.
pub(super) fn vm_pages(pages: u64, variant: Variant) -> u64 {
    let share = pages / VMS as u64;
    let fits = |memory: &u64| memory + overhead_pages(VCPUS, *memory) <= share;
    let (mut fit, mut too_large) = (0, share + 1);
    while too_large - fit > 1 {
        let middle = fit + (too_large - fit) / 2;
        match fits(&middle) {
            true => fit = middle,
            false => too_large = middle,
        }
    }
    match variant {
        Variant::Aligned => fit & !511,
        Variant::Unaligned if fit % 2 == 0 => fit.saturating_sub(1),
        Variant::Unaligned => fit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_vms_fill_the_host() {
        for variant in Variant::ALL {
            let pages = 263_500_000;
            let memory = vm_pages(pages, variant);
            let footprint = VMS as u64 * (memory + overhead_pages(VCPUS, memory));
            assert!(
                footprint <= pages && pages - footprint < 3 * 1024,
                "{footprint}"
            );
            assert_eq!(memory % 512 == 0, variant == Variant::Aligned);
        }
    }
}
