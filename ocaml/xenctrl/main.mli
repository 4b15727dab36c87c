(** The command [xenopsd-numa] with the running Xen in it. *)
