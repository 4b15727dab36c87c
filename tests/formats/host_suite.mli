open Xenopsd_numa

val read : string -> Host.t
(** Fails the test if the file is refused. *)

val same : Host.t -> Host.t -> bool

val suite : string * unit Alcotest.test_case list

val there_and_back : Xenopsd_numa.Host.t -> bool
(** Whether it is the same when it was printed and read. *)
