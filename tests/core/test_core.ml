(* The typed module from the outside: planning, the protocol on the model,
   threads, and what must not get through. *)

open Xenopsd_numa

let ok pp = function
  | Ok value ->
      value
  | Error error ->
      Alcotest.failf "%a" pp error

let ok_host result = ok pp_error result

let ok_claims result = ok Failure.pp result

let two_nodes ?(free0 = 64) ?(free1 = 64) () =
  let cpu id = Host.cpu ~node:(id / 8) ~core:(id mod 8) ~socket:(id / 8) in
  let node free = Host.node ~size:(Size.gib 64) ~free:(Size.gib free) () in
  ok_host
    (Host.v ~name:"two"
       ~distances:[|[|Some 10; Some 21|]; [|Some 21; Some 10|]|]
       ~cpus:(Array.init 16 cpu)
       ~nodes:[|node free0; node free1|]
       ()
    )

let request ?overhead ?policy ?strategy ?allowed_cpus ?allowed_nodes
    ?(vcpus = 2) memory =
  ok_host
    (Request.v ?overhead ?policy ?strategy ?allowed_cpus ?allowed_nodes ~memory
       ~vcpus ()
    )

let answer = function
  | Ok (Ok plan) ->
      plan
  | Ok (Error refusal) ->
      Alcotest.failf "%a" Refusal.pp refusal
  | Error error ->
      Alcotest.failf "%a" pp_error error

let refusal = function
  | Ok (Ok plan) ->
      Alcotest.failf "placed: %a" Plan.pp plan
  | Ok (Error refusal) ->
      refusal
  | Error error ->
      Alcotest.failf "%a" pp_error error

let ints = Alcotest.(list int)

(* {1 Planning} *)

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
  Alcotest.(check bool) "reason" true (refused.reason = Refusal.Host_memory) ;
  let refused = refusal (plan host (request ~vcpus:20 (Size.gib 1))) in
  Alcotest.(check int) "cpus" 4 refused.short_by_cpus ;
  let strict = request ~policy:Request.Strict (Size.gib 100) in
  let refused = refusal (plan host strict) in
  Alcotest.(check bool) "single" true (refused.reason = Refusal.Single_node) ;
  let masked = request ~allowed_nodes:[1] (Size.gib 100) in
  let refused = refusal (plan host masked) in
  Alcotest.(check bool) "mask" true (refused.reason = Refusal.Mask) ;
  Alcotest.check ints "nearest" [1] refused.nearest

let explanations_say_what_bound () =
  let host = two_nodes () in
  match explain host (request (Size.gib 80)) with
  | Ok (Ok _, {rejected= [{max_distance= 10; size= None; bound}]; _}) ->
      Alcotest.(check int) "short" (16 lsl 30) bound.short_by_bytes
  | Ok (_, explanation) ->
      Alcotest.failf "%s" (String.concat "; " (Explanation.lines explanation))
  | Error error ->
      Alcotest.failf "%a" pp_error error

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
  let many = ok_host (Request.v ~memory:(Size.gib 1) ~vcpus:max_int ()) in
  check "too many vCPUs" "vcpus" (plan (two_nodes ()) many)

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

(* {1 Switches} *)

let switches () =
  let set key value = Config.set Config.default ~key value in
  List.iter
    (fun (key, _) ->
      let text = Option.get (Config.get Config.default ~key) in
      match set key text with
      | Ok config ->
          Alcotest.(check bool) key true (config = Config.default)
      | Error invalid ->
          Alcotest.failf "%a" pp_invalid invalid
    )
    Config.keys ;
  let policy config = Config.default_policy config in
  ( match set "numa-placement" "0" with
  | Ok config ->
      Alcotest.(check bool) "0 is false" true (policy config = Request.Any)
  | Error invalid ->
      Alcotest.failf "%a" pp_invalid invalid
  ) ;
  List.iter
    (fun (key, value) ->
      match set key value with
      | Ok _ ->
          Alcotest.failf "%s = %s was accepted" key value
      | Error {field; found= _; expected} ->
          Alcotest.(check string) "key" key field ;
          Alcotest.(check bool) "expected" true (String.length expected > 0)
    )
    [
      ("numa-claims", "sometimes")
    ; ("numa-claims", "")
    ; ("numa-placement", "2")
    ; ("numa-strategy", "Balance")
    ; ("numa-reserve-mib", "-1")
    ; ("numa-reserve-mib", "256MiB")
    ; ("numa-memory-wait-seconds", "99999999999999999999")
    ; ("builder-claims", "hvm")
    ; ("numa-nonsense", "1")
    ]

