(** Amounts of memory; see {!Xenopsd_numa.Size}. *)

type t = private int

val max_bytes : int

val zero : t

val bytes : int -> (t, string) result

val of_int64 : int64 -> (t, string) result

val clamp : int -> t
(** [clamp n] is [n] bytes, or none if [n] is negative. *)

val kib : int -> t

val mib : int -> t

val gib : int -> t

val tib : int -> t

val pages : int -> t

val to_pages_up : t -> int

val of_string : string -> (t, string) result

val to_string : t -> string

val compare : t -> t -> int

val pp : Format.formatter -> t -> unit
