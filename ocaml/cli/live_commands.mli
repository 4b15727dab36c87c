(** [xenopsd-numa status], [claims] and [snapshot]: what only a live host can
    tell. *)

val commands : live:Live.t -> Status.t Cmdliner.Cmd.t list
