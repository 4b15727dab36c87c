(** UTF-8, as RFC 3629 has it. *)

val length_at : string -> int -> int
(** [length_at text at] is how many bytes the character has that begins there,
    or 0 if none does. *)

val is_valid : string -> bool

val characters : string -> string list
(** The characters of a text, and one by one the bytes that are part of none. *)
