(** Runs the command that was built, as a shell would. *)

type result = {code: int; out: string; err: string}
(** [code] is 128 and the signal's number if a signal ended it. *)

val command : ?path:string -> ?input:string -> string list -> result
(** [command arguments] runs it with [input], nothing unless given. [path] is
    where it finds other programs. *)

val start :
     ?path:string
  -> stdin:Unix.file_descr
  -> stdout:Unix.file_descr
  -> stderr:Unix.file_descr
  -> string list
  -> int
(** The process's number. *)

val wait : int -> int
(** Its code. *)

val quiet : result -> unit
(** Fails the test if there is a trace of an exception. *)

val executable : string
(** The command that was built. *)
