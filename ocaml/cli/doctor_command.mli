(** [xenopsd-numa doctor]: what is linked, what is switched on, and what a host
    looks like. *)

open Xenopsd_numa

val command :
     live:(unit -> (Hypervisor.t, string) result) option
  -> Status.t Cmdliner.Cmd.t
(** [live] is the Xen that this program runs on, if it has one linked; the error
    says why it cannot be talked to. *)
