(* Hosts, requests, plans, refusals, batches. *)

open Xenopsd_numa
open Bench

let example_of_the_manual () =
  match Manual_example.example () with
  | Ok (Ok nodes) ->
      Alcotest.check ints "nodes" [1] nodes
  | Ok (Error refusal) ->
      Alcotest.failf "%a" Refusal.pp refusal
  | Error error ->
      Alcotest.failf "%a" pp_error error

let plan_over_two_nodes () =
  let plan = answer (plan (two_nodes ()) (request (Size.gib 80))) in
  Alcotest.check ints "nodes" [0; 1] (Plan.nodes plan) ;
  Alcotest.(check (list (pair int int)))
    "pages"
    [(0, 40 * 262144); (1, 40 * 262144)]
    (Plan.pages_per_node plan) ;
  Alcotest.(check string) "cpus" "0-15" (Plan.cpus plan) ;
  Alcotest.(check (option int)) "maximum" (Some 21) (Plan.max_distance plan) ;
  Alcotest.(check (option (float 1e-9)))
    "average" (Some 15.5)
    (Plan.average_distance plan) ;
  Alcotest.(check bool) "optimal" true (Plan.optimal plan) ;
  Alcotest.(check (option (float 1e-9))) "gap" (Some 0.) (Plan.gap plan)

let refusals_have_figures () =
  let host = two_nodes () in
  let refused = refusal (plan host (request (Size.gib 130))) in
  Alcotest.(check int) "bytes" (2 lsl 30) refused.short_by_bytes ;
  let check_reason expected (refused : Refusal.t) =
    Alcotest.(check string) "reason" expected refused.reason.name ;
    Alcotest.(check bool) "listed" true (List.mem refused.reason Refusal.reasons) ;
    Alcotest.(check bool)
      "of the host" (expected = "host_memory") (Refusal.of_the_host refused)
  in
  check_reason "host_memory" refused ;
  let refused = refusal (plan host (request ~vcpus:20 (Size.gib 1))) in
  Alcotest.(check int) "cpus" 4 refused.short_by_cpus ;
  let strict = request ~policy:Request.Strict (Size.gib 100) in
  let refused = refusal (plan host strict) in
  check_reason "single_node" refused ;
  let masked = request ~allowed_nodes:[1] (Size.gib 100) in
  let refused = refusal (plan host masked) in
  check_reason "mask" refused ;
  Alcotest.check ints "nearest" [1] refused.nearest

let batches_see_what_is_taken () =
  let host = two_nodes () in
  let requests = List.init 3 (fun _ -> request (Size.gib 50)) in
  let nodes answers =
    List.map (function Ok plan -> Plan.nodes plan | Error _ -> []) answers
  in
  let all ?independent () =
    match plan_all ?independent host requests with
    | Ok answers ->
        nodes answers
    | Error (i, error) ->
        Alcotest.failf "%d: %a" i pp_error error
  in
  Alcotest.(check (list ints)) "in order" [[0]; [1]; []] (all ()) ;
  Alcotest.(check (list ints))
    "independent" [[0]; [0]; [0]]
    (all ~independent:true ()) ;
  let wrong = request ~allowed_cpus:[3; 99] (Size.gib 1) in
  match plan_all host (requests @ [wrong]) with
  | Error (3, Invalid {field= "allowed_cpus[1]"; found= "99"; _}) ->
      ()
  | Error (i, error) ->
      Alcotest.failf "%d: %a" i pp_error error
  | Ok _ ->
      Alcotest.fail "CPU 99 was accepted"

let batches_may_be_long () =
  let one = request (Size.mib 1) in
  match plan_all (two_nodes ()) (List.init 1_000_000 (fun _ -> one)) with
  | Ok answers ->
      Alcotest.(check int) "answers" 1_000_000 (List.length answers)
  | Error (i, error) ->
      Alcotest.failf "%d: %a" i pp_error error

let together ?budget_plans host requests =
  match plan_batch ?budget_plans host requests with
  | Ok batch ->
      batch
  | Error (i, error) ->
      Alcotest.failf "%d: %a" i pp_error error

let answered_nodes answers =
  List.map (function Ok plan -> Plan.nodes plan | Error _ -> []) answers

