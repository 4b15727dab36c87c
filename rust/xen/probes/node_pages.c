#include <xenctrl.h>
#ifndef XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES
#error "not declared"
#endif
#ifdef SHAPE
typedef int call(xc_interface *, uint32_t, uint32_t *, uint64_t *);
_Static_assert(__builtin_types_compatible_p(__typeof__(xc_domain_numa_get_node_pages), call),
               "call");
#endif
