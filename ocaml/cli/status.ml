open Xenopsd_numa
open Xenopsd_numa_formats
open Cmdliner

type t =
  | Done
  | Refused
  | Bad_input
  | Hypervisor_error
  | Internal_error
  | Interrupted
  | Reader_gone

let code = function
  | Done ->
      0
  | Refused ->
      1
  | Bad_input ->
      2
  | Hypervisor_error ->
      3
  | Internal_error ->
      4
  | Interrupted ->
      130
  | Reader_gone ->
      141

let exits =
  let info status doc = Cmd.Exit.info (code status) ~doc in
  [
    info Done "on success."
  ; info Refused "if a VM does not fit and would not start, or a start failed \
       in a simulation."
  ; info Bad_input
      "on bad input or usage, or if the output could not be written. The \
       message names the file, the line or field, what was found and what was \
       expected."
  ; info Hypervisor_error
      "if the hypervisor said no, or crashed in a simulation."
  ; info Internal_error "on an internal error, which is a bug."
  ; info Interrupted "if it was interrupted (SIGINT), as a shell has it."
  ; info Reader_gone
      "if what it writes to was closed early (SIGPIPE), as a shell has it."
  ]

let reporter =
  let report _src level ~over k msgf =
    let k _ = over () ; k () in
    msgf (fun ?header:_ ?tags:_ format ->
        let ppf = Output.err_formatter in
        match level with
        | Logs.Error | Logs.App ->
            Format.kfprintf k ppf ("xenopsd-numa: @[" ^^ format ^^ "@]@.")
        | Logs.Warning | Logs.Info | Logs.Debug ->
            Format.kfprintf k ppf
              ("xenopsd-numa: %s: @[" ^^ format ^^ "@]@.")
              (Logs.level_to_string (Some level))
    )
  in
  {Logs.report}

let internal message =
  Logs.err (fun m -> m "%a" pp_error (Internal message)) ;
  Internal_error

let of_error error =
  match error with
  | Error.Fault _ ->
      Logs.err (fun m -> m "%a" Error.pp error) ;
      Bad_input
  | Error.Internal message ->
      internal message

let of_failure failure =
  Logs.err (fun m -> m "%a" Failure.pp failure) ;
  match failure.Failure.cause with
  | Failure.Invalid _ ->
      Bad_input
  | Failure.Host_full _ | Failure.Refused _ ->
      Refused
  | Failure.Call _
  | Failure.Conflict _
  | Failure.Must_destroy _
  | Failure.Cancelled _
  | Failure.Too_late _
  | Failure.Busy _ ->
      Hypervisor_error
  | Failure.Internal ->
      Internal_error