let example_of_together () =
  match Manual_example.together (two_nodes ()) with
  | Ok started ->
      let nodes = function
        | Ok nodes ->
            nodes
        | Error refusal ->
            Alcotest.failf "%a" Refusal.pp refusal
      in
      Alcotest.(check (list (pair int ints)))
        "order and nodes"
        [(2, [0]); (0, [1]); (3, [1]); (1, [0])]
        (List.map (fun (i, answer) -> (i, nodes answer)) started)
  | Error error ->
      Alcotest.failf "%a" pp_error error

let together_is_better () =
  let vm gib = request ~strategy:Request.Balance (Size.gib gib) in
  let vms = List.map vm [30; 20; 40; 30] in
  let batch = together (two_nodes ()) vms in
  let check what several average (score : Batch.score) =
    Alcotest.(check int) what several score.on_several_nodes ;
    Alcotest.(check (option (float 1e-9))) what average score.average_distance
  in
  check "together" 0 (Some 10.) batch.score ;
  check "one by one" 1 (Some 11.375) batch.one_by_one ;
  Alcotest.(check bool) "optimal" true (batch.optimal && batch.complete) ;
  (* The budget is for what comes after one by one. *)
  let batch = together ~budget_plans:0 (two_nodes ()) vms in
  check "no budget" 1 (Some 11.375) batch.score ;
  Alcotest.(check bool) "ended" false (batch.optimal || batch.complete) ;
  Alcotest.check ints "order" [0; 1; 2; 3] batch.order

let together_says_what_is_left_out () =
  let vms = List.map (fun gib -> request (Size.gib gib)) [100; 60; 60; 9] in
  let batch = together (two_nodes ()) vms in
  Alcotest.check ints "order" [1; 2; 0; 3] batch.order ;
  Alcotest.(check int) "left out" 2 batch.score.left_out ;
  Alcotest.(check int) "bytes" (109 lsl 30) batch.score.left_out_bytes ;
  let left_out = List.filter_map (function Ok _ -> None | Error r -> Some r) in
  let short = List.map (fun (r : Refusal.t) -> r.short_by_bytes lsr 30) in
  (* 8 GiB are left. *)
  Alcotest.check ints "short by" [92; 1] (short (left_out batch.answers))

let together_is_never_worse =
  let vms =
    QCheck.(
      make
        ~print:Print.(list (pair int int))
        ~shrink:Shrink.list
        Gen.(list_size (int_bound 8) (pair (int_range 1 60) (int_range 1 20)))
    )
  in
  QCheck.Test.make ~count:500 ~name:"together: as good as one by one, and true"
    vms
    (fun vms ->
      let host = two_nodes ~free0:50 () in
      let vm (gib, vcpus) = request ~vcpus (Size.gib gib) in
      let requests = List.map vm vms in
      let batch = together host requests in
      let all requests = Result.get_ok (plan_all host requests) in
      let refused answers = List.filter Result.is_error answers in
      let in_order = List.map (List.nth requests) batch.order in
      let answers_in_order = List.map (List.nth batch.answers) batch.order in
      List.sort compare batch.order = List.init (List.length vms) Fun.id
      && answered_nodes (all in_order) = answered_nodes answers_in_order
      && batch.score.left_out = List.length (refused batch.answers)
      && batch.one_by_one.left_out = List.length (refused (all requests))
      && batch.score.left_out <= batch.one_by_one.left_out
    )

let together_names_what_is_wrong () =
  let wrong = request ~allowed_nodes:[2] (Size.gib 1) in
  let error ?budget_plans requests =
    match plan_batch ?budget_plans (two_nodes ()) requests with
    | Error (i, Invalid {field; _}) ->
        (i, field)
    | Error (i, Internal message) ->
        (i, message)
    | Ok _ ->
        (-1, "accepted")
  in
  let check = Alcotest.(check (pair int string)) in
  let right = request (Size.gib 1) in
  check "node" (1, "allowed_nodes[0]") (error [right; wrong; right]) ;
  check "budget" (0, "budget_plans") (error ~budget_plans:(-1) [right]) ;
  check "nothing" (-1, "accepted") (error [])

let invalid_field = function
  | Error (Invalid {field; _}) ->
      field
  | Error (Internal message) ->
      "internal: " ^ message
  | Ok _ ->
      "accepted"

