(** Why a VM does not fit; see {!Xenopsd_numa.Refusal}. *)

type reason = Raw.reason_value =
  | Memory
  | Cpus
  | Cores
  | Reachability
  | Mask
  | Single_node
  | Host_memory

type t = {
    reason: reason
  ; short_by_bytes: int
  ; short_by_cpus: int
  ; short_by_cores: int
  ; nearest: int list
}

val of_raw : Raw.refusal_value -> t

val reasons : (string * reason) list

val shortfall : t -> string
(** Its figures: [1.20 GiB, 2 CPUs]; the empty string if nothing is short. *)

val pp : Format.formatter -> t -> unit
