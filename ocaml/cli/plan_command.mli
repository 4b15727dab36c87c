(** [xenopsd-numa plan]: where VMs would live, on hosts in files or on the live
    one. *)

val command : live:Live.t -> Status.t Cmdliner.Cmd.t
