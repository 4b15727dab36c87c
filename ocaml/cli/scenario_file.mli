(** Scenarios by name or from files. *)

open Xenopsd_numa_formats
open Xenopsd_numa_model

val read : string -> (Simulation.scenario, Error.t) result
(** [read source] is the built-in scenario of that name; if there is none, the
    one in the file at the path [source], of which [-] is standard input. *)
