(** Domains placed on the model. *)

val suite : string * unit Alcotest.test_case list
