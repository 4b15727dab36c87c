open Xenopsd_numa
open Xenopsd_numa_formats
open Xenopsd_numa_model

let name_of choices value =
  List.find_map
    (fun (name, choice) -> if choice = value then Some name else None)
    choices
  |> Option.value ~default:""

let ints = function
  | [||] ->
      "-"
  | ids ->
      String.concat "," (List.map string_of_int (Array.to_list ids))

let seconds value = Printf.sprintf "%.1f s" value

let size pages = Fmt.str "%a" Size.pp (Size.pages pages)

let on pages_on =
  let shares = Array.to_list pages_on in
  match List.filter (fun (_, pages) -> pages > 0) shares with
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

let counts found =
  String.concat "; "
    (List.map (fun (name, count) -> Printf.sprintf "%s %d" name count) found)

let wrong_in_xen (run : Simulation.run) =
  counts
    (List.map
       (fun ((finding : Simulation.finding), count) -> (finding.name, count))
       run.found
    )

let badly_ended (run : Simulation.run) =
  match run.ending with
  | As_before ->
      ""
  | Left sentence | Crashed sentence | Violated sentence | Stuck sentence ->
      sentence

let or_dash = function "" -> "-" | text -> text

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
  ; "at the end"
  ; "wrong in Xen"
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
  ; or_dash (badly_ended run)
  ; or_dash (wrong_in_xen run)
  ]

let sums_heads =
  [
    "toolstack"
  ; "starts"
  ; "failed"
  ; "on one node"
  ; "remote a start"
  ; "over-claimed page s"
  ; "all running"
  ; "ended badly"
  ; "wrong in Xen"
  ]

let sums_row ((toolstack : Simulation.toolstack), (sums : Simulation_sums.t)) =
  [
    toolstack.name
  ; string_of_int sums.starts
  ; string_of_int sums.failed_starts
  ; string_of_int sums.on_one_node
  ; Fmt.str "%a" Size.pp (Simulation_sums.remote_per_start sums)
  ; string_of_int sums.overclaimed_page_seconds
  ; seconds (Simulation_sums.mean_seconds sums)
  ; string_of_int sums.ended_badly
  ; or_dash (counts sums.found)
  ]

let sums ~scenario ~(flavour : Model.flavour) ~seeds toolstacks =
  let runs =
    List.fold_left
      (fun _ (_, (sums : Simulation_sums.t)) -> sums.runs)
      0 toolstacks
  in
  Printf.sprintf "%s, Xen %s, %d seeds, %d runs of each toolstack"
    (Shown.name scenario)
    flavour.name
    (List.length seeds) runs
  :: Output.table (sums_heads :: List.map sums_row toolstacks)

let title (runs : Simulation.run list) =
  match runs with
  | [] ->
      []
  | run :: _ ->
      [
        Printf.sprintf "%s, Xen %s, seed %d" (Shown.name run.scenario)
          run.flavour.name
          run.seed
      ]

let run_table runs = Output.table (run_heads :: List.map run_row runs)

let start_table (runs : Simulation.run list) =
  let starts =
    List.concat_map (fun (run : Simulation.run) -> run.starts) runs
  in
  Output.table (start_heads :: List.map start_row starts)

let totals (runs : Simulation.run list) =
  let sum of_run = List.fold_left (fun sum run -> sum + of_run run) 0 runs in
  Printf.sprintf "%d starts, %d failed"
    (sum (fun (run : Simulation.run) -> List.length run.starts))
    (sum (fun (run : Simulation.run) -> run.failed_starts))

let one runs =
  title runs @ start_table runs @ [""] @ run_table runs @ [""; totals runs]

let all runs = title runs @ run_table runs

let scenarios () =
  Output.table
    (List.map (fun (name, about) -> [name; about]) Simulation.scenarios)

let how_to_repeat (run : Simulation.run) choices =
  [
    ""
  ; Printf.sprintf
      "seed %d, %s, %s: the fewest choices with which it fails. To run them, \
       save the line below and give it as --trace FILE, with --seed %d \
       --flavour %s --toolstack %s --variant %s --strategy %s:"
      run.seed run.toolstack.name
      (name_of Simulation.variants run.variant)
      run.seed
      run.flavour.name
      run.toolstack.name
      (name_of Simulation.variants run.variant)
      (name_of Request.strategies run.strategy)
  ; Yojson.Safe.to_string ~std:true
      (Trace_file.to_json choices)
  ]
