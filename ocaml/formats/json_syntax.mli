(** JSON as RFC 8259 has it, of bounded depth and size.

    Yojson reads more than JSON (comments, bare keys, tuples, variants, NaN),
    and recurses as deep as its input says. A scan of the tokens in front of it
    leaves it only what is JSON. *)

val max_depth : int
(** Brackets in brackets that are read: 64. *)

val max_values : int
(** Values of one text that are read: 4 Mi. *)

type fault = {line: int; found: string; expected: string}

val parse : string -> (Yojson.Safe.t, fault) result
(** [parse text] is the one value in [text], whose strings are UTF-8. Duplicate
    keys are left in; see {!Json_field.fields}. *)

val string : string -> Yojson.Safe.t
(** [string text] is [text] as JSON; what is not UTF-8 in it becomes U+FFFD. *)

val is_utf8 : string -> bool
