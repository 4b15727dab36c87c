(** Plans, refusals and explanations in JSON.

    {v
    {"name": "vm1", "nodes": [0], "pages_per_node": {"0": 16384},
     "cpus": "0-7,16", "max_distance": 10, "average_distance": 10.000000,
     "optimal": true, "gap": 0.000000, "refused": null, "explanation": []}
    v}

    A refused request has no nodes, pages and CPUs, null distances, and
    [refused] is [{"reason": "memory", "short_by_bytes": …, "short_by_cpus": …,
    "short_by_cores": …}]. What {!Xenopsd_numa.Refusal.reasons} lists are the
    reasons.

    [explanation] is empty unless asked for. Each entry is a node by itself that
    was not taken, or a kind of closer or smaller set of nodes that did not do,
    nearest first:
    [{"max_distance": …, "size": …, "nodes": […], "reason": …,
    "short_by_bytes": …, "short_by_cpus": …, "short_by_cores": …, "text": …}],
    where [size] is null for sets of any size and [nodes] is the set that came
    nearest. The last ones say how the plan was chosen and what is next best:
    their [reason] and [max_distance] are null.

    Only where an explanation is asked for there is [reasons], too, which is
    what {!Xenopsd_numa.Explanation.t} has beside the answer:

    {v
    {"rejected": [{"max_distance": 10, "size": null, "nodes": [0],
                   "reason": "memory", "short_by_bytes": 4096,
                   "short_by_cpus": 0, "short_by_cores": 0}],
     "alone": [{"node": 1, "short": {"reason": "memory", …}, "behind": null}],
     "compared": 1, "steps": 3, "strategy": "balance",
     "weighed": {"room_bytes": …, "emptiest_bytes": …, "used_share": 0.625000,
                 "ended_holes": null},
     "runner_up": {"nodes": [0, 2], …, "behind": "average", "weighed": {…}}}
    v}

    [runner_up] has what a plan has, from [nodes] to [gap];
    {!Xenopsd_numa.Explanation.behinds} are the values of [behind]. *)

open Xenopsd_numa

val v :
     ?explanation:Explanation.t
  -> ?host:Host.t
  -> name:string
  -> answer
  -> Yojson.Safe.t
(** [v ~name answer] is the answer to the request called [name]. With [host] it
    has what {!left_out} shows too. *)

val left_out : Host.t -> (string * Yojson.Safe.t) list
(** What is said of the nodes that no plan uses, where there are some:
    {v
    "left_out_nodes": [{"node": 1, "reason": "no_distances", "text": "…"}]
    v} *)

(** What a plan for one VM left alone. *)
type left_alone = {
    overhead: Size.t  (** what the VM needs beside its memory *)
  ; reserve: Size.t  (** of the host *)
  ; node_reserve: Size.t  (** of each node *)
  ; claimed: Size.t  (** by domains, on the host *)
}

val single :
     ?explanation:Explanation.t
  -> starts:bool
  -> name:string
  -> left_alone
  -> Host.t
  -> answer
  -> Yojson.Safe.t
(** As {!v}, of what a placement would do: a request that is refused and
    [starts] all the same is [unplaced], with what [refused] has otherwise.
    [left_alone] is [{"overhead_bytes": …, "reserve_bytes": …,
    "node_reserve_bytes": …, "claimed_bytes": …,
    "claimed_bytes_per_node": {"0": …}}]. *)

val together : Xenopsd_numa.Batch.t -> (string * Yojson.Safe.t) list
(** What stands beside the answers of requests placed together:
    {v
    "order": [1, 0],
    "together": {"left_out": 0, "left_out_bytes": 0,
                 "average_distance": 10.000000, "on_several_nodes": 0,
                 "one_by_one": {"left_out": 1, …}, "orders_tried": 3,
                 "optimal": true, "complete": true}
    v}
    where [one_by_one] has the four figures of what the order of the requests
    comes to. *)
