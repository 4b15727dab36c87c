open Xenopsd_numa
open Xenopsd_numa_formats
open Cmdliner

let ( let* ) = Result.bind

let print_lines lines = List.iter (fun line -> Output.print (line ^ "\n")) lines

let name_of choices value =
  List.find_map
    (fun (name, choice) -> if choice = value then Some name else None)
    choices
  |> Option.value ~default:""

(* ---- for people ---- *)

let ints = function
  | [] ->
      "-"
  | ids ->
      String.concat "," (List.map string_of_int ids)

let seconds value = Printf.sprintf "%.1f s" value

let size pages = Fmt.str "%a" Size.pp (Size.pages pages)

let on pages_on =
  match List.filter (fun (_, pages) -> pages > 0) pages_on with
  | [] ->
      "-"
  | shares ->
      let share (node, pages) = Printf.sprintf "%d: %s" node (size pages) in
      String.concat ", " (List.map share shares)

let start_heads =
  [
    "variant"
  ; "phase"
  ; "VM"
  ; "nodes"
  ; "claim"
  ; "claimed"
  ; "memory on"
  ; "queued"
  ; "waited"
  ; "outcome"
  ; "reason"
  ]

let start_row (start : Simulation.start) =
  [
    name_of Simulation.variants start.variant
  ; start.phase
  ; start.vm
  ; ints start.nodes
  ; start.claim
  ; size start.claimed_pages
  ; on start.pages_on
  ; seconds start.queued_seconds
  ; seconds start.waited_seconds
  ; (if start.started then "started" else "failed")
  ; start.reason
  ]

(** What the hypervisor got wrong, and how it ended. *)
let wrong (run : Simulation.run) =
  let found (name, finding) =
    Option.map
      (fun count -> Printf.sprintf "%s %d" name count)
      (List.assoc_opt finding run.found)
  in
  let ending =
    match run.ending with
    | As_before ->
        []
    | Left _ | Crashed _ | Violated _ | Stuck _ ->
        [Fmt.str "%a" Simulation.pp_ending run.ending]
  in
  match List.filter_map found Simulation.findings @ ending with
  | [] ->
      "-"
  | all ->
      String.concat "; " all

let run_heads =
  [
    "toolstack"
  ; "variant"
  ; "starts"
  ; "failed"
  ; "on one node"
  ; "remote"
  ; "over-claimed page s"
  ; "all running"
  ; "what went wrong"
  ]

let run_row (run : Simulation.run) =
  [
    run.toolstack.name
  ; name_of Simulation.variants run.variant
  ; string_of_int (List.length run.starts)
  ; string_of_int run.failed_starts
  ; string_of_int run.starts_on_one_node
  ; size run.remote_pages
  ; string_of_int run.overclaimed_page_seconds
  ; seconds run.seconds_to_all_running
  ; wrong run
  ]

let title (runs : Simulation.run list) =
  match runs with
  | [] ->
      []
  | run :: _ ->
      [
        Printf.sprintf "%s, Xen %s, seed %d" run.scenario
          (name_of Model.flavours run.flavour)
          run.seed
      ]

let run_table runs = Output.table (run_heads :: List.map run_row runs)

let start_table (runs : Simulation.run list) =
  let starts = List.concat_map (fun (run : Simulation.run) -> run.starts) runs in
  Output.table (start_heads :: List.map start_row starts)

let totals (runs : Simulation.run list) =
  let sum of_run = List.fold_left (fun sum run -> sum + of_run run) 0 runs in
  Printf.sprintf "%d starts, %d failed"
    (sum (fun (run : Simulation.run) -> List.length run.starts))
    (sum (fun (run : Simulation.run) -> run.failed_starts))

let print_one runs =
  print_lines (title runs) ;
  print_lines (start_table runs) ;
  print_lines ([""] @ run_table runs @ [""; totals runs])

let print_all toolstacks =
  let runs = List.concat toolstacks in
  print_lines (title runs) ;
  print_lines (run_table runs)

let print_json json =
  Output.print (Yojson.Safe.to_string ~std:true json ^ "\n")

let print_list () =
  print_lines
    (Output.table
       (List.map (fun (name, about) -> [name; about]) Simulation.scenarios)
    )

(* ---- the command ---- *)

