(** [xenopsd-numa doctor]: what is linked, what is switched on, and what a host
    looks like. *)

val command : live:Live.t -> Status.t Cmdliner.Cmd.t
