#include <xenctrl.h>
#ifndef XEN_SYSCTL_numa_meminfo
#error "not declared"
#endif
#ifdef SHAPE
typedef int call(xc_interface *, unsigned int *, xen_sysctl_node_meminfo_t *);
_Static_assert(__builtin_types_compatible_p(__typeof__(xc_numa_meminfo), call), "call");
#define BYTES(member) \
    _Static_assert(sizeof(((xen_sysctl_node_meminfo_t *)0)->member) == 8, #member)
BYTES(size);
BYTES(free);
BYTES(claimed);
#endif
