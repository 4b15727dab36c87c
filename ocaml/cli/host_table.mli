(** A host as a table for people. *)

open Xenopsd_numa

val lines : Host.t -> string list
(** What is free and claimed on it, then a line a node. *)
