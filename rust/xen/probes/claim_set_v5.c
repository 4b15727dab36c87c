#include <stddef.h>
#include <xenctrl.h>
#if !defined(XEN_DOMCTL_claim_memory) || defined(XEN_DOMCTL_CLAIM_MEMORY_SET)
#error "not declared"
#endif
#ifdef SHAPE
typedef int call(xc_interface *, uint32_t, uint32_t, memory_claim_t *);
_Static_assert(__builtin_types_compatible_p(__typeof__(xc_domain_claim_memory), call), "call");
_Static_assert(XEN_DOMCTL_CLAIM_MEMORY_GLOBAL == 0x80000000U, "host");
_Static_assert(sizeof(memory_claim_t) == 16, "size");
_Static_assert(offsetof(memory_claim_t, pages) == 0, "pages");
_Static_assert(offsetof(memory_claim_t, target) == 8, "target");
_Static_assert(offsetof(memory_claim_t, pad) == 12, "pad");
#endif
