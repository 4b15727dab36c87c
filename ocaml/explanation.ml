type rejected = Raw.Rejected.t = {
    max_distance: int
  ; size: int option
  ; bound: Raw.Refusal.t
}

type weighed = Raw.Weighed.t = {
    room_bytes: int
  ; emptiest_bytes: int
  ; used_share: float
  ; ended_holes: int option
}

type alone = Raw.Alone.t = {
    node: int
  ; verdict: (Raw.Named.t, Raw.Refusal.t) result
}

type runner_up = Raw.Runner_up.t = {
    plan: Raw.Plan.t
  ; behind: Raw.Named.t
  ; weighed: weighed
}

type words = Raw.Explained_handle.t

include Raw.Explanation

let behinds = Raw.behinds ()

let words t = Raw.explanation_words t.words

let alone_lines t = List.combine t.alone (words t).alone

let wider_lines t =
  let rejected = Array.of_list t.rejected in
  List.map (fun (at, line) -> (rejected.(at), line)) (words t).wider

let choice_lines t = (words t).choice

let lines t = (words t).lines

let log_line t = (words t).log_line
