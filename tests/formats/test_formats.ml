(* What the library reads and writes, from the outside. *)

let () =
  Alcotest.run "formats"
    [
      Syntax_suite.suite
    ; Explanation_suite.suite
    ; Host_suite.suite
    ; Other_hosts.suite
    ; Bad_inputs.suite
    ; Batch_suite.suite
    ]
