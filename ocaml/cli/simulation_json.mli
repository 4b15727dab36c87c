(** Runs of scenarios in JSON. See [docs/formats.md]. *)

open Xenopsd_numa_model

type traced = {run: Simulation.run; trace: Simulation.choice array option}
(** A run, and the minimal trace of its failure if one was looked for. *)

val run : traced list -> Yojson.Safe.t
(** [run traced] is one object: the runs of one toolstack, one of each variant,
    taken together and one by one. *)

val comparison : traced list list -> Yojson.Safe.t
(** One object with a list of those: the runs of several toolstacks. *)
