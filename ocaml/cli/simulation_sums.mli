(** What runs with several seeds come to, one toolstack's. *)

open Xenopsd_numa
open Xenopsd_numa_model

type t = {
    runs: int
  ; starts: int
  ; failed_starts: int
  ; on_one_node: int
  ; remote_pages: int
  ; overclaimed_page_seconds: int
  ; seconds_to_all_running: float  (** of all runs together *)
  ; found: (string * int) list
        (** what the hypervisor got wrong, how often, in the order of
            {!Simulation.findings} *)
  ; ended_badly: int
        (** runs after which the host is not what it was before *)
}

val none : t

val add : t -> Simulation.run -> t

val remote_per_start : t -> Size.t

val mean_seconds : t -> float
(** From the beginning of a phase to its last start, the longest of each run. *)

val to_json :
     scenario:string
  -> seeds:int list
  -> flavour:Model.flavour
  -> (Simulation.toolstack * t) list
  -> Yojson.Safe.t