let switches_are_refused_out_of_range () =
  let check name field result =
    match result with
    | Error (invalid : invalid) ->
        Alcotest.(check string) name field invalid.field
    | Ok _ ->
        Alcotest.failf "%s was accepted" name
  in
  check "wait" "numa-memory-wait-seconds"
    (Config.v ~memory_wait_seconds:(-1) ()) ;
  check "steps" "numa-plan-budget-steps"
    (Config.v ~plan_budget_steps:max_int ()) ;
  match Config.v () with
  | Ok config ->
      Alcotest.(check bool) "default" true (config = Config.default)
  | Error invalid ->
      Alcotest.failf "%a" pp_invalid invalid

let options_of_xenopsd () =
  let config = ref Config.default in
  let options = Config.options (fun () -> !config) (fun c -> config := c) in
  let find key = List.find (fun (k, _, _, _) -> k = key) options in
  let spec key =
    match find key with
    | _, Arg.String f, _, _ ->
        f
    | _ ->
        Alcotest.failf "%s is not a string" key
  in
  let print key = match find key with _, _, print, _ -> print () in
  Alcotest.(check string) "default" "always" (print "numa-claims") ;
  spec "numa-claims" "never" ;
  Alcotest.(check string) "set" "never" (print "numa-claims") ;
  match spec "numa-claims" "perhaps" with
  | () ->
      Alcotest.fail "accepted"
  | exception Arg.Bad message ->
      Alcotest.(check bool) "names the key" true
        (String.length message > 11 && String.sub message 0 11 = "numa-claims")

(* {1 The protocol on the model} *)

let modelled flavour =
  let model = ok_claims (Model.create ~flavour (two_nodes ())) in
  (model, ok_claims (Claims.open_ (Model.hypervisor model)))

let domain model memory =
  ok_claims (Model.create_domain model ~vcpus:2 ~max:memory)

let life flavour () =
  let model, claims = modelled flavour in
  let memory = Size.gib 32 in
  let overhead = Claims.overhead ~vcpus:2 ~memory in
  let domid = domain model memory in
  let placed =
    ok_claims (Claims.place claims ~domid (request ~overhead memory))
  in
  let outcome = Claims.outcome placed in
  let pages = Size.to_pages_up memory in
  Alcotest.(check int) "claimed" pages outcome.claimed_pages ;
  Alcotest.(check int)
    "outstanding" pages
    (ok_claims (Model.outstanding_pages model)) ;
  let exact_node =
    match outcome.rung with
    | Claims.Node_claim node ->
        Some node
    | Claims.Host_claim
    | Claims.Anywhere
    | Claims.Unplaced _
    | Claims.Claimed_by_builder
    | Claims.Unclaimed ->
        None
  in
  ok_claims (Model.set_pool model ~domid overhead) ;
  let pinned = ok_claims (Claims.pin claims placed) in
  Alcotest.(check int)
    "populated" pages
    (ok_claims (Model.populate ?exact_node model ~domid memory)) ;
  let report = ok_claims (Claims.built claims pinned) in
  Alcotest.(check int) "unused" 0 report.unused_pages ;
  let plan = Option.get outcome.plan in
  Alcotest.check ints "on the planned node"
    (Plan.nodes plan)
    (List.filter_map
       (fun (node, pages) -> if pages > 0 then Some node else None)
       (ok_claims (Model.domain_pages model ~domid))
    ) ;
  ok_claims (Model.destroy model ~domid) ;
  ok_claims (Model.advance model ~seconds:60.) ;
  Alcotest.(check int) "all free again" (128 * 262144)
    (ok_claims (Model.free_pages model))

let failures_are_values () =
  let model, claims = modelled Model.Upstream in
  let domid = domain model (Size.gib 200) in
  ( match Claims.place claims ~domid (request (Size.gib 200)) with
  | Error (Failure.Host_full {domid= d; needed; _}) ->
      Alcotest.(check int) "domain" domid d ;
      Alcotest.(check int) "needed" (200 lsl 30) (needed :> int)
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok _ ->
      Alcotest.fail "placed"
  ) ;
  ( match Claims.place claims ~domid:4711 (request (Size.gib 1)) with
  | Error (Failure.Call {domid= Some 4711; call; errno; _}) ->
      Alcotest.(check bool) "named" true (call <> "" && errno <> "")
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok _ ->
      Alcotest.fail "placed"
  ) ;
  match Claims.place claims ~domid:(-1) (request (Size.gib 1)) with
  | Error (Failure.Invalid {field= "domid"; _}) ->
      ()
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok _ ->
      Alcotest.fail "placed"

let bad_tables_are_refused () =
  List.iter
    (fun address ->
      match Hypervisor.of_table address with
      | Ok _ ->
          Alcotest.failf "%nd was accepted" address
      | Error message ->
          Alcotest.(check bool) "says why" true (message <> "")
    )
    [0n; 1n]

