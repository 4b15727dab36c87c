(** Domains placed on the model, and a boot storm. *)

val suite : string * unit Alcotest.test_case list
