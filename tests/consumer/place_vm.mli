(** Places one VM on a modelled Xen, as a toolstack would. *)
