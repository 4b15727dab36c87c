(** Modelled hosts that the suites share. *)

open Xenopsd_numa
open Xenopsd_numa_model

val flavour : string -> Model.flavour
(** The one of that name, or a failed test. *)

val on : Model.flavour -> Model.t * Claims.t
(** Two empty nodes of 64 GiB, and the protocol on them. *)

val domain : Model.t -> Size.t -> int
(** A new domain of 2 vCPUs. *)

val boot_storm : Simulation.scenario
