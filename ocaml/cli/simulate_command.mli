(** [xenopsd-numa simulate]: whole days of a toolstack, on the model of Xen. *)

val command : Status.t Cmdliner.Cmd.t
