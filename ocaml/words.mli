(** Figures and sets of nodes as people read them. *)

val pp_set : Format.formatter -> int list -> unit
(** All of them: [{0,1,2,7}]. *)

val nodes : int list -> string
(** [nodes ascending] is short whatever the number of nodes: [node 1],
    [nodes 0,1], [nodes 0-3,7], [nodes 0,2,4,6 and 28 more]. *)

val size : int -> string
(** [size bytes] is three digits and a unit. *)

val apart : least:int -> float -> float -> string * string
(** [apart ~least a b] is both, with the fewest decimals, [least] or more, that
    tell them apart; with [least] if ten do not. *)

val more : int -> than:int -> string
(** [more bytes ~than] is the difference: [1.20 GiB more], [4.00 MiB less],
    [as much]. *)
