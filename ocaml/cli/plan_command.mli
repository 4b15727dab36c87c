(** [xenopsd-numa plan]: where a VM would live on a host in a file. *)

val command : Status.t Cmdliner.Cmd.t
