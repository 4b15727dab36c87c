open Xenopsd_numa

type t =
  | Linked of {
        connect: unit -> (Hypervisor.t, string) result
      ; declared: (string * bool) list
    }
  | Elsewhere of string array

(* The program, and the package that it is in. *)
let program = "xenopsd-numa-xenctrl"

let is_dom0 () =
  match
    Xenopsd_numa_formats.Source.read ~max_bytes:4096 "/proc/xen/capabilities"
  with
  | Ok text ->
      List.mem "control_d" (String.split_on_char ',' (String.trim text))
  | Error _ ->
      false

let hand_over = function
  | Linked _ ->
      ()
  | Elsewhere argv -> (
      Output.flush () ;
      let argv = Array.copy argv in
      if Array.length argv > 0 then argv.(0) <- program ;
      match Unix.execvp program argv with
      | () ->
          ()
      | exception Unix.Unix_error (_, _, _) ->
          ()
    )

let unreachable message =
  Logs.err (fun m -> m "the live host: %s" message) ;
  Status.Hypervisor_error

let missing () =
  Logs.err (fun m ->
      m
        "this program has no live host: install the package %s, which has the \
         program %s"
        program program
  ) ;
  Status.Bad_input

let run live f =
  match live with
  | Elsewhere _ ->
      hand_over live ; missing ()
  | Linked {connect; declared= _} -> (
    match connect () with
    | Error message ->
        unreachable message
    | Ok hypervisor -> (
      match Result.bind (Claims.open_ hypervisor) f with
      | Ok status ->
          status
      | Error failure ->
          Status.of_failure failure
    )
  )
