(** What each VM's toolstack is at, over time. *)

open Xenopsd_numa_model

val legend : (string * string) list
(** Fills, and what they mean. *)

val draw :
     Timeline.frame
  -> y0:float
  -> until:float
  -> Simulation.timeline
  -> Svg.t * float
(** A lane a VM, from [y0] down; and where they end. *)
