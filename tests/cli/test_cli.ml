(* The command from the outside: output, messages and exit codes. *)

let () =
  Alcotest.run "cli"
    [
      Plan_suite.suite
    ; Batch_suite.suite
    ; Bad_suite.suite
    ; Odd_hosts_suite.suite
    ; Process_suite.suite
    ; Doctor_suite.suite
    ; Simulate_suite.suite
    ; Output_suite.suite
    ]
