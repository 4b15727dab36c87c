#include_next <xenctrl.h>

#ifndef XEN_SYSCTL_numa_meminfo
#define XEN_SYSCTL_numa_meminfo 1000

typedef struct xen_sysctl_node_meminfo {
    uint64_t size;
    uint64_t free;
    uint64_t claimed;
} xen_sysctl_node_meminfo_t;

int xc_numa_meminfo(xc_interface *xch, unsigned int *max_nodes,
                    xen_sysctl_node_meminfo_t *meminfo);
#endif

#ifndef XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES
#define XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES 0

int xc_domain_numa_get_node_pages(xc_interface *xch, uint32_t domid,
                                  uint32_t *nr_nodes,
                                  uint64_t *tot_pages_per_node);

int xc_domain_claim_pages_node(xc_interface *xch, uint32_t domid,
                               unsigned int node, unsigned long nr_pages);
#endif
