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

(* What a host does not say of its nodes changes what follows. *)
let warn_of_degraded claims =
  Result.map
    (fun (status : Claims.status) ->
      let warn sentence = Logs.warn (fun m -> m "the live host: %s" sentence) in
      List.iter warn status.degraded
    )
    (Claims.status claims)

let run live f =
  match live with
  | Elsewhere _ ->
      hand_over live ; missing ()
  | Linked {connect; declared= _} -> (
    match connect () with
    | Error message ->
        unreachable message
    | Ok hypervisor -> (
      let opened =
        Result.bind (Claims.open_ hypervisor) (fun claims ->
            Result.bind (warn_of_degraded claims) (fun () -> f claims)
        )
      in
      match opened with
      | Ok status ->
          status
      | Error failure ->
          Status.of_failure failure
    )
  )
