(** What is asked of [plan]. *)

open Xenopsd_numa

(** The options of a single VM. *)
type single = {
    host: string option
  ; name: string option
  ; memory: Size.t option
  ; overhead: Size.t option
  ; vcpus: int option
  ; cores: int option
  ; policy: Request.policy option
  ; strategy: Request.strategy option
  ; reserve: Size.t option
  ; node_reserve: Size.t option
  ; allowed_cpus: int list option
  ; allowed_nodes: int list option
  ; explain: bool
  ; config: string option
}

val given : single -> string list
(** The options that were given, for [--batch] goes with none of them. *)

val single : single Cmdliner.Term.t

val json : bool Cmdliner.Term.t

val batch : string option Cmdliner.Term.t
