(** The file with the switches, read once: a pipe has nothing to say twice. *)

open Xenopsd_numa

type t = private {
    config: Config.t
  ; file: string option  (** what it is called; [None]: there is none *)
  ; lines: (string * int) list  (** the switches that it sets, and where *)
  ; slips: (int * string) list  (** lines that look as if they set a switch *)
}

val none : t
(** No file: the defaults. *)

val read : string -> (t, Status.t) result
(** [read path] is the file, [-] for standard input. What is wrong with it is
    reported. *)

val warn : t -> bool
(** Warns of the slips; whether there are any. *)

val origin : t -> string -> string
(** Where the value of a switch comes from. *)
