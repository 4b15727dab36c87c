(** Hosts from Linux's [/sys], or from a copy of it.

    The directory is [/sys] itself, or one that has a [sys] in it. Read are,
    under [devices/system]:
    - [node/online], and of each node [distance], [cpulist] and [meminfo]
      ([MemTotal] and [MemFree]);
    - of each CPU [online], [topology/core_id] and
      [topology/physical_package_id]. A CPU that lacks them, or whose [online]
      is 0, is an unknown one.

    Nodes whose number is missing between others are offline nodes. Linux knows
    of no claims; under Xen it sees one domain, not the host: use [xl info -n]
    there. A kernel without NUMA has no [node] directory, which is an error:
    there is no memory to be told by node. *)

open Xenopsd_numa

val read : string -> (Host.t, Error.t) result
(** [read directory] is the host in [directory]. Errors name the file below it.
*)
