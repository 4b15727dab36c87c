(** What [simulate] prints for people, as lines. *)

open Xenopsd_numa_model

val name_of : (string * 'a) list -> 'a -> string

val wrong_in_xen : Simulation.run -> string
(** What the hypervisor got wrong, whatever the toolstack, and how often; empty
    if nothing. *)

val badly_ended : Simulation.run -> string
(** What is wrong with the host at the end; empty if nothing is. *)

val sums :
     scenario:string
  -> flavour:Model.flavour
  -> seeds:int list
  -> (Simulation.toolstack * Simulation_sums.t) list
  -> string list
(** A line a toolstack. *)

val one : Simulation.run list -> string list
(** The starts of one toolstack, and what they come to. *)

val all : Simulation.run list -> string list
(** A line a run. *)

val how_to_repeat : Simulation.run -> Simulation.choice array -> string list
(** [how_to_repeat run choices] is how to see that failure again. *)

val scenarios : unit -> string list
(** Those that are built in. *)
