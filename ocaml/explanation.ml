type rejected = {max_distance: int; size: int option; bound: Refusal.t}

type weighed = {
    room_bytes: int
  ; emptiest_bytes: int
  ; used_share: float
  ; ended_holes: int option
}

type behind = Raw.behind_value =
  | Without_cpus
  | Maximum
  | Average
  | Strategy
  | Numbers
  | Budget

type alone = {node: int; verdict: (behind, Refusal.t) result}

type runner_up = {plan: Plan.t; behind: behind; weighed: weighed}

type t = {
    answer: (Plan.t, Refusal.t) result
  ; rejected: rejected list
  ; alone: alone list
  ; compared: int
  ; steps: int
  ; strategy: Raw.strategy_value
  ; weighed: weighed option
  ; runner_up: runner_up option
}

let behinds =
  [
    ("without_cpus", Without_cpus)
  ; ("maximum", Maximum)
  ; ("average", Average)
  ; ("strategy", Strategy)
  ; ("numbers", Numbers)
  ; ("budget", Budget)
  ]

let weighed_of_raw (value : Raw.weighed_value) =
  {
    room_bytes= value.room_bytes
  ; emptiest_bytes= value.emptiest_bytes
  ; used_share= value.used_share
  ; ended_holes= value.ended_holes
  }

let of_raw answer (value : Raw.explained_value) =
  let rejected (value : Raw.rejected_value) =
    {
      max_distance= value.rejected_max_distance
    ; size= value.rejected_size
    ; bound= Refusal.of_raw value.bound
    }
  in
  let alone (value : Raw.alone_value) =
    let verdict =
      match (value.would_do, value.lacks) with
      | Some behind, _ ->
          Some (Ok behind)
      | None, lacks ->
          Option.map (fun refusal -> Error (Refusal.of_raw refusal)) lacks
    in
    Option.map (fun verdict -> {node= value.alone_node; verdict}) verdict
  in
  let runner_up (value : Raw.runner_up_value) =
    {
      plan= value.second
    ; behind= value.behind
    ; weighed= weighed_of_raw value.second_weighed
    }
  in
  {
    answer
  ; rejected= List.map rejected (Array.to_list value.rejected)
  ; alone= List.filter_map alone (Array.to_list value.alone)
  ; compared= value.compared
  ; steps= value.steps
  ; strategy= value.chosen_by
  ; weighed= Option.map weighed_of_raw value.weighed
  ; runner_up= Option.map runner_up value.runner_up
  }

(* {1 What was rejected} *)

(* Sets within distance 10 are not one node alone where two nodes are that
   near. *)
let is_one_node {max_distance; size; bound} =
  match (size, bound.nearest) with
  | Some size, _ ->
      size = 1
  | None, ([] | [_]) ->
      max_distance = 10
  | None, _ :: _ :: _ ->
      false

let kind rejected =
  match rejected.size with
  | _ when is_one_node rejected ->
      "one node alone"
  | Some size ->
      Printf.sprintf "up to %d nodes within distance %d" size
        rejected.max_distance
  | None ->
      Printf.sprintf "nodes within distance %d" rejected.max_distance

(* There are no nearest nodes where none may be used. *)
let rejected_line rejected =
  let short = Refusal.shortfall rejected.bound in
  match rejected.bound.nearest with
  | [] ->
      Printf.sprintf "%s: short by %s" (kind rejected) short
  | nearest ->
      Printf.sprintf "%s: short by %s (%s)" (kind rejected) short
        (Words.nodes nearest)

(* Whether all sets of the one kind are of the other one, too. *)
let within inner outer =
  let size kind = Option.value kind.size ~default:max_int in
  inner.max_distance <= outer.max_distance && size inner <= size outer

(* A kind that is short of no less than a wider one says nothing beside it. *)
let telling rejected =
  let add kinds kind =
    match kinds with
    | narrower :: kinds when within narrower kind && narrower.bound = kind.bound
      ->
        kind :: kinds
    | kinds ->
        kind :: kinds
  in
  List.rev (List.fold_left add [] rejected)

let first_lines = 4

let last_lines = 3

(* What one node is short of is told of each. *)
let is_wider t rejected = t.alone = [] || not (is_one_node rejected)