type toolstacks = One of Simulation.toolstack | All

type settings = {
    seed: int option
  ; flavour: Model.flavour
  ; variants: Simulation.variant list
  ; strategy: Request.strategy option
  ; toolstacks: toolstacks
  ; json: bool
  ; drawing: string option
}

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

let play settings scenario =
  let variants = variants_of settings scenario in
  let toolstacks =
    match settings.toolstacks with
    | One toolstack ->
        [toolstack]
    | All ->
        Simulation.toolstacks
  in
  let one (toolstack : Simulation.toolstack) variant =
    Output.progress
      (Printf.sprintf "%s, %s" toolstack.name
         (name_of Simulation.variants variant)
      ) ;
    Simulation.run ?seed:settings.seed ~flavour:settings.flavour ~toolstack
      ~variant ?strategy:settings.strategy
      ~film:(Option.is_some settings.drawing)
      scenario
  in
  let played =
    collect (fun toolstack -> collect (one toolstack) variants) toolstacks
  in
  Output.progress "" ; played

let draw settings scenario runs =
  match settings.drawing with
  | None ->
      Ok ()
  | Some path ->
      Chart.svg ~about:(Simulation.about scenario) runs
      |> Output.to_file path
      |> Result.map_error (fun found ->
             Error.fault ~file:path Error.Whole ~found
               ~expected:"a file that can be written"
         )

let status_of_run (run : Simulation.run) =
  match run.ending with
  | Crashed why ->
      Logs.err (fun m ->
          m "%s: the modelled host crashed: %s" run.toolstack.name why
      ) ;
      Status.Hypervisor_error
  | Violated _ | Stuck _ ->
      Status.internal (Fmt.str "%a" Simulation.pp_ending run.ending)
  | As_before | Left _ ->
      if run.failed_starts > 0 then Status.Refused else Status.Done

(* Of several toolstacks only ours counts: that others fail is what the table is
   for. *)
let status settings runs =
  let counts (run : Simulation.run) =
    match settings.toolstacks with
    | One _ ->
        true
    | All ->
        run.toolstack.name = Simulation.ours.name
  in
  let worse (a : Status.t) b = if Status.code b > Status.code a then b else a in
  List.filter counts runs
  |> List.map status_of_run
  |> List.fold_left worse Status.Done

let simulate settings file =
  (* What is being played is not left for a handler in OCaml. *)
  Sys.set_signal Sys.sigint Sys.Signal_default ;
  match Scenario_file.read file with
  | Error error ->
      Status.of_error error
  | Ok scenario -> (
    match play settings scenario with
    | Error (Failure.Invalid invalid) ->
        Status.of_error (Error.of_core ~file:(Source.name file) (Invalid invalid))
    | Error failure ->
        Status.of_failure failure
    | Ok toolstacks -> (
        let runs = List.concat toolstacks in
        ( match (settings.toolstacks, settings.json) with
        | One _, true ->
            print_json (Simulation_json.run runs)
        | All, true ->
            print_json (Simulation_json.comparison toolstacks)
        | One _, false ->
            print_one runs
        | All, false ->
            print_all toolstacks
        ) ;
        match draw settings scenario runs with
        | Ok () ->
            status settings runs
        | Error error ->
            Status.of_error error
      )
  )

let run () list settings = function
  | Some _ when list ->
      `Error (true, "--list goes without a SCENARIO")
  | None when list ->
      print_list () ; `Ok Status.Done
  | None ->
      `Error (true, "required argument SCENARIO is missing; --list tells them")
  | Some file ->
      `Ok (simulate settings file)

let scenario =
  let doc =
    "What happens: a scenario that is built in (see $(b,--list)), the file of \
     one, or $(b,-) for standard input."
  in
  Arg.(value & pos 0 (some string) None & info [] ~docv:"SCENARIO" ~doc)

let list =
  let doc = "List the scenarios that are built in, and what each shows." in
  Arg.(value & flag & info ["list"] ~doc)

let seed =
  let doc =
    "The same seed gives the same result: it decides sizes, durations and \
     whatever comes of chance. 1 unless given."
  in
  Arg.(
    value
    & opt (some (Convert.number ~least:0)) None
    & info ["seed"] ~docv:"N" ~doc
  )

