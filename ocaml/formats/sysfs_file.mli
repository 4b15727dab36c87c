(** The files of Linux's [/sys], and of copies of it that people keep.

    Blanks and NULs at the end of a file are passed over: some kernels end a
    value with one. Only regular files are opened: a pipe in a copy would be
    waited for. *)

val text : string -> (string, Error.t) result

val optional_text : string -> (string option, Error.t) result
(** [None] if there is no such file, which says that its value is unknown. *)

val ids : string -> (int list, Error.t) result
(** Of a list such as [0-7,16], ascending; none if the file is blank. *)

val bits : string -> (int list, Error.t) result
(** The positions of the bits that are set in a mask, ascending: words of up to
    8 hexadecimal digits, the highest first, with commas between them. *)

val number : string -> (int option, Error.t) result
(** A decimal number, or [-1]; [None] if there is no such file. *)

val row : string -> (int list option, Error.t) result
(** Distances with blanks between them; [None] if there is no such file, or
    nothing in it. *)

val memory :
  string -> string list -> string -> (Xenopsd_numa.Size.t, Error.t) result
(** [memory file lines key] is the size in the line
    [Node 0 MemFree:  16052388 kB], where [key] is [MemFree]. *)

val numbered : string -> string -> (int list, Error.t) result
(** [numbered directory prefix] is the N of the directories [prefixN] in
    [directory], ascending. *)

val is_directory : string -> bool
