(** Hosts, requests and checks that the suites share. *)

open Xenopsd_numa

val ok : (Format.formatter -> 'e -> unit) -> ('a, 'e) result -> 'a
(** The value, or a failed test that says the error. *)

val ok_host : ('a, error) result -> 'a

val ok_claims : ('a, Failure.t) result -> 'a

val two_nodes : ?free0:int -> ?free1:int -> unit -> Host.t
(** Two nodes of 64 GiB and 8 CPUs, with so many GiB free. *)

val request :
     ?overhead:Size.t
  -> ?policy:Request.policy
  -> ?strategy:Request.strategy
  -> ?allowed_cpus:int list
  -> ?allowed_nodes:int list
  -> ?vcpus:int
  -> Size.t
  -> Request.t

val answer : (answer, error) result -> Plan.t
(** The plan, or a failed test. *)

val refusal : (answer, error) result -> Refusal.t

val ints : int list Alcotest.testable

val case : string -> (unit -> unit) -> unit Alcotest.test_case
