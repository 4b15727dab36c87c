(** Scenarios: by name, from text, run by every toolstack on every flavour. *)

val suite : string * unit Alcotest.test_case list