let wider t = List.filter (is_wider t) t.rejected

let rejected_lines t =
  let kinds = List.filter (is_wider t) (telling t.rejected) in
  let lines = List.map rejected_line kinds in
  let left = List.length lines - first_lines - last_lines in
  if left <= 1 then
    lines
  else
    let first = List.filteri (fun i _ -> i < first_lines) lines in
    let last = List.filteri (fun i _ -> i >= first_lines + left) lines in
    first
    @ [Printf.sprintf "and %d more kinds of sets that are short" left]
    @ last

(* {1 What each node was short of} *)

let would_do = "would do"

let verdict_text = function
  | Ok _ ->
      would_do
  | Error refusal ->
      "short by " ^ Refusal.shortfall refusal

(* [numbers] in any order; [each] of several nodes that are told in one line. *)
let nodes_alone numbers text =
  let each =
    match numbers with
    | _ :: _ :: _ when text <> would_do ->
        " each"
    | _ ->
        ""
  in
  let nodes = Words.nodes (List.sort Int.compare numbers) in
  Printf.sprintf "%s alone: %s%s" nodes text each

let alone_line {node; verdict} = nodes_alone [node] (verdict_text verdict)

(* Nodes of which the same is to be told are told in one line. *)
let groups alone =
  let add groups {node; verdict} =
    let text = verdict_text verdict in
    match groups with
    | (nodes, same) :: groups when same = text ->
        (node :: nodes, same) :: groups
    | groups ->
        ([node], text) :: groups
  in
  List.rev (List.fold_left add [] alone)

let most_alone = 8

let alone_lines alone =
  let groups = groups alone in
  let line (nodes, text) = nodes_alone nodes text in
  if List.length groups <= most_alone then
    List.map line groups
  else
    let shown = List.filteri (fun i _ -> i < most_alone - 1) groups in
    let left = List.filteri (fun i _ -> i >= most_alone - 1) groups in
    let nodes = List.concat_map fst left in
    List.map line shown
    @ [
        Printf.sprintf "and %d more nodes alone, which are short"
          (List.length nodes)
      ]

(* {1 What was chosen} *)

let strategy_name t =
  match t.strategy with
  | Raw.Pack ->
      "pack"
  | Raw.Spread ->
      "spread"
  | Raw.Balance ->
      "balance"

(* The distances of the plan [other] beside those of [plan]. *)
let distances ~plan other =
  let far plan = Option.value (Plan.max_distance plan) ~default:0 in
  let average plan = Option.value (Plan.average_distance plan) ~default:0. in
  let its, mine = Words.apart ~least:2 (average other) (average plan) in
  match (far other = far plan, its = mine) with
  | true, true ->
      "as near"
  | true, false ->
      Printf.sprintf "distance %s on average, not %s" its mine
  | false, _ ->
      Printf.sprintf "distance %d at most, not %d; average %s, not %s"
        (far other) (far plan) its mine

(* What the strategy has against the nodes of [runner_up], which are as near. *)
let preference t (mine : weighed) (runner_up : runner_up) =
  let its = runner_up.weighed in
  match t.strategy with
  | Raw.Pack ->
      "as near, with more room"
  | Raw.Spread ->
      let percent weighed = 100. *. weighed.used_share in
      let its, mine = Words.apart ~least:1 (percent its) (percent mine) in
      Printf.sprintf "as near, but %s %% used then, not %s %%" its mine
  | Raw.Balance -> (
    match (mine.ended_holes, its.ended_holes) with
    | Some mine, Some its when mine <> its ->
        Printf.sprintf "as near, but ends %d large hole%s, not %d" its
          (if its = 1 then "" else "s")
          mine
    | Some _, Some its ->
        Printf.sprintf
          "as near, ends as many large holes (%d), but has more room" its
    | Some _, None ->
        "as near, but not one node alone"
    | None, (Some _ | None) when mine.emptiest_bytes <> its.emptiest_bytes ->
        Printf.sprintf "as near, but its emptiest node has %s, %s"
          (Words.size its.emptiest_bytes)
          (Words.more its.emptiest_bytes ~than:mine.emptiest_bytes)
    | None, (Some _ | None) ->
        "as near, with as empty a node, but more room"
  )

