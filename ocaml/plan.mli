(** Where a VM goes; see {!Xenopsd_numa.Plan}. *)

type t = Raw.Plan.t

val nodes : t -> int list

val pages_per_node : t -> (int * int) list

val cpus : t -> string

val max_distance : t -> int option

val average_distance : t -> float option

val optimal : t -> bool

val gap : t -> float option

val pp : Format.formatter -> t -> unit
