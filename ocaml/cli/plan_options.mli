(** What is asked of [plan]. *)

open Xenopsd_numa

(** The options of a single VM. *)
type single = {
    host: string option
  ; memory: Size.t option
  ; overhead: Size.t option
  ; vcpus: int option
  ; policy: Request.policy option
  ; reserve: Size.t option
  ; node_reserve: Size.t option
  ; explain: bool
  ; config: string option
  ; request:
         Config.t
      -> overhead:Size.t
      -> memory:Size.t
      -> vcpus:int
      -> (Request.t, error) result
        (** what is asked for, as the switches say where no option does *)
  ; given: string list
        (** the options that were given, for [--batch] goes with none of them *)
}

val single : single Cmdliner.Term.t

val json : bool Cmdliner.Term.t

val batch : string option Cmdliner.Term.t
