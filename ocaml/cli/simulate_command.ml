open Xenopsd_numa
open Xenopsd_numa_formats
open Xenopsd_numa_model
open Cmdliner
open Simulate_options

let ( let* ) = Result.bind

let print_json json =
  Output.print (Yojson.Safe.to_string ~std:true json ^ "\n")

(** The variants that make a difference. *)
let variants_of settings scenario =
  if Simulation.has_variants scenario then
    settings.variants
  else
    [Simulation.Unaligned]

let rec collect f = function
  | [] ->
      Ok []
  | first :: rest ->
      let* first = f first in
      let* rest = collect f rest in
      Ok (first :: rest)

let has_failed (run : Simulation.run) =
  match run.ending with
  | Crashed _ | Violated _ | Stuck _ ->
      true
  | As_before | Left _ ->
      run.failed_starts > 0

(* Of several toolstacks only ours counts: that others fail is what the table is
   for. *)
let counts settings (run : Simulation.run) =
  match settings.toolstacks with
  | One _ ->
      true
  | All ->
      run.toolstack.name = Simulation.ours.name

let traced settings scenario run =
  match settings.schedule with
  | Random _ when has_failed run && counts settings run ->
      Output.progress "looking for the choices that make it fail" ;
      Simulation.minimal_trace run scenario
      |> Result.map (fun trace -> {Simulation_json.run; trace= Some trace})
  | Timed | Round_robin | Random _ | Trace _ ->
      Ok {Simulation_json.run; trace= None}

let toolstacks_of settings =
  match settings.toolstacks with
  | One toolstack ->
      [toolstack]
  | All ->
      Simulation.toolstacks

let run_one settings scenario ?seed (toolstack : Simulation.toolstack) variant
    =
  Output.progress
    (Printf.sprintf "%s, %s%s" toolstack.name
       (Simulate_tables.name_of Simulation.variants variant)
       (Option.fold ~none:"" ~some:(Printf.sprintf ", seed %d") seed)
    ) ;
  Simulation.run ?seed ~flavour:settings.flavour ~toolstack ~variant
    ?strategy:settings.strategy ~schedule:settings.schedule
    ~timeline:(Option.is_some settings.drawing)
    scenario

let run_all settings scenario =
  let one toolstack variant =
    let* run =
      run_one settings scenario ?seed:settings.seed toolstack variant
    in
    traced settings scenario run
  in
  let toolstacks =
    collect
      (fun toolstack -> collect (one toolstack) (variants_of settings scenario))
      (toolstacks_of settings)
  in
  Output.progress "" ; toolstacks

(** Whether the drawing could be written, before all is run for it. *)
let try_drawing settings =
  match settings.drawing with
  | None ->
      Ok ()
  | Some path ->
      Out_file.check path

let draw settings scenario runs =
  match settings.drawing with
  | None ->
      Ok ()
  | Some path ->
      Out_file.write path (Chart.svg ~about:(Simulation.about scenario) runs)

let status_of_run (run : Simulation.run) =
  match run.ending with
  | Crashed sentence ->
      Logs.err (fun m -> m "%s: %s" run.toolstack.name sentence) ;
      Status.Hypervisor_error
  | Stuck sentence ->
      Logs.err (fun m -> m "%s: %s" run.toolstack.name sentence) ;
      Status.Refused
  | Violated sentence ->
      Status.internal sentence
  | As_before | Left _ ->
      if run.failed_starts > 0 then Status.Refused else Status.Done

let worse (a : Status.t) b = if Status.code b > Status.code a then b else a

let status settings runs =
  List.filter (counts settings) runs
  |> List.map status_of_run
  |> List.fold_left worse Status.Done

(** Runs with each of [seeds]: what the runs of each toolstack come to, and the
    status of all. *)
