(* The protocol on modelled Xens, and simulations of it. *)

let () =
  Alcotest.run "model"
    [Protocol_suite.suite; Simulation_suite.suite; Runtime_suite.suite; Field_suite.suite]
