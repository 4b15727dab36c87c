(** What the field has seen go wrong, as expected failures. *)

val suite : string * unit Alcotest.test_case list
