(** Reads whole files, pipes and standard input, up to a limit. *)

val max_bytes : int
(** What no file, and no line of a batch, may exceed: 64 MiB. *)

val standard_input : string
(** [-], the path of standard input. *)

val name : string -> string
(** [name path] is what messages call [path]. *)

val open_ : string -> (Unix.file_descr, Error.t) result
(** [open_ path] is [path] opened to be read from. Directories, missing files
    and the like are errors. *)

val read : ?max_bytes:int -> string -> (string, Error.t) result
(** [read path] is what [path] contains. A file that is larger than [max_bytes]
    is refused by its size; a pipe or a device after that many bytes. *)

val read_regular : ?max_bytes:int -> string -> (string, Error.t) result
(** [read_regular path] is {!read}, of a regular file only: a path that somebody
    else chose may be that of a pipe, on which opening it would wait. *)

val read_some : Unix.file_descr -> bytes -> (int, string) result
(** [read_some fd buffer] is how many bytes were read into [buffer], 0 at the
    end; an error is the system's text. *)
