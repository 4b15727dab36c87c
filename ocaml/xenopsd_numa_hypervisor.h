/*
 * A hypervisor as xenopsd-numa sees it: a table of C functions.
 *
 * A toolstack that has its own bindings to Xen fills in one of these and gives
 * its address to Xenopsd_numa.Hypervisor.of_table. The table is read once; what
 * `context` and the functions refer to must live as long as the process.
 *
 * Conventions
 * - Each function returns 0, or a positive errno of Linux (Xen's have the same
 *   numbers) and then changes nothing. Any other or inconsistent answer is taken
 *   for EIO.
 * - Functions are called from any thread, several at once, with OCaml's runtime
 *   lock held or not: they must not call into OCaml, raise, or longjmp.
 * - Pages have 4 KiB. Every count of pages is below 2^50.
 * - Nodes are numbered from 0 to 63, CPUs from 0 to 16383, domains from 0 to
 *   0x7fef, as Xen numbers them.
 * - A count that is passed by address is the size of the array when the function
 *   is called, and the number of entries written when it returns. If not all
 *   entries fit: ENOBUFS (domains: as many as fit).
 */

#ifndef XENOPSD_NUMA_HYPERVISOR_H
#define XENOPSD_NUMA_HYPERVISOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XENOPSD_NUMA_ABI_VERSION 2

/* An unreachable distance; an unknown node, core or socket. */
#define XENOPSD_NUMA_NONE UINT32_MAX

/* The node set that returns a domain's node affinity to Xen. */
#define XENOPSD_NUMA_AUTOMATIC UINT64_MAX

#define XENOPSD_NUMA_AFFINITY_SOFT 0
#define XENOPSD_NUMA_AFFINITY_HARD 1

/* Capabilities. With this one pages leave a claim in the same step in which they
 * leave the free memory; without it, when they are assigned to the domain (Xen
 * 4.17, 4.18). */
#define XENOPSD_NUMA_AT_ALLOCATION 1
/* Claims on single nodes bind all allocations, those of pools and of Xen itself
 * included. */
#define XENOPSD_NUMA_NODE_CLAIMS_BIND_ALL 2

/* A CPU; each member may be XENOPSD_NUMA_NONE. Cores and sockets are opaque. */
struct xenopsd_numa_cpu {
    uint32_t node;
    uint32_t core;
    uint32_t socket;
};

/* The memory of a node. */
struct xenopsd_numa_node {
    uint64_t size_pages;    /* its span, holes included */
    uint64_t free_pages;    /* claimed ones included */
    uint64_t claimed_pages; /* by claims on this very node; 0 if not known */
    uint32_t online;        /* 1, or 0: the other members then mean nothing */
    uint32_t reserved;      /* 0 */
};

/* The memory of the host. */
struct xenopsd_numa_host {
    uint64_t free_pages;        /* claimed ones included */
    uint64_t outstanding_pages; /* by claims of any kind */
};

/* A domain. */
struct xenopsd_numa_domain {
    uint64_t tot_pages;
    uint64_t outstanding_pages; /* claimed and not yet taken */
    uint64_t max_pages;         /* more than 2^50: unlimited */
    uint32_t domid;
    uint32_t dying;             /* 1: dead, waiting for its last pages; or 0 */
};

/* Pages of a node. */
struct xenopsd_numa_node_pages {
    uint64_t pages;
    uint32_t node;
    uint32_t reserved; /* 0 */
};

struct xenopsd_numa_hypervisor {
    uint32_t abi_version; /* XENOPSD_NUMA_ABI_VERSION */
    uint32_t size;        /* sizeof(struct xenopsd_numa_hypervisor) */
    void *context;        /* the first argument of every function */

    /* Nodes, distances and CPUs (xc_numainfo, xc_cputopoinfo). With n nodes
     * written, the distance from a to b is distances[a * n + b]; the array has
     * *node_count squared entries. A distance is 10 from an online node to
     * itself and at least 10 elsewhere. It is XENOPSD_NUMA_NONE, or 255 and more,
     * where b cannot be reached, and always from and to an offline node, itself
     * included. */
    int (*topology)(void *context, uint32_t *node_count, uint32_t *distances,
                    uint32_t *cpu_count, struct xenopsd_numa_cpu *cpus);

    /* Memory of the nodes and of the host at one instant (xc_numainfo,
     * xc_physinfo). */
    int (*memory)(void *context, uint32_t *node_count,
                  struct xenopsd_numa_node *nodes,
                  struct xenopsd_numa_host *host);

    /* The domains from number `first` on, ascending, the control domain
     * included (xc_domain_getinfolist). Fewer than the array could hold means
     * that there are no more. */
    int (*domains)(void *context, uint32_t first, uint32_t *count,
                   struct xenopsd_numa_domain *domains);

    /* A domain's node affinity, one bit a node (xc_domain_node_getaffinity). */
    int (*node_affinity)(void *context, uint32_t domid, uint64_t *nodes);

    /* Sets it, or returns it to Xen (xc_domain_node_setaffinity). */
    int (*set_node_affinity)(void *context, uint32_t domid, uint64_t nodes);

    /* Sets the soft or hard affinity of a vCPU, and leaves the other kind alone
     * (xc_vcpu_setaffinity). CPU c is bit c % 64 of cpus[c / 64]. */
    int (*set_vcpu_affinity)(void *context, uint32_t domid, uint32_t vcpu,
                             uint32_t affinity, uint32_t word_count,
                             const uint64_t *cpus);

    /* Claims memory anywhere on the host, so that the domain can grow to
     * `pages` in all; 0 cancels what is left of a claim of any kind
     * (xc_domain_claim_pages). */
    int (*claim_host)(void *context, uint32_t domid, uint64_t pages);

    /* The capabilities of the hypervisor: XENOPSD_NUMA_AT_ALLOCATION and others,
     * or-ed. Called once. Unknown: an error, or no bit. */
    int (*capabilities)(void *context, uint64_t *capabilities);

    /* The functions from here on may be missing: `size` then ends before them, or
     * they are NULL. What needs a missing function is not tried. A function that
     * is there may answer ENOSYS where the hypervisor has no such call. */

    /* Claims memory of one node as claim_host does (xc_domain_claim_pages_node).
     * ENOENT where the node is not online. */
    int (*claim_node)(void *context, uint32_t domid, uint32_t node,
                      uint64_t pages);

    /* Claims memory of several nodes at once, all or nothing, beside what the
     * domain has; releases what it has claimed before, and does no more if
     * `count` is 0 (xc_domain_claim_memory). Claims of a set bind all
     * allocations, those of pools and of Xen itself included. */
    int (*claim_set)(void *context, uint32_t domid, uint32_t count,
                     const struct xenopsd_numa_node_pages *set);

    /* A domain's pages of memory on each node, from node 0 on
     * (xc_domain_numa_get_node_pages). */
    int (*pages_by_node)(void *context, uint32_t domid, uint32_t *node_count,
                         uint64_t *pages);

    /* The clock of a hypervisor that has its own, such as a modelled one in
     * virtual time: the nanoseconds since some fixed instant, and a sleep. Without
     * both functions the machine's clock is used. */
    int (*now)(void *context, uint64_t *nanoseconds);
    int (*sleep)(void *context, uint64_t nanoseconds);
};

#ifdef __cplusplus
}
#endif

#endif
