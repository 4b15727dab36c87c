(** Hosts from the text that [xl info -n] prints.

    Read are the tables [cpu_topology] and [numa_info], and of the lines before
    and after them [host], [nr_cpus], [nr_nodes], [free_memory] and
    [outstanding_claims]; others are passed over. Sizes are in MiB there,
    rounded down. xl prints free memory less outstanding claims, so that the
    host's free memory is the sum of the two; it says nothing of claims on
    single nodes.

    The text may be indented, and stand between the lines of a shell's prompt. A
    node without distances is {!Xenopsd_numa.Host.left_out}. [xm info -n] prints
    another format, and is refused as that.

    xl leaves out CPUs and nodes that are offline, and prints a core, socket,
    node or distance that Xen does not know as -1 (4294967295 in some versions).
    Nodes without a line are offline nodes here, CPUs without a line unknown
    ones. *)

open Xenopsd_numa

val of_string : file:string -> string -> (Host.t, Error.t) result
(** [of_string ~file text] is the host in [text], which came from [file]. *)
