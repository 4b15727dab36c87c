(** The Xen that the command runs on, in this program or in another one. *)

open Xenopsd_numa

type t =
  | Linked of {
        connect: unit -> (Hypervisor.t, string) result
      ; declared: (string * bool) list
    }
      (** this program talks to it, and the error says why it cannot; which
          optional calls its library declares *)
  | Elsewhere of string array
      (** another program does; these are the arguments that it would get *)

val is_dom0 : unit -> bool
(** Whether this is a Xen's control domain. *)

val hand_over : t -> unit
(** Becomes the program that has a live host, with its arguments, if this one
    has none and that one is on the path. Returns if not; what is there but
    cannot be executed, or is this program again, is reported. *)

val unreachable : string -> Status.t
(** Reports why the live host cannot be talked to. *)

val run : t -> (Claims.t -> (Status.t, Failure.t) result) -> Status.t
(** [run live f] is [f] of the live host. Becomes the other program if this one
    has none, or says which package has it. *)
