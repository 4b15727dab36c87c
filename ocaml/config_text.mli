(** The lines of a file of switches, such as xenopsd.conf: [key = value], the
    value quoted or not, and comments from [#] on. *)

type setting = {line: int; key: string; value: string}

val value : string -> string
(** [value text] is [text] without blanks around it and then without quotes, as
    the value of a line is taken. xenopsd takes quotes off itself, but not where
    a carriage return follows. *)

val parse : string -> (setting list, int) result
(** Every line that sets a key, in the order of the text. The error is the line
    of the first NUL byte: it is in no text that was read whole. *)

val slips : keys:string list -> string -> (int * string) list
(** The lines that look like a switch, one of [keys], and set none, by number,
    with what is wrong with each. Keys of others are skipped. *)
