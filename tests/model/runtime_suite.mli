(** Threads, the runtime lock, the garbage collector. *)

val suite : string * unit Alcotest.test_case list
