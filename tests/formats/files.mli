(** Temporary files and directories, for what is too large or too odd to be kept
    as data. *)

val with_directory : (string -> 'a) -> 'a
(** [with_directory f] is [f] of a new directory, removed afterwards. *)

val write : string -> string -> unit
(** [write path text] makes a file, and the directories above it. *)

val read : string -> string

val lines : string -> string list
(** Of a file, without the empty ones. *)

val with_file : string -> (string -> 'a) -> 'a
(** [with_file text f] is [f] of the path of a file that contains [text]. *)

val sparse : string -> int -> unit
(** [sparse path bytes] makes a file of zeros that takes no room. *)

val replace : before:string -> after:string -> string -> string
(** [replace ~before ~after text] replaces the first [before], which must be
    there. *)

val contains : string -> string -> bool
(** [contains text part]. *)
