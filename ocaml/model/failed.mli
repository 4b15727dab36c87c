(** Failures of the Rust code as those of {!Xenopsd_numa}. *)

val of_raw : Raw.failure_value -> Xenopsd_numa.Failure.t

val invalid : Raw.invalid_value -> Xenopsd_numa.invalid

val protocol :
  ('a, Raw.failure_value) result -> ('a, Xenopsd_numa.Failure.t) result
