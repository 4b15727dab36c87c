(** The options of [simulate]. *)

open Xenopsd_numa
open Xenopsd_numa_model
open Cmdliner

type toolstacks = One of Simulation.toolstack | All

type settings = {
    seed: int option
  ; seeds: int list option
  ; flavour: Model.flavour
  ; variants: Simulation.variant list
  ; strategy: Request.strategy option
  ; toolstacks: toolstacks
  ; schedule: Simulation.schedule
  ; json: bool
  ; drawing: string option
}

val settings : settings Term.t

val scenario : string option Term.t

val list : bool Term.t

val trace : string option Term.t
