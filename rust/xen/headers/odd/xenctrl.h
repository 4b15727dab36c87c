#include_next <xenctrl.h>

#ifndef XEN_SYSCTL_numa_meminfo
#define XEN_SYSCTL_numa_meminfo 1000

typedef struct xen_sysctl_node_meminfo {
    uint32_t size;
    uint32_t free;
    uint32_t claimed;
} xen_sysctl_node_meminfo_t;

int xc_numa_meminfo(xc_interface *xch, unsigned int *max_nodes,
                    xen_sysctl_node_meminfo_t *meminfo);

#define XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES 0

int xc_domain_numa_get_node_pages(xc_interface *xch, uint32_t domid,
                                  uint64_t *tot_pages_per_node);

#define XEN_DOMCTL_claim_memory 91
#define XEN_DOMCTL_CLAIM_MEMORY_HOST 0x80000000U
#define XEN_DOMCTL_CLAIM_MEMORY_SET 0U

typedef struct xen_memory_claim {
    uint32_t target;
    uint32_t cmd;
    uint64_t pages;
} xen_memory_claim_t;

int xc_domain_claim_memory(xc_interface *xch, uint32_t domid, uint32_t mode,
                           uint32_t *nr_entries, xen_memory_claim_t *claim_set);
#endif
