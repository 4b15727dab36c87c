(** How a command ends: exit codes, and the errors behind them. *)

open Xenopsd_numa

type t =
  | Done
  | Refused  (** a VM does not fit, or a modelled start failed *)
  | Bad_input  (** or usage, or output that cannot be written *)
  | Hypervisor_error
  | Internal_error  (** only for bugs *)
  | Interrupted
  | Reader_gone  (** standard output was closed early *)

val code : t -> int
(** 0 to 4; 130 for {!Interrupted} and 141 for {!Reader_gone}, as a shell has
    it. *)

val exits : Cmdliner.Cmd.Exit.info list
(** For manual pages. *)

val reporter : Logs.reporter
(** [xenopsd-numa: message] on standard error. *)

val of_error : Xenopsd_numa_formats.Error.t -> t
(** Reports the error. *)

val of_failure : Failure.t -> t
(** Reports the failure. *)

val internal : string -> t
(** Reports a failure of our own. *)
