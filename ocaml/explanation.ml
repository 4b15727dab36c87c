type rejected = {max_distance: int; size: int option; bound: Refusal.t}

type weighed = Raw.weighed_value = {
    room_bytes: int
  ; emptiest_bytes: int
  ; used_share: float
  ; ended_holes: int option
}

type alone = {node: int; verdict: (Raw.named_value, Refusal.t) result}

type runner_up = {plan: Plan.t; behind: Raw.named_value; weighed: weighed}

type words = Raw.explained_handle

type t = {
    answer: (Plan.t, Refusal.t) result
  ; rejected: rejected list
  ; alone: alone list
  ; compared: int
  ; steps: int
  ; strategy: Raw.strategy_value
  ; weighed: weighed option
  ; runner_up: runner_up option
  ; words: words
}

let behinds = Array.to_list (snd (Raw.xenopsd_numa_reasons ()))

let of_raw answer ((value : Raw.explained_value), words) =
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
    ; weighed= value.second_weighed
    }
  in
  {
    answer
  ; rejected= List.map rejected (Array.to_list value.rejected)
  ; alone= List.filter_map alone (Array.to_list value.alone)
  ; compared= value.compared
  ; steps= value.steps
  ; strategy= value.chosen_by
  ; weighed= value.weighed
  ; runner_up= Option.map runner_up value.runner_up
  ; words
  }

let words t = Raw.xenopsd_numa_explanation_words t.words

let alone_lines t =
  List.combine t.alone (Array.to_list (words t).alone_lines)

let wider_lines t =
  let rejected = Array.of_list t.rejected in
  List.map
    (fun (at, line) -> (rejected.(at), line))
    (Array.to_list (words t).wider_lines)

let choice_lines t = Array.to_list (words t).choice_lines

let lines t = Array.to_list (words t).all_lines

let log_line t = (words t).log_line
