(** The answers of [plan] for people. *)

open Xenopsd_numa
open Xenopsd_numa_formats

val lines :
     name:string
  -> starts:bool
  -> host:Host.t
  -> Plan_json.left_alone
  -> answer
  -> Explanation.t option
  -> string list
(** [starts] says that a VM that is refused starts all the same. *)
