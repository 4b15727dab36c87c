(** The switches of a host; see {!Xenopsd_numa.Config}. *)

type claims = Always | Never

type t = Raw.config_value

val default : t

val v : ?like:t -> (string * string) list -> (t, Raw.invalid_value) result

val set : t -> key:string -> string -> (t, Raw.invalid_value) result

val get : t -> key:string -> string option

val keys : (string * string) list

val claims : t -> claims

val policy : t -> Raw.policy_value

val strategy : t -> Raw.strategy_value

val reserve : t -> Size.t

val node_reserve : t -> Size.t

val plan_budget_steps : t -> int

val of_file : string -> (t, string) result

val of_text : file:string -> string -> (t, string) result

val lines : string -> (string * int) list

val slips : string -> (int * string) list

val options :
     report:(Raw.invalid_value -> unit)
  -> (unit -> t)
  -> (t -> unit)
  -> (string * Arg.spec * (unit -> string) * string) list
