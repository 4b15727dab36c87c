open Xenopsd_numa
open Xenopsd_numa_model
open Bench
open Modelled

let examples_of_the_manual () =
  Alcotest.(check (option (pair int int)))
    "a storm" (Some (10, 0))
    (ok_claims (Manual_example.simulated ())) ;
  Alcotest.(check string)
    "a fault" "phases[0].at_once[0].start: found \"wm\", expected the VM \"vm\""
    (Manual_example.unreadable ())

let lists_are_whole () =
  let distinct what names =
    Alcotest.(check (list string))
      what
      (List.sort_uniq compare names)
      (List.sort compare names) ;
    Alcotest.(check bool) what false (List.mem "" names)
  in
  let flavours = Model.flavours and findings = Simulation.findings in
  let name (flavour : Model.flavour) = flavour.name in
  distinct "flavours" (List.map name flavours) ;
  distinct "what they are"
    (List.map (fun (flavour : Model.flavour) -> flavour.about) flavours) ;
  distinct "findings"
    (List.map (fun (finding : Simulation.finding) -> finding.name) findings) ;
  List.iter
    (fun flavour ->
      let found = Model.flavour_of_string (name flavour) in
      Alcotest.(check bool) (name flavour) true (found = Ok flavour)
    )
    flavours ;
  Alcotest.(check bool) "upstream" true (List.mem Model.upstream flavours) ;
  match Model.flavour_of_string "5.0" with
  | Error message ->
      Alcotest.(check bool)
        message true
        (String.starts_with ~prefix:"found \"5.0\", expected one of 4.17, " message)
  | Ok _ ->
      Alcotest.fail "there is a 5.0"

let names_and_texts () =
  let check (name, about) =
    let scenario = Option.get (Simulation.built_in name) in
    Alcotest.(check string) "name" name (Simulation.name scenario) ;
    Alcotest.(check string) name about (Simulation.about scenario) ;
    match Simulation.of_json (Option.get (Simulation.text name)) with
    | Ok again ->
        Alcotest.(check bool)
          "the same"
          (Simulation.has_variants scenario)
          (Simulation.has_variants again)
    | Error _ ->
        Alcotest.failf "%s is not read" name
  in
  List.iter check Simulation.scenarios ;
  Alcotest.(check bool)
    "the storm is there" true
    (List.mem_assoc "boot-storm" Simulation.scenarios) ;
  Alcotest.(check bool) "no other" true (Simulation.built_in "storm" = None) ;
  Alcotest.(check bool)
    "ours is first" true
    (List.hd Simulation.toolstacks = Simulation.ours)

let faults_have_places () =
  let check text position field =
    match Simulation.of_json text with
    | Error (Simulation.Wrong fault) ->
        Alcotest.(check (option (pair int int))) text position fault.position ;
        Alcotest.(check string) text field fault.invalid.field
    | Error (Simulation.Internal message) ->
        Alcotest.failf "%s: %s" text message
    | Ok _ ->
        Alcotest.failf "%s was read" text
  in
  check "" (Some (1, 1)) "" ;
  check "{" (Some (1, 1)) "" ;
  check "{\n \"format\": 1}" (Some (2, 12)) "format" ;
  check "[]" (Some (1, 2)) "" ;
  check "{\"nonsense\": \"\"}" (Some (1, 11)) "nonsense"

let storm ?seed ?toolstack ?variant ?schedule ?timeline flavour =
  ok_claims
    (Simulation.run ?seed ?toolstack ?variant ?schedule ?timeline ~flavour
       boot_storm
    )

let ours_starts_everything (flavour : Model.flavour) =
  List.iter
    (fun (variant_name, variant) ->
      let run = storm ~seed:7 ~variant flavour in
      let name = flavour.name ^ ", " ^ variant_name in
      Alcotest.(check int) (name ^ ": starts") 10 (List.length run.starts) ;
      Alcotest.(check int) (name ^ ": failed") 0 run.failed_starts ;
      Alcotest.(check bool)
        (name ^ ": ending") true
        (run.ending = Simulation.As_before) ;
      Alcotest.(check bool)
        (name ^ ": the same") true
        (run = storm ~seed:7 ~variant flavour)
    )
    Simulation.variants

