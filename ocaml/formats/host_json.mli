(** Host snapshots in JSON, format [xenopsd-numa-host/1].

    {v
    {"format": "xenopsd-numa-host/1", "name": "…", "source": "…",
     "distances": [[10,21],[21,10]],
     "cpu_to_node": [0,0,1,1], "cpu_to_core": […], "cpu_to_socket": […],
     "nodes": [{"size_bytes": …, "free_bytes": …, "claimed_bytes": …}, …],
     "host_free_bytes": …, "host_outstanding_bytes": …}
    v}

    All keys but [name] and [source] are required, each once, and there is no
    other. A distance is null where a node cannot be reached, a CPU's node, core
    or socket where it is offline or unknown. A node is offline if its
    [size_bytes] and [free_bytes] are null; its [claimed_bytes] is then 0 or
    null. *)

open Xenopsd_numa

val format : string

val of_json : path:string -> Yojson.Safe.t -> (Host.t, error) result
(** [of_json ~path json] is a host; [path] is what the paths of errors begin
    with, such as [host]. *)

val of_string : file:string -> string -> (Host.t, Error.t) result
(** [of_string ~file text] is the host in [text], which came from [file]. *)

val to_json : Host.t -> Yojson.Safe.t

val to_string : Host.t -> string
(** A row of the matrix and a node a line. {!of_string} reads it. *)
