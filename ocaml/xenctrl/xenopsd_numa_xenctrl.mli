(** The Xen that this program runs on, for {!Xenopsd_numa.Claims}.

    {b Licence.} This library contains the Rust crate xenctrl-sys, which is
    GPL-3.0-only. A program that links it is distributed under GPL-3.0. A
    program with hypercalls of its own needs none of it: see
    {!Xenopsd_numa.Hypervisor.of_table}. *)

val hypervisor : unit -> (Xenopsd_numa.Hypervisor.t, string) result
(** [hypervisor ()] is the running Xen, through libxenctrl. The error says why
    there is none: this is no Xen dom0, Xen may not be opened, or libxenctrl is
    of another release. The first call that succeeds opens it, once; nothing is
    written to standard error. *)

val declared : (string * bool) list
(** The calls that only some of libxenctrl's headers declare, and whether this
    build has each. One that it does not have counts as missing from Xen. *)
