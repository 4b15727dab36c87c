(** Requests in JSON.

    {v
    {"name": "vm1", "memory_bytes": …, "overhead_bytes": …, "vcpus": …,
     "cores": …, "policy": "best_effort", "strategy": "balance",
     "allowed_cpus": […], "allowed_nodes": […]}
    v}

    [memory_bytes] and [vcpus] are required, the others may be left out, and
    there are no others. *)

open Xenopsd_numa

val of_json : path:string -> Yojson.Safe.t -> (Request.t, error) result
(** [of_json ~path json] is a request; [path] is what the paths of errors begin
    with, such as [requests[1]]. *)
