(* Planning, from the outside of the typed module. *)

let () =
  Alcotest.run "planning"
    [Planning_suite.suite; Explanation_suite.suite; Switches_suite.suite]
