(** Memory over time: of the host, and of each node. *)

open Xenopsd_numa_model

val patterns : Svg.t
(** To be drawn once, before anything. *)

val legend : (string * string) list
(** Fills, and what they mean. *)

val draw :
     Timeline.frame
  -> y0:float
  -> until:float
  -> Simulation.timeline
  -> Svg.t * float
(** From [y0] down; and where the last panel ends. [until] is when the run
    ended. Of the host what is claimed on no node is drawn over what is. What is
    claimed beyond what is free is drawn above the line of the memory that there
    is. *)
