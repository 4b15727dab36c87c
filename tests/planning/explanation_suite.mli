(** Why answers are what they are, as data and in words. *)

val suite : string * unit Alcotest.test_case list
