(** Converters of option values, strict where cmdliner's are not. *)

open Xenopsd_numa
open Cmdliner

val text : docv:string -> string Arg.conv
(** Not empty. *)

val size : Size.t Arg.conv

val memory : Size.t Arg.conv
(** At least one byte. *)

val number : least:int -> int Arg.conv
(** In decimal digits. *)

val ids : int list Arg.conv
(** Such as [0-7,16]. *)

val verbose : unit Term.t
(** [-v], which sets up logging. *)