let toolstacks_add_up () =
  let check (toolstack : Simulation.toolstack) =
    let run = storm ~toolstack (flavour "xs9") in
    let count is = List.length (List.filter is run.starts) in
    let same what = Alcotest.(check int) (toolstack.name ^ ": " ^ what) in
    same "failed"
      (count (fun (start : Simulation.start) -> not start.started))
      run.failed_starts ;
    same "on one node" (count Simulation.on_one_node) run.starts_on_one_node ;
    same "remote"
      (List.fold_left
         (fun sum (start : Simulation.start) -> sum + start.remote_pages)
         0 run.starts
      )
      run.remote_pages ;
    Alcotest.(check string) "name" toolstack.name run.toolstack.name ;
    List.iter
      (fun (start : Simulation.start) ->
        if start.began_seconds > start.ended_seconds then
          Alcotest.failf "%s ended before it began" start.vm
      )
      run.starts
  in
  List.iter check Simulation.toolstacks

let timelines_show_the_run () =
  let run = storm ~timeline:true (flavour "xs9") in
  Alcotest.(check bool) "none" true ((storm (flavour "xs9")).timeline = None) ;
  let timeline = Option.get run.timeline in
  let events happening =
    List.filter
      (fun (event : Simulation.event) -> event.happened = happening)
      timeline.events
  in
  Alcotest.(check int) "phases" 6 (List.length (events Simulation.Phase)) ;
  Alcotest.(check int) "runs" 10 (List.length (events Simulation.Runs)) ;
  let rec ordered (samples : Simulation.sample list) =
    match samples with
    | a :: (b :: _ as rest) ->
        a.at_seconds <= b.at_seconds && ordered rest
    | [] | [_] ->
        true
  in
  Alcotest.(check bool) "ordered" true (ordered timeline.samples) ;
  let claimed (sample : Simulation.sample) =
    Array.fold_left ( + ) 0 sample.claimed_pages
  in
  Alcotest.(check bool)
    "claims on nodes" true
    (List.exists (fun sample -> claimed sample > 0) timeline.samples) ;
  List.iter
    (fun (sample : Simulation.sample) ->
      Array.iteri
        (fun node free ->
          if free > timeline.node_pages.(node) then Alcotest.fail "too much is free"
        )
        sample.free_pages ;
      if claimed sample > sample.outstanding_pages then
        Alcotest.fail "more is claimed on nodes than on the host"
    )
    timeline.samples

(* Forty VMs that start, and reboot six times: more than any bound on events. *)
let long_timelines_are_whole () =
  let phase job = Printf.sprintf {|{"name": "p", "at_once": [{"%s": "vm"}]}|} job in
  let jobs = "start" :: List.init 6 (fun _ -> "reboot") in
  let text =
    Printf.sprintf
      {|{"format": "xenopsd-numa-scenario/1", "name": "long", "about": "Long.",
         "host": {"nodes": [{"size_pages": 4194304, "free_pages": 4000000}],
                  "cpus_per_node": 8},
         "reserve_pages": 65536,
         "vms": [{"name": "vm", "count": 40, "vcpus": 1,
                  "memory": {"pages": 32768}}],
         "phases": [%s]}|}
      (String.concat ", " (List.map phase jobs))
  in
  match Simulation.of_json text with
  | Error _ ->
      Alcotest.fail "it is not read"
  | Ok scenario ->
      let run = ok_claims (Simulation.run ~timeline:true scenario) in
      let timeline = Option.get run.timeline in
      let count happening =
        List.length
          (List.filter
             (fun (event : Simulation.event) -> event.happened = happening)
             timeline.events
          )
      in
      Alcotest.(check int) "starts" (40 * 7) (List.length run.starts) ;
      Alcotest.(check int) "run" (40 * 7) (count Simulation.Runs) ;
      Alcotest.(check int) "destroyed" (40 * 6) (count Simulation.Destroy) ;
      Alcotest.(check int) "phases" 7 (count Simulation.Phase)

let recording_changes_nothing () =
  let check (name, _) =
    let scenario = Option.get (Simulation.built_in name) in
    let run timeline =
      ok_claims (Simulation.run ~timeline ~flavour:(flavour "4.17") scenario)
    in
    let recorded = run true and plain = run false in
    let figures (run : Simulation.run) =
      (run.starts, run.overclaimed_page_seconds, run.found, run.ending)
    in
    Alcotest.(check bool) name true (figures recorded = figures plain)
  in
  List.iter check Simulation.scenarios

