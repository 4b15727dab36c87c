(** Hosts from Linux's [/sys], or from a copy of it.

    The directory is [/sys] itself, or one that has a [sys] in it. Read are,
    under [devices/system]:
    - [node/online], and of each node [distance], [cpulist] (or, where it has
      none, [cpumap]) and [meminfo] ([MemTotal] and [MemFree]);
    - of each CPU [online], [topology/core_id], [topology/physical_package_id]
      and [topology/thread_siblings_list]. A CPU that lacks the first two, or
      whose [online] is 0, is an unknown one. Where all others have their
      siblings, these make the cores.

    A CPU in the lists of several nodes is on the one that its own directory
    links to, [cpu3/node1]; without a link the lists are an error. A node
    without distances is {!Xenopsd_numa.Host.left_out}, if it is not the only
    one. Nodes whose number is missing between others are offline nodes. Linux
    knows of no claims; under Xen it sees one domain, not the host: use
    [xl info -n] there. A kernel without NUMA has no [node] directory, which is
    an error: it gives no memory by node. *)

open Xenopsd_numa

val read : string -> (Host.t, Error.t) result
(** [read directory] is the host in [directory]. Errors name the file below it.
*)
