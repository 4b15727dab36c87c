(** What is wrong with a file, and where: the one error of this library. *)

(** Where in the file. *)
type place =
  | Whole  (** the file itself: missing, a directory, too large, … *)
  | Line of int  (** from 1 *)
  | Field of string  (** a path, such as [distances[1][2]] *)
  | At of {line: int; column: int; field: string}
      (** both from 1; [field] may be empty *)

type t =
  | Fault of {file: string; place: place; found: string; expected: string}
  | Internal of string  (** the core failed; see {!Xenopsd_numa.error} *)

val fault : file:string -> place -> found:string -> expected:string -> t

val of_core : file:string -> Xenopsd_numa.error -> t
(** [of_core ~file error] is [error], found in [file]. *)

val excerpt : string -> string
(** [excerpt text] is [text] in double quotes, fit for one line of a terminal:
    escaped, and cut after 40 bytes. *)

val pp : t Fmt.t
(** [FILE: line, column or field: found X, expected Y]: one line, whatever
    characters the file has. *)
