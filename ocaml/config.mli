(** The switches of a host; see {!Xenopsd_numa.Config}. *)

include module type of struct
  include Raw.Config
end

val default : t

val v : ?like:t -> (string * string) list -> (t, Raw.Invalid.t) result

val set : t -> key:string -> string -> (t, Raw.Invalid.t) result

val get : t -> key:string -> string option

val keys : (string * string) list

val claims : t -> claims

val policy : t -> Raw.Request.policy

val strategy : t -> Raw.Request.strategy

val reserve : t -> Size.t

val node_reserve : t -> Size.t

val plan_budget_steps : t -> int

val of_file : string -> (t, string) result

val of_text : file:string -> string -> (t, string) result

val lines : string -> (string * int) list

val slips : string -> (int * string) list

val options :
     report:(Raw.Invalid.t -> unit)
  -> (unit -> t)
  -> (t -> unit)
  -> (string * Arg.spec * (unit -> string) * string) list