let constructors_refuse () =
  let check name field result =
    Alcotest.(check string) name field (invalid_field result)
  in
  let host ?(cpus = [||]) ?(nodes = [||]) distances =
    Host.v ~distances ~cpus ~nodes ()
  in
  let node = Host.node ~size:(Size.gib 1) ~free:(Size.gib 1) () in
  check "no nodes" "distances" (host [||]) ;
  check "not square" "distances[0]" (host [|[|Some 10; Some 20|]|]) ;
  check "diagonal" "distances[0][0]" (host [|[|Some 11|]|]) ;
  check "too near" "distances[0][1]"
    (host [|[|Some 10; Some 9|]; [|Some 20; Some 10|]|]) ;
  check "negative" "distances[0][0]" (host [|[|Some (-10)|]|]) ;
  check "65 nodes" "distances" (host (Array.make_matrix 65 65 (Some 10))) ;
  check "missing node" "nodes" (host [|[|Some 10|]|]) ;
  check "node of a CPU" "cpu_to_node[0]"
    (host ~nodes:[|node|]
       ~cpus:[|Host.cpu ~node:1 ~core:0 ~socket:0|]
       [|[|Some 10|]|]
    ) ;
  check "huge node of a CPU" "cpu_to_node[0]"
    (host ~nodes:[|node|]
       ~cpus:[|Host.cpu ~node:max_int ~core:0 ~socket:0|]
       [|[|Some 10|]|]
    ) ;
  check "offline" "nodes[0].size_bytes"
    (host ~nodes:[|Host.offline_node|] [|[|Some 10|]|]) ;
  check "no memory" "memory_bytes"
    (Request.v ~memory:Size.zero ~vcpus:1 ()) ;
  check "no vCPU" "vcpus" (Request.v ~memory:(Size.gib 1) ~vcpus:0 ()) ;
  check "no CPU" "allowed_cpus"
    (Request.v ~memory:(Size.gib 1) ~vcpus:1 ~allowed_cpus:[] ()) ;
  check "too many vCPUs" "vcpus"
    (Request.v ~memory:(Size.gib 1) ~vcpus:max_int ())

let sizes () =
  let read text = Result.map Size.to_string (Size.of_string text) in
  let check text expected =
    Alcotest.(check (option string))
      text expected
      (Result.to_option (read text))
  in
  check "64GiB" (Some "64GiB") ;
  check "1024MiB" (Some "1GiB") ;
  check "4097" (Some "4097B") ;
  check "0" (Some "0B") ;
  check "12TiB" (Some "12TiB") ;
  List.iter
    (fun text -> check text None)
    [
      ""
    ; "GiB"
    ; "-1"
    ; "1.5GiB"
    ; "1 GiB"
    ; "1GB"
    ; "9999999TiB"
    ; "99999999999999999999"
    ; "0x10"
    ] ;
  Alcotest.(check bool) "int64" true (Result.is_error (Size.of_int64 (-1L))) ;
  Alcotest.(check bool)
    "large int64" true
    (Result.is_error (Size.of_int64 Int64.max_int)) ;
  Alcotest.(check int) "clamped" Size.max_bytes (Size.tib max_int :> int) ;
  Alcotest.(check int) "pages" 2 (Size.to_pages_up (ok Format.pp_print_string (Size.bytes 4097)))

let sizes_round_trip =
  QCheck.Test.make ~count:1000 ~name:"size: of_string (to_string s) = s"
    QCheck.(map abs int)
    (fun n ->
      match Size.bytes (max 0 n) with
      | Ok size ->
          Size.of_string (Size.to_string size) = Ok size
      | Error _ ->
          false
    )

let suite =
  ( "planning"
  , [
      case "the manual's example" example_of_the_manual
    ; case "two nodes" plan_over_two_nodes
    ; case "refusals" refusals_have_figures
    ; case "batches" batches_see_what_is_taken
    ; case "long batches" batches_may_be_long
    ; case "the manual's example of a batch" example_of_together
    ; case "together" together_is_better
    ; case "together, some left out" together_says_what_is_left_out
    ; case "together, never worse" (fun () ->
          QCheck.Test.check_exn together_is_never_worse
      )
    ; case "together, errors" together_names_what_is_wrong
    ; case "constructors" constructors_refuse
    ; case "sizes" sizes
    ; case "sizes round trip" (fun () -> QCheck.Test.check_exn sizes_round_trip)
    ]
  )
