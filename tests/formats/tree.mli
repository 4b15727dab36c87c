(** A directory laid out like Linux's [/sys], of two nodes and four CPUs, and
    what can be wrong with one. *)

val make :
  ?without:string list -> ?instead:(string * string) list -> string -> unit
(** [make root] makes the tree in [root], [without] some files and with other
    texts [instead] of theirs. *)

type fault = {
    name: string
  ; without: string list
  ; instead: (string * string) list
  ; message: string  (** after the path of the root *)
}

val faults : fault list
