(** Runs of scenarios in JSON. See [docs/formats.md]. *)

open Xenopsd_numa_model

type played = {run: Simulation.run; trace: Simulation.choice array option}
(** A run, and the minimal trace of its failure if one was looked for. *)

val run : played list -> Yojson.Safe.t
(** [run played] is one object: the runs of one toolstack, one of each variant,
    taken together and one by one. *)

val comparison : played list list -> Yojson.Safe.t
(** One object with a list of those: the runs of several toolstacks. *)
