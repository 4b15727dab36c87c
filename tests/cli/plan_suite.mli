val check_code : string -> int -> Run.result -> unit

val json_of : string -> int -> Run.result -> Yojson.Safe.t
(** [json_of what code result] is the one line of output, if it ended so. *)

val suite : string * unit Alcotest.test_case list
