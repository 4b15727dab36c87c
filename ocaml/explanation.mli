(** Why an answer is what it is; see {!Xenopsd_numa.Explanation}. *)

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

val of_raw : (Plan.t, Refusal.t) result -> Raw.explained_value -> t

val behinds : (string * behind) list

val wider : t -> rejected list

val rejected_line : rejected -> string

val alone_line : alone -> string

val choice_lines : t -> string list

val lines : t -> string list

val log_line : t -> string
