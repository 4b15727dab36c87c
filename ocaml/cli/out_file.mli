(** Files that the command writes.

    What is there already stays whole until the new text is: a file is written
    beside it and takes its name. What is no file, such as a device or a pipe,
    is written as it is. *)

open Xenopsd_numa_formats

val check : string -> (unit, Error.t) result
(** [check path] tries whether a file could be written there, and leaves nothing
    behind: to be called before work that would be lost otherwise. A pipe is not
    tried: that would wait for its reader. *)

val write : string -> string -> (unit, Error.t) result
(** [write path text]; to standard output if [path] is
    {!Source.standard_input}'s ["-"]. *)
