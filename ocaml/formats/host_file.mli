(** Hosts from whatever file or directory a user has. *)

open Xenopsd_numa

val read : string -> (Host.t, Error.t) result
(** [read path] is the host at [path]: a directory is read as {!Sysfs} does, a
    text that begins with a brace as {!Host_json} does, any other as {!Xl_info}
    does. [-] is standard input. *)

val read_regular : string -> (Host.t, Error.t) result
(** The same of a directory or a regular file only. *)