let flavour =
  let doc =
    Printf.sprintf "How the modelled Xen accounts claims: %s."
      (Arg.doc_alts_enum Model.flavours)
  in
  Arg.(
    value
    & opt (enum Model.flavours) Model.Upstream
    & info ["flavour"] ~docv:"FLAVOUR" ~doc
  )

let variant =
  let one (name, variant) = (name, [variant]) in
  let both = List.map snd Simulation.variants in
  let choices = List.map one Simulation.variants @ [("both", both)] in
  let doc =
    Printf.sprintf
      "Whether VM memory that is a share of the host is a multiple of 2 MiB: \
       %s. Without such a VM it makes no difference."
      (Arg.doc_alts_enum choices)
  in
  Arg.(value & opt (enum choices) both & info ["variant"] ~docv:"VARIANT" ~doc)

let strategy =
  let doc =
    Printf.sprintf
      "Which of equally near sets of nodes VMs take, with this project's \
       protocol: %s."
      (Arg.doc_alts_enum Request.strategies)
  in
  Arg.(
    value
    & opt (some (enum Request.strategies)) None
    & info ["strategy"] ~docv:"STRATEGY" ~doc
  )

let toolstack_names =
  let one (toolstack : Simulation.toolstack) = (toolstack.name, One toolstack) in
  List.map one Simulation.toolstacks @ [("all", All)]

let toolstack =
  let doc =
    Printf.sprintf "Who starts the VMs: %s. See $(b,TOOLSTACKS)."
      (Arg.doc_alts_enum toolstack_names)
  in
  Arg.(
    value
    & opt (enum toolstack_names) (One Simulation.ours)
    & info ["toolstack"] ~docv:"NAME" ~doc
  )

let json =
  let doc = "Print one line of JSON." in
  Arg.(value & flag & info ["json"] ~doc)

let drawing =
  let doc =
    "Draw used, claimed and free memory of the host and of each node over time, \
     and what each VM's toolstack is at, into $(docv)."
  in
  Arg.(
    value
    & opt (some (Convert.text ~docv:"FILE")) None
    & info ["svg"] ~docv:"FILE" ~doc
  )

let settings =
  let v seed flavour variants strategy toolstacks json drawing =
    {seed; flavour; variants; strategy; toolstacks; json; drawing}
  in
  Term.(
    const v $ seed $ flavour $ variant $ strategy $ toolstack $ json $ drawing
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
      "Plays a scenario on a model of Xen's page accounting, in virtual time. \
       Of one toolstack it tells of each start on which nodes the VM was \
       placed, what was claimed for it and how, where its memory really is, \
       how long it was queued behind earlier builds and waited for memory, and \
       if it failed, why; of several, a line each."
  ; `P
      "In the lines of toolstacks: starts that failed; starts with memory and \
       affinity on one node; memory away from its vCPUs; pages claimed beyond \
       what their domains could still take, times the seconds that they were; \
       the longest time from the beginning of a phase to its last start; and \
       what the hypervisor got wrong, how often."
  ; `P
      "With $(b,--toolstack all) the exit status tells of this project's \
       protocol only."
  ; `S "SCENARIOS"
  ]
  @ items Fun.id Simulation.scenarios
  @ [`S "TOOLSTACKS"]
  @ items
      (fun (toolstack : Simulation.toolstack) -> (toolstack.name, toolstack.about))
      Simulation.toolstacks
  @ [
      `S Manpage.s_examples
    ; `P "A storm on a Xen that has claims on single nodes:"
    ; `Pre "  $(mname) $(tname) boot-storm --flavour xs9"
    ; `P "The same by everybody, as a table and as a drawing:"
    ; `Pre
        "  $(mname) $(tname) boot-storm --flavour 4.17 --toolstack all --svg \
         storm.svg"
    ; `P "The starts that failed, with another seed:"
    ; `Pre
        "  $(mname) $(tname) boot-storm --seed 7 --json | jq '.vms[] | \
         select(.outcome == \"failed\")'"
    ]

let command =
  let doc = "play a scenario on a model of Xen" in
  Cmd.v
    (Cmd.info "simulate" ~doc ~man ~exits:Status.exits)
    Term.(
      ret (const run $ Convert.verbose $ list $ settings $ scenario)
    )
