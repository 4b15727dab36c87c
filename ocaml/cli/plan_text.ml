open Xenopsd_numa
open Xenopsd_numa_formats

let share (node, pages) =
  [
    Printf.sprintf "  node %d" node
  ; Fmt.str "%a, %d pages" Size.pp (Size.pages pages) pages
  ]

let distance plan =
  match (Plan.max_distance plan, Plan.average_distance plan) with
  | Some maximum, Some average ->
      [
        [
          "  distance"
        ; Printf.sprintf "%d at most, %.6f on average" maximum average
        ]
      ]
  | Some _, None | None, Some _ | None, None ->
      []

let nearest plan =
  match (Plan.optimal plan, Plan.gap plan) with
  | true, _ ->
      []
  | false, Some gap ->
      [
        [
          "  nearest"
        ; Printf.sprintf "not proven: within %.2f %% on average" (100. *. gap)
        ]
      ]
  | false, None ->
      [["  nearest"; "not proven"]]

let claimed host =
  let on node (of_node : Host.node) =
    if Size.compare of_node.claimed Size.zero > 0 then
      Some (Fmt.str "%a on node %d" Size.pp of_node.claimed node)
    else
      None
  in
  let nodes = Array.to_list (Array.mapi on (Host.nodes host)) in
  match List.filter_map Fun.id nodes with
  | [] ->
      ""
  | nodes ->
      ": " ^ String.concat ", " nodes

let left_alone host (left : Plan_json.left_alone) =
  let row size text =
    if Size.compare size Size.zero > 0 then
      [["  left alone"; Fmt.str "%a %s" Size.pp size text]]
    else
      []
  in
  row left.overhead "for the VM beside its memory"
  @ row left.reserve "of the host, reserved"
  @ row left.node_reserve "of each node, reserved"
  @ row left.claimed ("claimed by domains" ^ claimed host)

let nodes_text plan =
  match Plan.nodes plan with
  | [node] ->
      Printf.sprintf "node %d" node
  | nodes ->
      "nodes " ^ String.concat ", " (List.map string_of_int nodes)

let plan_rows plan =
  let cpus = match Plan.cpus plan with "" -> "none" | cpus -> cpus in
  ([["  CPUs"; cpus]] @ List.map share (Plan.pages_per_node plan))
  @ distance plan @ nearest plan

let head ~name ~starts = function
  | Ok plan ->
      Printf.sprintf "%s fits on %s" name (nodes_text plan)
  | Error refusal when starts && Refusal.of_the_host refusal ->
      Fmt.str
        "%s would be let through: with numa-claims = never nobody looks \
         whether its memory is there, and it is not: %a"
        name Refusal.pp refusal
  | Error refusal when starts ->
      Fmt.str "%s would start without a place: %a" name Refusal.pp refusal
  | Error refusal ->
      Fmt.str "%s does not fit: %a" name Refusal.pp refusal

let lines ~name ~starts ~host left answer explanation =
  let name = if name = "" then "The VM" else Shown.name name in
  let why =
    match Option.fold ~none:[] ~some:Explanation.lines explanation with
    | [] ->
        []
    | lines ->
        "Why:" :: List.map (fun line -> "  " ^ line) lines
  in
  let rows = Result.fold ~ok:plan_rows ~error:(fun _ -> []) answer in
  (head ~name ~starts answer :: Output.table (rows @ left_alone host left))
  @ why
