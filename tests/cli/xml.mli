(** As much of XML as checks that a drawing is well-formed. *)

val check : string -> (string list, string) result
(** [check text] is its texts and titles, in order, without marks; or what is
    wrong with it: tags that do not match, attributes that are no pairs or come
    twice, a character that XML has not got. *)
