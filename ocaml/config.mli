(** The switches of a host; see {!Xenopsd_numa.Config}. *)

type claims = Always | Never

type builder_claims = No_builder | Pv | All

type t = private {
    placement: bool
  ; prio_mem_only: bool
  ; claims: claims
  ; strategy: Raw.strategy_value
  ; reserve: Size.t
  ; node_reserve: Size.t
  ; memory_wait_seconds: int
  ; plan_budget_steps: int
  ; builder_claims: builder_claims
}

val default : t

val v :
     ?like:t
  -> ?placement:bool
  -> ?prio_mem_only:bool
  -> ?claims:claims
  -> ?strategy:Raw.strategy_value
  -> ?reserve:Size.t
  -> ?node_reserve:Size.t
  -> ?memory_wait_seconds:int
  -> ?plan_budget_steps:int
  -> ?builder_claims:builder_claims
  -> unit
  -> (t, Raw.invalid_value) result

val default_policy : t -> Raw.policy_value

val set : t -> key:string -> string -> (t, Raw.invalid_value) result

val of_file : string -> (t, string) result

val of_text : file:string -> string -> (t, string) result

val lines : string -> (string * int) list

val slips : string -> (int * string) list

val keys : (string * string) list

val get : t -> key:string -> string option

val options :
     report:(Raw.invalid_value -> unit)
  -> (unit -> t)
  -> (t -> unit)
  -> (string * Arg.spec * (unit -> string) * string) list

val strategies : (string * Raw.strategy_value) list

val to_raw : t -> Raw.config_value
