(** Scenarios: by name, from text, played by every toolstack on every flavour. *)

val suite : string * unit Alcotest.test_case list
