(* The three static libraries in one program; and what the hypercalls answer where
   there is no Xen, which is where tests run. *)

open Xenopsd_numa

let contains ~sub text =
  let n = String.length sub in
  let rec at i =
    i + n <= String.length text && (String.sub text i n = sub || at (i + 1))
  in
  at 0

(* What [f] writes to the standard error of the whole process, C included. *)
let stderr_of f =
  let path = Filename.temp_file "xenctrl" ".err" in
  let file = Unix.openfile path [Unix.O_RDWR; Unix.O_TRUNC] 0o600 in
  let saved = Unix.dup Unix.stderr in
  flush stderr ;
  Unix.dup2 file Unix.stderr ;
  let result = f () in
  flush stderr ;
  Unix.dup2 saved Unix.stderr ;
  Unix.close saved ;
  Unix.close file ;
  let channel = open_in_bin path in
  let text = really_input_string channel (in_channel_length channel) in
  close_in channel ;
  Sys.remove path ;
  (result, text)

let no_xen () =
  let result, text = stderr_of Xenopsd_numa_xenctrl.hypervisor in
  Alcotest.(check string) "nothing on standard error" "" text ;
  match result with
  | Ok _ ->
      Alcotest.fail "there is a Xen under this test"
  | Error why ->
      Alcotest.(check bool) why true (contains ~sub:"not a Xen dom0" why)

let again () =
  let ask () = Result.is_ok (Xenopsd_numa_xenctrl.hypervisor ()) in
  for _ = 1 to 100 do
    Alcotest.(check bool) "still none" false (ask ())
  done

let bad_tables () =
  let refused what address =
    match Hypervisor.of_table address with
    | Ok _ ->
        Alcotest.failf "%s was taken for a table" what
    | Error why ->
        Alcotest.(check bool) (what ^ ": " ^ why) true (why <> "")
  in
  refused "null" 0n ; refused "an odd address" 1n

(* The core works beside the other library. *)
let core () =
  let host =
    Host.v
      ~distances:[|[|Some 10|]|]
      ~cpus:[|Host.cpu ~node:0 ~core:0 ~socket:0|]
      ~nodes:[|Host.node ~size:(Size.gib 4) ~free:(Size.gib 4) ()|]
      ()
  in
  let request = Request.v ~memory:(Size.gib 1) ~vcpus:1 () in
  match (host, request) with
  | Ok host, Ok request -> (
    match plan host request with
    | Ok (Ok found) ->
        Alcotest.(check (list int)) "nodes" [0] (Plan.nodes found)
    | Ok (Error refusal) ->
        Alcotest.failf "%a" Refusal.pp refusal
    | Error error ->
        Alcotest.failf "%a" pp_error error
  )
  | Error error, _ | _, Error error ->
      Alcotest.failf "%a" pp_error error

(* And the model beside both. *)
let model () =
  let open Xenopsd_numa_model in
  match Simulation.built_in "window" with
  | None ->
      Alcotest.fail "no such scenario"
  | Some scenario -> (
    match Simulation.run scenario with
    | Ok run ->
        Alcotest.(check int) "failed" 0 run.failed_starts
    | Error failure ->
        Alcotest.failf "%a" Failure.pp failure
  )

let () =
  Alcotest.run "xenctrl"
    [
      ( "xenctrl"
      , [
          Alcotest.test_case "no Xen, and it says so" `Quick no_xen
        ; Alcotest.test_case "asked again" `Quick again
        ; Alcotest.test_case "tables that are none" `Quick bad_tables
        ; Alcotest.test_case "the core beside it" `Quick core
        ; Alcotest.test_case "the model beside both" `Quick model
        ]
      )
    ]
