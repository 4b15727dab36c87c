open Xenopsd_numa

let int i : Yojson.Safe.t = `Int i

(* Safe on long lists. *)
let ints list : Yojson.Safe.t = `List (List.rev (List.rev_map int list))

let or_null f = Option.fold ~none:`Null ~some:f

(* A literal, because Yojson would print 15.5 with as few digits as will do. *)
let six_decimals number : Yojson.Safe.t =
  `Intlit (Printf.sprintf "%.6f" number)

(* A name of the lists that the typed module has for its variants. *)
let named names value : Yojson.Safe.t =
  List.find_opt (fun (_, named) -> named = value) names
  |> or_null (fun (name, _) -> `String name)

let shortfall (refusal : Refusal.t) =
  [
    ("reason", `String refusal.reason.name)
  ; ("short_by_bytes", int refusal.short_by_bytes)
  ; ("short_by_cpus", int refusal.short_by_cpus)
  ; ("short_by_cores", int refusal.short_by_cores)
  ]

let rejected (rejected : Explanation.rejected) =
  [
    ("max_distance", int rejected.max_distance)
  ; ("size", or_null int rejected.size)
  ; ("nodes", ints rejected.bound.nearest)
  ]
  @ shortfall rejected.bound

let chosen =
  [
    ("max_distance", `Null)
  ; ("size", `Null)
  ; ("nodes", `List [])
  ; ("reason", `Null)
  ; ("short_by_bytes", int 0)
  ; ("short_by_cpus", int 0)
  ; ("short_by_cores", int 0)
  ]

let in_words entry text : Yojson.Safe.t =
  `Assoc (entry @ [("text", `String text)])

let alone ({node; verdict} : Explanation.alone) =
  let none =
    [
      ("reason", `Null)
    ; ("short_by_bytes", int 0)
    ; ("short_by_cpus", int 0)
    ; ("short_by_cores", int 0)
    ]
  in
  [("max_distance", int 10); ("size", int 1); ("nodes", ints [node])]
  @ Result.fold ~ok:(fun _ -> none) ~error:shortfall verdict

let explanation_to_json (explanation : Explanation.t) =
  let kind (kind, line) = in_words (rejected kind) line in
  let one (node, line) = in_words (alone node) line in
  List.map one (Explanation.alone_lines explanation)
  @ List.map kind (Explanation.wider_lines explanation)
  @ List.map (in_words chosen) (Explanation.choice_lines explanation)

let place plan : (string * Yojson.Safe.t) list =
  let share (node, pages) = (string_of_int node, int pages) in
  [
    ("nodes", ints (Plan.nodes plan))
  ; ("pages_per_node", `Assoc (List.map share (Plan.pages_per_node plan)))
  ; ("cpus", `String (Plan.cpus plan))
  ; ("max_distance", or_null int (Plan.max_distance plan))
  ; ("average_distance", or_null six_decimals (Plan.average_distance plan))
  ; ("optimal", `Bool (Plan.optimal plan))
  ; ("gap", or_null six_decimals (Plan.gap plan))
  ]

let placed plan = place plan @ [("refused", `Null)]

let no_place : (string * Yojson.Safe.t) list =
  [
    ("nodes", `List [])
  ; ("pages_per_node", `Assoc [])
  ; ("cpus", `String "")
  ; ("max_distance", `Null)
  ; ("average_distance", `Null)
  ; ("optimal", `Bool true)
  ; ("gap", six_decimals 0.)
  ]

let refused refusal = no_place @ [("refused", `Assoc (shortfall refusal))]

let weighed (weighed : Explanation.weighed) : Yojson.Safe.t =
  `Assoc
    [
      ("room_bytes", int weighed.room_bytes)
    ; ("emptiest_bytes", int weighed.emptiest_bytes)
    ; ("used_share", six_decimals weighed.used_share)
    ; ("ended_holes", or_null int weighed.ended_holes)
    ]

let runner_up (runner_up : Explanation.runner_up) : Yojson.Safe.t =
  `Assoc
    (place runner_up.plan
    @ [
        ("behind", `String runner_up.behind.name)
      ; ("weighed", weighed runner_up.weighed)
      ]
    )

let reasons (explanation : Explanation.t) : Yojson.Safe.t =
  let kind kind : Yojson.Safe.t = `Assoc (rejected kind) in
  let one (alone : Explanation.alone) : Yojson.Safe.t =
    let lacks refusal : Yojson.Safe.t = `Assoc (shortfall refusal) in
    `Assoc
      [
        ("node", int alone.node)
      ; ("short", or_null lacks (Result.fold ~ok:(fun _ -> None)
             ~error:Option.some alone.verdict))
      ; ("behind", Result.fold ~ok:(fun (behind : named) -> `String behind.name)
             ~error:(fun _ -> `Null) alone.verdict)
      ]
  in
  `Assoc
    [
      ("rejected", `List (List.map kind explanation.rejected))
    ; ("alone", `List (List.map one explanation.alone))
    ; ("compared", int explanation.compared)
    ; ("steps", int explanation.steps)
    ; ("strategy", named Request.strategies explanation.strategy)
    ; ("weighed", or_null weighed explanation.weighed)
    ; ("runner_up", or_null runner_up explanation.runner_up)
    ]

let left_out host : (string * Yojson.Safe.t) list =
  let node (left_out : Host.Left_out.t) : Yojson.Safe.t =
    `Assoc
      [
        ("node", int left_out.node)
      ; ("reason", `String left_out.why)
      ; ("text", `String left_out.sentence)
      ]
  in
  match Host.left_out host with
  | [] ->
      []
  | nodes ->
      [("left_out_nodes", `List (List.map node nodes))]

type left_alone = {
    overhead: Size.t
  ; reserve: Size.t
  ; node_reserve: Size.t
  ; claimed: Size.t
}

let bytes (size : Size.t) = int (size :> int)

let left_alone_json left host : Yojson.Safe.t =
  let on node (of_node : Host.node) =
    (string_of_int node, bytes of_node.claimed)
  in
  let of_nodes = Array.to_list (Array.mapi on (Host.nodes host)) in
  `Assoc
    [
      ("overhead_bytes", bytes left.overhead)
    ; ("reserve_bytes", bytes left.reserve)
    ; ("node_reserve_bytes", bytes left.node_reserve)
    ; ("claimed_bytes", bytes left.claimed)
    ; ( "claimed_bytes_per_node"
      , `Assoc (List.filter (fun (_, claimed) -> claimed <> `Int 0) of_nodes)
      )
    ]

let answered = function
  | Ok plan ->
      placed plan
  | Error refusal ->
      refused refusal

let why explanation : (string * Yojson.Safe.t) list =
  match explanation with
  | None ->
      [("explanation", `List [])]
  | Some explanation ->
      [
        ("explanation", `List (explanation_to_json explanation))
      ; ("reasons", reasons explanation)
      ]

let named_answer name fields : Yojson.Safe.t =
  `Assoc (("name", Json_syntax.string name) :: fields)

let v ?explanation ?host ~name answer =
  let beside = Option.fold ~none:[] ~some:left_out host in
  named_answer name (answered answer @ why explanation @ beside)

let single ?explanation ~starts ~name left host answer =
  let unplaced : (string * Yojson.Safe.t) list =
    match answer with
    | Error refusal when starts ->
        no_place
        @ [("refused", `Null); ("unplaced", `Assoc (shortfall refusal))]
    | Ok _ | Error _ ->
        answered answer @ [("unplaced", `Null)]
  in
  let left = [("left_alone", left_alone_json left host)] in
  named_answer name (unplaced @ left @ why explanation @ left_out host)

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
