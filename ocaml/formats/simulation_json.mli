(** Runs of scenarios in JSON. See [docs/formats.md]. *)

open Xenopsd_numa

val run : Simulation.run list -> Yojson.Safe.t
(** [run runs] is one object: the [runs] of one toolstack, one of each variant,
    taken together and one by one. *)

val comparison : Simulation.run list list -> Yojson.Safe.t
(** One object with a list of those: the runs of several toolstacks. *)
