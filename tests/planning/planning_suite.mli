(** Hosts, requests, plans, refusals, batches. *)

val suite : string * unit Alcotest.test_case list