let status_tells () =
  let model, claims = modelled Model.Xs9 in
  let domid = domain model (Size.gib 8) in
  let placed = ok_claims (Claims.place claims ~domid (request (Size.gib 8))) in
  let never = ok pp_invalid (Config.v ~claims:Config.Never ()) in
  ok_claims (Claims.configure claims never) ;
  let status = ok_claims (Claims.status claims) in
  Alcotest.check ints "builds" [domid] status.builds ;
  Alcotest.(check bool)
    "pending" true
    (status.pending = Some Config.Never && status.config.claims = Config.Always) ;
  Alcotest.(check (option bool)) "node claims" (Some true) status.node_claims ;
  ignore (Claims.outcome placed) ;
  ok_claims (Claims.abandoned claims ~domid) ;
  ok_claims (Claims.abandoned claims ~domid) ;
  Alcotest.(check int) "nothing left" 0
    (ok_claims (Model.outstanding_pages model))

(* {1 Threads and the garbage collector} *)

(* Other threads run while a call that may block is under way. *)
let the_runtime_lock_is_released () =
  let running = Atomic.make true in
  let ticks = Atomic.make 0 in
  let ticker =
    Thread.create
      (fun () ->
        while Atomic.get running do
          Atomic.incr ticks ; Thread.yield ()
        done
      )
      ()
  in
  Thread.yield () ;
  let before = Atomic.get ticks in
  let rec storms n =
    if n > 0 then (
      ignore (ok_claims (Simulation.boot_storm ~seed:n Model.Xen_4_17)) ;
      storms (n - 1)
    )
  in
  storms 3 ;
  let during = Atomic.get ticks - before in
  Atomic.set running false ;
  Thread.join ticker ;
  Alcotest.(check bool) "others ran" true (during > 0)

let many_threads () =
  let model, claims = modelled Model.Upstream in
  let failures = Atomic.make 0 in
  let one _ =
    Thread.create
      (fun () ->
        for _ = 1 to 20 do
          let memory = Size.mib 64 in
          let domid = domain model memory in
          match Claims.place claims ~domid (request memory) with
          | Error _ ->
              Atomic.incr failures
          | Ok placed ->
              ok_claims (Model.set_pool model ~domid (Size.mib 2)) ;
              let pinned = ok_claims (Claims.pin claims placed) in
              ignore (ok_claims (Model.populate model ~domid memory)) ;
              ignore (ok_claims (Claims.built claims pinned)) ;
              Gc.minor ()
        done
      )
      ()
  in
  List.iter Thread.join (List.init 8 one) ;
  Alcotest.(check int) "failures" 0 (Atomic.get failures) ;
  Alcotest.(check int) "nothing outstanding" 0
    (ok_claims (Model.outstanding_pages model))

let values_survive_the_collector () =
  let host = two_nodes () in
  for _ = 1 to 2000 do
    let (_ : Host.t) = two_nodes () in
    ignore (answer (plan host (request (Size.gib 80))))
  done ;
  Gc.compact () ;
  Alcotest.check ints "nodes" [0; 1]
    (Plan.nodes (answer (plan host (request (Size.gib 80)))))

(* {1 The storm} *)

let storms_start_everything () =
  List.iter
    (fun (name, flavour) ->
      let storm = ok_claims (Simulation.boot_storm ~seed:7 flavour) in
      Alcotest.(check int) (name ^ " starts") 20 storm.starts ;
      Alcotest.(check int) (name ^ " failed") 0 storm.failed_starts ;
      Alcotest.(check (option string)) (name ^ " ending") None storm.ending ;
      let again = ok_claims (Simulation.boot_storm ~seed:7 flavour) in
      Alcotest.(check bool) (name ^ " same") true (storm = again)
    )
    Model.flavours

let () =
  let case name test = Alcotest.test_case name `Quick test in
  Alcotest.run "xenopsd-numa"
    [
      ( "planning"
      , [
          case "the manual's example" example_of_the_manual
        ; case "two nodes" plan_over_two_nodes
        ; case "refusals" refusals_have_figures
        ; case "explanations" explanations_say_what_bound
        ; case "batches" batches_see_what_is_taken
        ; case "long batches" batches_may_be_long
        ; case "constructors" constructors_refuse
        ; case "sizes" sizes
        ; case "sizes round trip" (fun () ->
              QCheck.Test.check_exn sizes_round_trip
          )
        ]
      )
    ; ( "switches"
      , [
          case "strict" switches
        ; case "out of range" switches_are_refused_out_of_range
        ; case "xenopsd's form" options_of_xenopsd
        ]
      )
    ; ( "protocol"
      , List.map
          (fun (name, flavour) -> case ("a life on " ^ name) (life flavour))
          Model.flavours
        @ [
            case "failures" failures_are_values
          ; case "tables" bad_tables_are_refused
          ; case "status" status_tells
          ]
      )
    ; ( "runtime"
      , [
          case "lock released" the_runtime_lock_is_released
        ; case "threads" many_threads
        ; case "collector" values_survive_the_collector
        ]
      )
    ; ("storm", [case "boot storm" storms_start_everything])
    ]
