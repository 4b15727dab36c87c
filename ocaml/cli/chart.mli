(** Draws runs of a scenario: over time, used, claimed and free memory of the
    host and of each node, what each VM's toolstack was at, and the phases. *)

open Xenopsd_numa_model

val svg : about:string -> Simulation.run list -> string
(** [svg ~about runs] is one drawing, a part for each of [runs] that has a
    timeline, one under the other, on one scale of time. [about] says what the
    scenario is. *)
