(** Why a VM does not fit; see {!Xenopsd_numa.Refusal}. *)

include module type of struct
  include Raw.Refusal
end

val reasons : Raw.Named.t list

val of_the_host : t -> bool

val pp : Format.formatter -> t -> unit