let run_sums settings scenario seeds =
  let variants = variants_of settings scenario in
  let rec all sums = function
    | [] ->
        Ok sums
    | (toolstack, seed, variant) :: rest ->
        let* run = run_one settings scenario ~seed toolstack variant in
        let so_far, worst = sums in
        all
          ( Simulation_sums.add so_far run
          , worse worst (status settings [run])
          )
          rest
  in
  let of_toolstack toolstack =
    let each seed = List.map (fun v -> (toolstack, seed, v)) variants in
    let* sums, worst =
      all (Simulation_sums.none, Status.Done) (List.concat_map each seeds)
    in
    Ok ((toolstack, sums), worst)
  in
  let sums = collect of_toolstack (toolstacks_of settings) in
  Output.progress "" ; sums

let print_sums settings scenario seeds sums =
  let scenario = Simulation.name scenario and {flavour; json; _} = settings in
  if json then
    print_json (Simulation_sums.to_json ~scenario ~seeds ~flavour sums)
  else
    Output.print_lines (Simulate_tables.sums ~scenario ~flavour ~seeds sums)

let print settings toolstacks =
  let traced = List.concat toolstacks in
  let runs = List.map (fun {Simulation_json.run; _} -> run) traced in
  let how_to_repeat {Simulation_json.run; trace} =
    Option.iter
      (fun trace ->
        Output.print_lines (Simulate_tables.how_to_repeat run trace)
      )
      trace
  in
  match (settings.toolstacks, settings.json) with
  | One _, true ->
      print_json (Simulation_json.run traced)
  | All, true ->
      print_json (Simulation_json.comparison toolstacks)
  | One _, false ->
      Output.print_lines (Simulate_tables.one runs) ;
      List.iter how_to_repeat traced
  | All, false ->
      Output.print_lines (Simulate_tables.all runs) ;
      List.iter how_to_repeat traced

let of_failure file = function
  | {Failure.cause= Failure.Invalid invalid; _} ->
      Status.of_error (Error.of_core ~file:(Source.name file) (Invalid invalid))
  | failure ->
      Status.of_failure failure

let one_seed settings scenario file =
  match run_all settings scenario with
  | Error failure ->
      of_failure file failure
  | Ok toolstacks -> (
      let traced = List.concat toolstacks in
      let runs = List.map (fun {Simulation_json.run; _} -> run) traced in
      if settings.drawing <> Some Source.standard_input then
        print settings toolstacks ;
      match draw settings scenario runs with
      | Ok () ->
          status settings runs
      | Error error ->
          Status.of_error error
    )

let several_seeds settings scenario file seeds =
  match run_sums settings scenario seeds with
  | Error failure ->
      of_failure file failure
  | Ok sums ->
      print_sums settings scenario seeds (List.map fst sums) ;
      List.fold_left worse Status.Done (List.map snd sums)

let simulate settings file =
  (* A simulation under way is not left for a handler in OCaml. *)
  Sys.set_signal Sys.sigint Sys.Signal_default ;
  let ready =
    let* scenario = Scenario_file.read file in
    let* () = try_drawing settings in
    Ok scenario
  in
  match (ready, settings.seeds) with
  | Error error, _ ->
      Status.of_error error
  | Ok scenario, None ->
      one_seed settings scenario file
  | Ok scenario, Some seeds ->
      several_seeds settings scenario file seeds

