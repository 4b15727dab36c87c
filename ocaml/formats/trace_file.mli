(** Traces of runs: [[[event, actor], …]]. *)

open Xenopsd_numa

val read : string -> (Simulation.choice list, Error.t) result
(** [read path]; [-] is standard input. *)

val to_json : Simulation.choice list -> Yojson.Safe.t
