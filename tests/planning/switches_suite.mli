(** Switches, and the form in which xenopsd takes them. *)

val suite : string * unit Alcotest.test_case list
