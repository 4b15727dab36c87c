(** Names and texts from files, as a line of a terminal or of a drawing may have
    them: without characters that would move its cursor, or turn what follows
    around. *)

val plain : string -> string
(** [plain text] is [text]; control characters, those that change the direction
    of writing, and bytes that are not UTF-8, are escaped as in OCaml. *)

val name : string -> string
(** [name text] is [text] if there is nothing to escape in it, else, and if it
    is empty, [plain text] in double quotes. *)
