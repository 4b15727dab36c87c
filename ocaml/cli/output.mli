(** What the command prints, and what happens if it cannot.

    Nothing is left in [Stdlib]'s channels, so that a reader who goes away
    early, or a full disk, is met here and not in [at_exit]. *)

exception Closed
(** The reader of standard output is gone. *)

exception Unwritable of string
(** Standard output cannot be written to; the system's text. *)

val print : string -> unit
(** [print text] is buffered; the exceptions come when the buffer is full or
    flushed. *)

val print_lines : string list -> unit

val flush : unit -> unit

val formatter : Format.formatter
(** Prints as {!print} does. *)

val err_formatter : Format.formatter
(** Standard error. Never raises: an error of it could go nowhere. *)

val table : string list list -> string list
(** [table rows] is the lines of a table: columns two blanks apart, as wide as
    their widest cell, the first row the heads. A cell is shown as
    {!Xenopsd_numa_formats.Shown.name} says. *)

val progress : string -> unit
(** [progress text] takes the place of the one before, if standard error is a
    terminal; the empty text leaves nothing. *)
