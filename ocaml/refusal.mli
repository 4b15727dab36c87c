(** Why a VM does not fit; see {!Xenopsd_numa.Refusal}. *)

type t = {
    reason: Raw.named_value
  ; short_by_bytes: int
  ; short_by_cpus: int
  ; short_by_cores: int
  ; nearest: int list
}

val of_raw : Raw.refusal_value -> t

val to_raw : t -> Raw.refusal_value

val reasons : Raw.named_value list

val of_the_host : t -> bool

val pp : Format.formatter -> t -> unit