let next_best t ~plan (mine : weighed) (runner_up : runner_up) =
  let nodes = Words.nodes (Plan.nodes runner_up.plan) in
  let distances = distances ~plan runner_up.plan in
  let next =
    if Plan.optimal runner_up.plan then "next best" else "next best found"
  in
  match runner_up.behind with
  | Without_cpus ->
      Printf.sprintf "%s: %s, not all with CPUs" next nodes
  | Maximum | Average ->
      Printf.sprintf "%s: %s, %s" next nodes distances
  | Strategy ->
      Printf.sprintf "%s: %s, %s" next nodes (preference t mine runner_up)
  | Numbers ->
      Printf.sprintf "%s: %s, as good, but the lower numbers are taken" next
        nodes
  | Budget ->
      Printf.sprintf "better, not met in time: %s, %s" nodes distances

let room ~plan (mine : weighed) (runner_up : runner_up) =
  let its = runner_up.weighed in
  Printf.sprintf "room: %s on %s, %s on %s"
    (Words.size mine.room_bytes)
    (Words.nodes (Plan.nodes plan))
    (Words.more its.room_bytes ~than:mine.room_bytes)
    (Words.nodes (Plan.nodes runner_up.plan))

(* That the count is 1 does not say that no other set is as near. *)
let chosen_line t (runner_up : runner_up) =
  match (t.compared >= 2, runner_up.behind) with
  | true, _ ->
      [
        Printf.sprintf "%s chose: %d equally near sets of nodes were compared"
          (strategy_name t) t.compared
      ]
  | false, (Strategy | Numbers) ->
      [strategy_name t ^ " chose: other sets of nodes are as near"]
  | false, (Without_cpus | Maximum | Average | Budget) ->
      []

let choice_lines t =
  match (t.answer, t.weighed, t.runner_up) with
  | Error _, _, _ ->
      []
  | Ok _, None, _ ->
      ["policy any: wherever there is memory"]
  | Ok _, Some _, None ->
      ["no other nodes would do"]
  | Ok plan, Some mine, Some runner_up ->
      chosen_line t runner_up
      @ [next_best t ~plan mine runner_up; room ~plan mine runner_up]

let lines t = alone_lines t.alone @ rejected_lines t @ choice_lines t

(* {1 A line for a log} *)

let head = function
  | Error (refusal : Refusal.t) ->
      let named (_, reason) = reason = refusal.reason in
      let reason =
        Option.fold ~none:"" ~some:fst (List.find_opt named Refusal.reasons)
      in
      let short =
        match (Refusal.shortfall refusal, refusal.nearest) with
        | "", _ ->
            "nothing is short"
        | short, [] ->
            "short by " ^ short
        | short, nearest ->
            Words.nodes nearest ^ " short by " ^ short
      in
      Printf.sprintf "refused, %s: %s" reason short
  | Ok plan ->
      let distance =
        match (Plan.max_distance plan, Plan.average_distance plan) with
        | Some maximum, Some average ->
            Printf.sprintf ", distance %d at most, %.2f on average" maximum
              average
        | Some _, None | None, Some _ | None, None ->
            ""
      in
      let proven = if Plan.optimal plan then "" else ", not proven nearest" in
      Words.nodes (Plan.nodes plan) ^ distance ^ proven

(* Of a plan the widest kind, for which it is no nearer or smaller; of a refusal
   the narrowest, as the widest is the refusal itself. *)
let log_rejected t =
  let more count what =
    match count with
    | 0 ->
        ""
    | 1 ->
        Printf.sprintf ", 1 more %s short" what
    | n ->
        Printf.sprintf ", %d more %ss short" n what
  in
  let is_short {node= _; verdict} = Result.is_error verdict in
  let kinds =
    match t.answer with Ok _ -> List.rev t.rejected | Error _ -> t.rejected
  in
  match (kinds, List.filter is_short t.alone) with
  | [], [] ->
      []
  | [], alone :: rest ->
      [alone_line alone ^ more (List.length rest) "node"]
  | kind :: rest, _ ->
      [rejected_line kind ^ more (List.length rest) "kind"]

let log_line t =
  String.concat "; " ((head t.answer :: log_rejected t) @ choice_lines t)
