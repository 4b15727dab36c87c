(** What [simulate] prints for people, as lines. *)

open Xenopsd_numa

val name_of : (string * 'a) list -> 'a -> string

val wrong : Simulation.run -> string
(** What the hypervisor got wrong, how often, and how it ended if that is wrong
    too; empty if nothing was. *)

val one : Simulation.run list -> string list
(** The starts of one toolstack, and what they come to. *)

val all : Simulation.run list -> string list
(** A line a run. *)

val replay : Simulation.run -> Simulation.choice list -> string list
(** [replay run choices] tells how to see that failure again. *)

val scenarios : unit -> string list
(** Those that are built in. *)
