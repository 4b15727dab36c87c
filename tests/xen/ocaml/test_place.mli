(** Places and builds domains on the running Xen through [Xenopsd_numa], from
    several threads. Its argument is the program that creates and populates the
    domains. *)
