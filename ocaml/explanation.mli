(** Why an answer is what it is; see {!Xenopsd_numa.Explanation}. *)

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

val of_raw :
     (Plan.t, Refusal.t) result
  -> Raw.explained_value * Raw.explained_handle
  -> t

val behinds : Raw.named_value list

val alone_lines : t -> (alone * string) list

val wider_lines : t -> (rejected * string) list

val choice_lines : t -> string list

val lines : t -> string list

val log_line : t -> string
