(** The Xen that this program runs on, for {!Xenopsd_numa.Claims}.

    {b Licence.} This library contains the Rust crate xenctrl-sys, which is
    GPL-3.0-only. A program that links it is distributed under GPL-3.0. One that
    does not want that hands in hypercalls of its own:
    {!Xenopsd_numa.Hypervisor.of_table}. *)

val hypervisor : unit -> (Xenopsd_numa.Hypervisor.t, string) result
(** [hypervisor ()] is the running Xen, through libxenctrl. The error says why
    there is none: not a Xen dom0, no right to talk to it, or a libxenctrl that
    is of another release. Opened once, by the first call that succeeds; nothing
    is written to standard error. *)

val declared : (string * bool) list
(** The calls that only some of libxenctrl's headers declare, and whether this
    build has each. What it has not is as if Xen did not have it. *)
