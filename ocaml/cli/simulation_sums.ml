open Xenopsd_numa
open Xenopsd_numa_formats
open Xenopsd_numa_model

type t = {
    runs: int
  ; starts: int
  ; failed_starts: int
  ; on_one_node: int
  ; remote_pages: int
  ; overclaimed_page_seconds: int
  ; seconds_to_all_running: float
  ; found: (string * int) list
  ; ended_badly: int
}

let none =
  {
    runs= 0
  ; starts= 0
  ; failed_starts= 0
  ; on_one_node= 0
  ; remote_pages= 0
  ; overclaimed_page_seconds= 0
  ; seconds_to_all_running= 0.
  ; found= []
  ; ended_badly= 0
  }

let found sums (run : Simulation.run) =
  let count (finding : Simulation.finding) =
    let name = finding.name in
    let before = Option.value ~default:0 (List.assoc_opt name sums.found) in
    let more = Option.value ~default:0 (List.assoc_opt finding run.found) in
    match before + more with 0 -> None | count -> Some (name, count)
  in
  List.filter_map count Simulation.findings

let add sums (run : Simulation.run) =
  {
    runs= sums.runs + 1
  ; starts= sums.starts + List.length run.starts
  ; failed_starts= sums.failed_starts + run.failed_starts
  ; on_one_node= sums.on_one_node + run.starts_on_one_node
  ; remote_pages= sums.remote_pages + run.remote_pages
  ; overclaimed_page_seconds=
      sums.overclaimed_page_seconds + run.overclaimed_page_seconds
  ; seconds_to_all_running=
      sums.seconds_to_all_running +. run.seconds_to_all_running
  ; found= found sums run
  ; ended_badly=
      ( match run.ending with
      | As_before ->
          sums.ended_badly
      | Left _ | Crashed _ | Violated _ | Stuck _ ->
          sums.ended_badly + 1
      )
  }

let remote_per_start {remote_pages; starts; _} =
  Size.pages (remote_pages / max 1 starts)

let mean_seconds {seconds_to_all_running; runs; _} =
  seconds_to_all_running /. float_of_int (max 1 runs)

let of_toolstack ((toolstack : Simulation.toolstack), sums) : Yojson.Safe.t =
  let found (name, count) = (name, `Int count) in
  `Assoc
    [
      ("toolstack", Json_syntax.string toolstack.name)
    ; ("runs", `Int sums.runs)
    ; ("starts", `Int sums.starts)
    ; ("failed_starts", `Int sums.failed_starts)
    ; ("on_one_node", `Int sums.on_one_node)
    ; ("remote_pages", `Int sums.remote_pages)
    ; ("overclaimed_page_seconds", `Int sums.overclaimed_page_seconds)
    ; ( "mean_seconds_to_all_running"
      , `Intlit (Printf.sprintf "%.6f" (mean_seconds sums))
      )
    ; ("findings", `Assoc (List.map found sums.found))
    ; ("ended_badly", `Int sums.ended_badly)
    ]

let to_json ~scenario ~seeds ~(flavour : Model.flavour) toolstacks :
    Yojson.Safe.t =
  `Assoc
    [
      ("scenario", Json_syntax.string scenario)
    ; ("seeds", `List (List.map (fun seed -> `Int seed) seeds))
    ; ("flavour", Json_syntax.string flavour.name)
    ; ("toolstacks", `List (List.map of_toolstack toolstacks))
    ]