(** The settings of a run by a trace, if there is one. *)
let with_trace settings trace =
  match (trace, settings.toolstacks, settings.schedule) with
  | None, _, _ ->
      Ok settings
  | Some _, All, _ ->
      Error (`Usage "--trace goes with one toolstack")
  | Some path, One _, Timed ->
      Trace_file.read path
      |> Result.map (fun choices ->
             {settings with schedule= Simulation.Trace choices}
         )
      |> Result.map_error (fun error -> `File error)
  | Some _, One _, (Round_robin | Random _ | Trace _) ->
      Error (`Usage "--trace goes without --schedule")

(** What does not go together, if anything. *)
let usage settings trace =
  let given = Option.is_some in
  match settings with
  | {seeds= Some _; seed= Some _; _} ->
      Some "--seeds goes without --seed"
  | {seeds= Some _; drawing= Some _; _} ->
      Some "--seeds goes without --svg"
  | {seeds= Some _; _} when given trace ->
      Some "--seeds goes without --trace"
  | {drawing= Some "-"; json= true; _} ->
      Some "--svg - goes without --json: only one of them can be printed"
  | {seeds= _; _} ->
      None

let run () list settings trace scenario =
  match (scenario, list, usage settings trace) with
  | _, _, Some message ->
      `Error (true, message)
  | None, true, None ->
      Output.print_lines (Simulate_tables.scenarios ()) ;
      `Ok Status.Done
  | Some _, true, None ->
      `Error (true, "--list goes without a SCENARIO")
  | None, false, None ->
      `Error (true, "required argument SCENARIO is missing; --list prints them")
  | Some file, false, None -> (
    match with_trace settings trace with
    | Ok settings ->
        `Ok (simulate settings file)
    | Error (`File error) ->
        `Ok (Status.of_error error)
    | Error (`Usage message) ->
        `Error (true, message)
  )

(* cmdliner reads marks in these texts. *)
let plain text =
  let escaped = function
    | ('$' | '\\') as c ->
        Printf.sprintf "\\%c" c
    | c ->
        String.make 1 c
  in
  String.concat "" (List.map escaped (List.of_seq (String.to_seq text)))

let items of_item list =
  List.map
    (fun item ->
      let name, about = of_item item in
      `I (Printf.sprintf "$(b,%s)" (plain name), plain about)
    )
    list

let man =
  [
    `S Manpage.s_description
  ; `P
      "Runs a scenario on a model of Xen's page accounting, in virtual time. \
       Of one toolstack it prints of each start on which nodes the VM was \
       placed, what was claimed for it and how, where its memory really is, \
       how long it was queued behind earlier builds and waited for memory, and \
       if it failed, why; of several, a line each."
  ; `P
      "In the lines of toolstacks: starts that failed; starts with memory and \
       affinity on one node; memory away from its vCPUs; pages claimed beyond \
       what their domains could still take, times the seconds that they were; \
       the longest time from the beginning of a phase to its last start; what \
       is wrong with the host at the end; and what that kind of Xen gets wrong \
       itself, with any toolstack, how often."
  ; `P
      "With $(b,--toolstack all) the exit status is that of this project's \
       protocol only."
  ; `S "SCENARIOS"
  ]
  @ items Fun.id Simulation.scenarios
  @ [`S "TOOLSTACKS"]
  @ items
      (fun (toolstack : Simulation.toolstack) ->
        (toolstack.name, toolstack.about)
      )
      Simulation.toolstacks
  @ [`S "FLAVOURS"]
  @ items
      (fun (flavour : Model.flavour) -> (flavour.name, flavour.about))
      Model.flavours
  @ [
      `S Manpage.s_examples
    ; `P "A storm on a Xen that has claims on single nodes:"
    ; `Pre "  $(mname) $(tname) boot-storm --flavour xs9"
    ; `P "The same with every toolstack, as a table and as a drawing:"
    ; `Pre
        "  $(mname) $(tname) boot-storm --flavour 4.17 --toolstack all --svg \
         storm.svg"
    ; `P "What that comes to with twenty seeds, as in the project's manual:"
    ; `Pre "  $(mname) $(tname) boot-storm --toolstack all --seeds 1-20"
    ; `P "The starts that failed, with another seed:"
    ; `Pre
        "  $(mname) $(tname) boot-storm --seed 7 --json | jq '.vms[] | \
         select(.outcome == \"failed\")'"
    ]

let command =
  let doc = "run a scenario on a model of Xen" in
  Cmd.v
    (Cmd.info "simulate" ~doc ~man ~exits:Status.exits)
    Term.(
      ret (const run $ Convert.verbose $ list $ settings $ trace $ scenario)
    )
