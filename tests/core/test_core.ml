(* The typed module from the outside. *)

let () =
  Alcotest.run "xenopsd-numa"
    [
      Planning_suite.suite
    ; Explanation_suite.suite
    ; Switches_suite.suite
    ; Protocol_suite.suite
    ; Simulation_suite.suite
    ; Runtime_suite.suite
    ]
