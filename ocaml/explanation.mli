(** Why an answer is what it is; see {!Xenopsd_numa.Explanation}. *)

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

include module type of struct
  include Raw.Explanation
end

val behinds : Raw.Named.t list

val alone_lines : t -> (alone * string) list

val wider_lines : t -> (rejected * string) list

val choice_lines : t -> string list

val lines : t -> string list

val log_line : t -> string
