(** Random hosts for qcheck, and its properties as cases of alcotest. *)

open Xenopsd_numa

val host : Host.t QCheck.arbitrary

val property :
     ?count:int
  -> string
  -> 'a QCheck.arbitrary
  -> ('a -> bool)
  -> unit Alcotest.test_case
(** Always from the same seed. *)
