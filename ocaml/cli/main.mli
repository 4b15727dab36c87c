(** The command [xenopsd-numa]: for files and the model, without a live host. *)
