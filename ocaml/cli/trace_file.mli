(** Traces of runs: [[[event, actor], …]]. *)

open Xenopsd_numa_formats
open Xenopsd_numa_model

val read : string -> (Simulation.choice array, Error.t) result
(** [read path]; [-] is standard input. *)

val to_json : Simulation.choice array -> Yojson.Safe.t
