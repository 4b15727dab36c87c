#include_next <xenctrl.h>

#ifndef XEN_DOMCTL_claim_memory
#define XEN_DOMCTL_claim_memory 91
#define XEN_DOMCTL_CLAIM_MEMORY_HOST 0x80000000U
#define XEN_DOMCTL_CLAIM_MEMORY_SET 0U
#define XEN_DOMCTL_CLAIM_MEMORY_GET 1U

typedef struct xen_memory_claim {
    uint64_t pages;
    uint32_t target;
    uint32_t cmd;
} xen_memory_claim_t;

int xc_domain_claim_memory(xc_interface *xch, uint32_t domid, uint32_t mode,
                           uint32_t *nr_entries, xen_memory_claim_t *claim_set);
#endif
