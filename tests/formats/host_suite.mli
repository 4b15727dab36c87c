open Xenopsd_numa

val read : string -> Host.t
(** Fails the test if the file is refused. *)

val same : Host.t -> Host.t -> bool

val suite : string * unit Alcotest.test_case list
