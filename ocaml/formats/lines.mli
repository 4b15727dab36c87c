(** Lines of a file or pipe, one at a time, of bounded length. *)

type t

val of_fd : ?max_bytes:int -> Unix.file_descr -> t
(** [of_fd fd] reads lines of at most [max_bytes], {!Source.max_bytes} unless
    given. *)

type line =
  | Line of string  (** without its end; the last one may have none *)
  | Too_long  (** all of it is passed over *)
  | End
  | Unreadable of string  (** what the system says *)

val next : before_waiting:(unit -> unit) -> t -> line
(** [next ~before_waiting t] is the next line. [before_waiting] is called before
    each read of the file, which may wait for its other end. *)
