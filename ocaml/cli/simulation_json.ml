open Xenopsd_numa_formats
open Xenopsd_numa_model

type traced = {run: Simulation.run; trace: Simulation.choice array option}

let int i : Yojson.Safe.t = `Int i

let float f : Yojson.Safe.t = `Intlit (Printf.sprintf "%.6f" f)

let name_of choices value =
  List.find_map
    (fun (name, choice) -> if choice = value then Some name else None)
    choices
  |> Option.value ~default:""

let string = Json_syntax.string

let variant_name variant = string (name_of Simulation.variants variant)

let start (start : Simulation.start) : Yojson.Safe.t =
  let share (node, pages) = (string_of_int node, int pages) in
  `Assoc
    [
      ("name", string start.vm)
    ; ("variant", variant_name start.variant)
    ; ("phase", string start.phase)
    ; ("nodes", `List (List.map int (Array.to_list start.nodes)))
    ; ("requested_pages", int start.requested_pages)
    ; ("claimed_pages", int start.claimed_pages)
    ; ("claim", string start.claim)
    ; ("pages_per_node", `Assoc (List.map share (Array.to_list start.pages_on)))
    ; ("remote_pages", int start.remote_pages)
    ; ("outcome", string (if start.started then "started" else "failed"))
    ; ("reason", string start.reason)
    ; ("queued_seconds", float start.queued_seconds)
    ; ("waited_seconds", float start.waited_seconds)
    ; ("build_seconds", float start.build_seconds)
    ; ("began_seconds", float start.began_seconds)
    ; ("ended_seconds", float start.ended_seconds)
    ]

let ending (runs : Simulation.run list) : Yojson.Safe.t =
  let text (run : Simulation.run) =
    match run.ending with
    | As_before ->
        None
    | Left sentence | Crashed sentence | Violated sentence | Stuck sentence ->
        Some sentence
  in
  Option.fold ~none:`Null ~some:string (List.find_map text runs)

let found (runs : Simulation.run list) : Yojson.Safe.t =
  let count (finding : Simulation.finding) =
    let of_run (run : Simulation.run) =
      Option.value ~default:0 (List.assoc_opt finding run.found)
    in
    match List.fold_left (fun sum run -> sum + of_run run) 0 runs with
    | 0 ->
        None
    | count ->
        Some (finding.name, int count)
  in
  `Assoc (List.filter_map count Simulation.findings)

let sums (runs : Simulation.run list) =
  let sum of_run =
    int (List.fold_left (fun sum run -> sum + of_run run) 0 runs)
  in
  let longest (longest : float) (run : Simulation.run) =
    max longest run.seconds_to_all_running
  in
  [
    ("starts", sum (fun run -> List.length run.starts))
  ; ("failed_starts", sum (fun run -> run.failed_starts))
  ; ("on_one_node", sum (fun run -> run.starts_on_one_node))
  ; ("remote_pages", sum (fun run -> run.remote_pages))
  ; ("overclaimed_page_seconds", sum (fun run -> run.overclaimed_page_seconds))
  ; ("seconds_to_all_running", float (List.fold_left longest 0. runs))
  ; ("findings", found runs)
  ; ("ending", ending runs)
  ]

let what (runs : Simulation.run list) =
  match runs with
  | [] ->
      []
  | run :: _ ->
      [
        ("scenario", string run.scenario)
      ; ("seed", int run.seed)
      ; ("flavour", string run.flavour.name)
      ]

let variant {run; trace} : Yojson.Safe.t =
  `Assoc
    (("variant", variant_name run.variant)
     :: sums [run]
    @ [("trace", Option.fold ~none:`Null ~some:Trace_file.to_json trace)]
    )

let of_toolstack traced =
  let runs = List.map (fun {run; _} -> run) traced in
  let toolstack =
    match runs with
    | [] ->
        []
    | run :: _ ->
        [("toolstack", string run.toolstack.name)]
  in
  let starts =
    List.concat_map (fun (run : Simulation.run) -> run.starts) runs
  in
  toolstack
  @ sums runs
  @ [
      ("variants", `List (List.map variant traced))
    ; ("vms", `List (Json_field.list_of start starts))
    ]

let of_all traced = what (List.map (fun {run; _} -> run) traced)

let run traced : Yojson.Safe.t = `Assoc (of_all traced @ of_toolstack traced)

let comparison toolstacks : Yojson.Safe.t =
  let each traced : Yojson.Safe.t = `Assoc (of_toolstack traced) in
  `Assoc
    (of_all (List.concat toolstacks)
    @ [("toolstacks", `List (List.map each toolstacks))]
    )
