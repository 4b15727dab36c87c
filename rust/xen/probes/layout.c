/*
 * What rust/xen passes to libxenctrl, as conditions in Rust that hold where bindgen saw this header:
 * a line each, in the text that the compiler makes for an assembler.
 */
#include <stddef.h>
#include <xenctrl.h>

#define EMIT(rust, number) __asm__ volatile("\n@" rust " == %c0" : : "i"((long)(number)))
#define SIZE(type) EMIT("size_of::<xc::" #type ">()", sizeof(type))
#define AT(type, member) EMIT("offset_of!(xc::" #type ", " #member ")", offsetof(type, member))
#define IS(constant) EMIT("xc::" #constant, constant)

typedef struct xen_domctl_createdomain xen_domctl_createdomain;

void layout(void)
{
    IS(XEN_DOMCTL_INTERFACE_VERSION);
    IS(XEN_SYSCTL_INTERFACE_VERSION);

    SIZE(xc_physinfo_t);
    AT(xc_physinfo_t, free_pages);
    AT(xc_physinfo_t, outstanding_pages);
    AT(xc_physinfo_t, capabilities);
    IS(XEN_SYSCTL_PHYSCAP_pv);
    IS(XEN_SYSCTL_PHYSCAP_hvm);
    IS(XEN_SYSCTL_PHYSCAP_hap);

    SIZE(xc_meminfo_t);
    AT(xc_meminfo_t, memsize);
    AT(xc_meminfo_t, memfree);

    SIZE(xc_cputopo_t);
    AT(xc_cputopo_t, node);
    AT(xc_cputopo_t, core);
    AT(xc_cputopo_t, socket);

    SIZE(xc_domaininfo_t);
    AT(xc_domaininfo_t, domain);
    AT(xc_domaininfo_t, flags);
    AT(xc_domaininfo_t, tot_pages);
    AT(xc_domaininfo_t, outstanding_pages);
    AT(xc_domaininfo_t, max_pages);
    IS(XEN_DOMINF_dying);

    SIZE(xen_domctl_createdomain);
    AT(xen_domctl_createdomain, flags);
    AT(xen_domctl_createdomain, max_vcpus);
    AT(xen_domctl_createdomain, max_evtchn_port);
    AT(xen_domctl_createdomain, max_grant_frames);
    AT(xen_domctl_createdomain, max_maptrack_frames);
    AT(xen_domctl_createdomain, grant_opts);
    AT(xen_domctl_createdomain, arch.emulation_flags);
    IS(XEN_DOMCTL_CDF_hvm);
    IS(XEN_DOMCTL_CDF_hap);
    IS(XEN_X86_EMU_LAPIC);
    IS(XEN_X86_EMU_VPCI);
    IS(XEN_X86_EMU_ALL);

    SIZE(xentoollog_logger);
    AT(xentoollog_logger, vmessage);
    AT(xentoollog_logger, progress);
    AT(xentoollog_logger, destroy);

    IS(XEN_VCPUAFFINITY_HARD);
    IS(XEN_VCPUAFFINITY_SOFT);
    IS(XENMEMF_exact_node_request);

#ifdef HAS_NUMA_MEMINFO
    SIZE(xen_sysctl_node_meminfo_t);
    AT(xen_sysctl_node_meminfo_t, size);
    AT(xen_sysctl_node_meminfo_t, free);
    AT(xen_sysctl_node_meminfo_t, claimed);
#endif
#ifdef HAS_CLAIM_SET_V5
    SIZE(memory_claim_t);
    AT(memory_claim_t, pages);
    AT(memory_claim_t, target);
    AT(memory_claim_t, pad);
#endif
#ifdef HAS_CLAIM_SET_V7
    SIZE(xen_memory_claim_t);
    AT(xen_memory_claim_t, pages);
    AT(xen_memory_claim_t, target);
    AT(xen_memory_claim_t, cmd);
#endif
}