(* A run by chance, and the same by its trace. *)
let traces_replay () =
  let check (toolstack : Simulation.toolstack) =
    let by schedule = storm ~toolstack ~schedule (flavour "4.17") in
    let random = by (Simulation.Random 5) in
    let same what = Alcotest.(check bool) (toolstack.name ^ ": " ^ what) true in
    same "choices" (random.choices <> [||]) ;
    same "repeated" (by (Simulation.Trace random.choices) = random) ;
    if toolstack = Simulation.ours then
      let trace = ok_claims (Simulation.minimal_trace random boot_storm) in
      same "all, as it does not fail" (trace = random.choices)
  in
  List.iter check Simulation.toolstacks

(* As many as a long run has, and more than a stack has room for. *)
let long_traces_are_taken () =
  let choice event = {Simulation.event; actor= 0} in
  let trace = Array.init 1_000_000 (fun i -> choice (i + 100_000_000)) in
  let run = storm ~schedule:(Simulation.Trace trace) (flavour "4.17") in
  let timed = storm ~schedule:Simulation.Timed (flavour "4.17") in
  Alcotest.(check bool) "none comes to pass" true (run = timed)

let one_node ?(distances = [|[|Some 10|]|]) size =
  ok_host
    (Host.v ~distances
       ~cpus:[|Host.cpu ~node:0 ~core:0 ~socket:0|]
       ~nodes:[|Host.node ~size ~free:size ()|]
       ()
    )

let too_large_a_node () =
  let model pages =
    Model.create ~flavour:Model.upstream (one_node (Size.pages pages))
  in
  Alcotest.(check bool) "fits" true (Result.is_ok (model (1 lsl 36))) ;
  match model (1 lsl 37) with
  | Error {Failure.cause= Failure.Invalid {field; _}; _} ->
      Alcotest.(check string) "field" "nodes[0].size_bytes" field
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok _ ->
      Alcotest.fail "a node of 2^37 pages was taken"

let a_host_is_its_own () =
  let distances = [|[|Some 10|]|] in
  let host = one_node ~distances (Size.gib 1) in
  distances.(0) <- [|Some 10; Some 20|] ;
  (Host.distances host).(0).(0) <- Some 30 ;
  let read = Host.distances host in
  Alcotest.(check (array (array (option int)))) "read" [|[|Some 10|]|] read ;
  ignore (ok_claims (Model.create ~flavour:Model.upstream host))

let bad_settings_are_values () =
  let check field result =
    match result with
    | Error {Failure.cause= Failure.Invalid invalid; _} ->
        Alcotest.(check string) "field" field invalid.field
    | Error failure ->
        Alcotest.failf "%a" Failure.pp failure
    | Ok _ ->
        Alcotest.failf "%s was accepted" field
  in
  check "seed" (Simulation.run ~seed:(-1) boot_storm) ;
  let schedule = Simulation.Random (-1) in
  check "schedule" (Simulation.run ~schedule boot_storm) ;
  let schedule = Simulation.Trace [|{event= -1; actor= 0}|] in
  check "trace[0]" (Simulation.run ~schedule boot_storm)

let suite =
  ( "simulation"
  , [
      case "the manual's examples" examples_of_the_manual
    ; case "names and texts" names_and_texts
    ; case "lists" lists_are_whole
    ; case "faults" faults_have_places
    ]
    @ List.map
        (fun (flavour : Model.flavour) ->
          case ("a storm on " ^ flavour.name) (fun () ->
              ours_starts_everything flavour
          )
        )
        Model.flavours
    @ [
        case "toolstacks" toolstacks_add_up
      ; case "timelines" timelines_show_the_run
      ; case "long timelines" long_timelines_are_whole
      ; case "recording, every scenario" recording_changes_nothing
      ; case "traces" traces_replay
      ; case "long traces" long_traces_are_taken
      ; case "settings" bad_settings_are_values
      ; case "too large a node" too_large_a_node
      ; case "a host is its own" a_host_is_its_own
      ]
  )
