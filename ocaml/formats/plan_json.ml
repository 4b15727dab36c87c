open Xenopsd_numa

let int i : Yojson.Safe.t = `Int i

(* Safe on long lists. *)
let ints list : Yojson.Safe.t = `List (List.rev (List.rev_map int list))

let or_null f = Option.fold ~none:`Null ~some:f

(* A literal, because Yojson would print 15.5 with as few digits as will do. *)
let six_decimals number : Yojson.Safe.t =
  `Intlit (Printf.sprintf "%.6f" number)

let reason_name reason =
  List.find_map
    (fun (name, named) -> if named = reason then Some name else None)
    Refusal.reasons

let shortfall (refusal : Refusal.t) =
  [
    ("reason", or_null (fun name -> `String name) (reason_name refusal.reason))
  ; ("short_by_bytes", int refusal.short_by_bytes)
  ; ("short_by_cpus", int refusal.short_by_cpus)
  ; ("short_by_cores", int refusal.short_by_cores)
  ]

let rejected (rejected : Explanation.rejected) text =
  `Assoc
    ([
       ("max_distance", int rejected.max_distance)
     ; ("size", or_null int rejected.size)
     ; ("nodes", ints rejected.bound.nearest)
     ]
    @ shortfall rejected.bound
    @ [("text", `String text)]
    )

let chosen text =
  `Assoc
    [
      ("max_distance", `Null)
    ; ("size", `Null)
    ; ("nodes", `List [])
    ; ("reason", `Null)
    ; ("short_by_bytes", int 0)
    ; ("short_by_cpus", int 0)
    ; ("short_by_cores", int 0)
    ; ("text", `String text)
    ]

(* The lines of an explanation are those of what was rejected, in its order, and
   then those about the choice. *)
let explanation_to_json (explanation : Explanation.t) =
  let rec join kinds lines =
    match (kinds, lines) with
    | kind :: kinds, line :: lines ->
        rejected kind line :: join kinds lines
    | [], lines ->
        List.map chosen lines
    | _ :: _, [] ->
        []
  in
  join explanation.rejected (Explanation.lines explanation)

let placed plan : (string * Yojson.Safe.t) list =
  let share (node, pages) = (string_of_int node, int pages) in
  [
    ("nodes", ints (Plan.nodes plan))
  ; ("pages_per_node", `Assoc (List.map share (Plan.pages_per_node plan)))
  ; ("cpus", `String (Plan.cpus plan))
  ; ("max_distance", or_null int (Plan.max_distance plan))
  ; ("average_distance", or_null six_decimals (Plan.average_distance plan))
  ; ("optimal", `Bool (Plan.optimal plan))
  ; ("gap", or_null six_decimals (Plan.gap plan))
  ; ("refused", `Null)
  ]

let refused refusal : (string * Yojson.Safe.t) list =
  [
    ("nodes", `List [])
  ; ("pages_per_node", `Assoc [])
  ; ("cpus", `String "")
  ; ("max_distance", `Null)
  ; ("average_distance", `Null)
  ; ("optimal", `Bool true)
  ; ("gap", six_decimals 0.)
  ; ("refused", `Assoc (shortfall refusal))
  ]

let v ?explanation ~name answer : Yojson.Safe.t =
  let explanation =
    Option.fold ~none:[] ~some:explanation_to_json explanation
  in
  let answer =
    match answer with Ok plan -> placed plan | Error refusal -> refused refusal
  in
  `Assoc
    ((("name", Json_syntax.string name) :: answer)
    @ [("explanation", `List explanation)]
    )

let score (score : Xenopsd_numa.Batch.score) : (string * Yojson.Safe.t) list =
  [
    ("left_out", int score.left_out)
  ; ("left_out_bytes", int score.left_out_bytes)
  ; ("average_distance", or_null six_decimals score.average_distance)
  ; ("on_several_nodes", int score.on_several_nodes)
  ]

let together (batch : Xenopsd_numa.Batch.t) : (string * Yojson.Safe.t) list =
  let search =
    [
      ("one_by_one", `Assoc (score batch.one_by_one))
    ; ("orders_tried", int batch.orders_tried)
    ; ("optimal", `Bool batch.optimal)
    ; ("complete", `Bool batch.complete)
    ]
  in
  [
    ("order", ints batch.order)
  ; ("together", `Assoc (score batch.score @ search))
  ]
