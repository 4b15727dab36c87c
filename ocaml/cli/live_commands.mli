(** [xenopsd-numa status], [claims] and [snapshot]: what only a live host can
    show. *)

val commands : live:Live.t -> Status.t Cmdliner.Cmd.t list
