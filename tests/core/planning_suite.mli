(** Hosts, requests, plans, refusals, explanations. *)

val suite : string * unit Alcotest.test_case list
