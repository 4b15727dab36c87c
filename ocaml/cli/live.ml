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

(** Why there is no handing over. *)
type obstacle =
  | Here  (** this program has a live host *)
  | Missing
  | Unusable of string  (** what is wrong with the other program *)

(* So that a link from one program to the other does not go round for ever. *)
let handed_over = "XENOPSD_NUMA_HANDED_OVER"

let default_path = "/usr/bin:/bin"

let candidates () =
  Option.value (Sys.getenv_opt "PATH") ~default:default_path
  |> String.split_on_char ':'
  |> List.map (fun directory ->
         Filename.concat (if directory = "" then "." else directory) program
     )

(* Not execvp, which gives a shell what the system cannot execute. *)
let become argv =
  let environment =
    Array.append (Unix.environment ()) [|handed_over ^ "=1"|]
  in
  let rec first obstacle = function
    | [] ->
        obstacle
    | path :: rest -> (
      match Unix.execve path argv environment with
      | () ->
          obstacle
      | exception Unix.Unix_error ((Unix.ENOENT | Unix.ENOTDIR), _, _) ->
          first obstacle rest
      | exception Unix.Unix_error (error, _, _) ->
          let why = String.lowercase_ascii (Unix.error_message error) in
          let unusable = Unusable (path ^ ": cannot be executed: " ^ why) in
          first (if obstacle = Missing then unusable else obstacle) rest
    )
  in
  first Missing (candidates ())

let try_to_hand_over = function
  | Linked _ ->
      Here
  | Elsewhere _ when Sys.getenv_opt handed_over <> None ->
      Unusable
        (Printf.sprintf
           "%s: found this program again, expected the one of the package %s"
           program program
        )
  | Elsewhere argv ->
      Output.flush () ;
      let argv = Array.copy argv in
      if Array.length argv > 0 then argv.(0) <- program ;
      become argv

let unusable message = Logs.err (fun m -> m "%s" message)

let hand_over live =
  match try_to_hand_over live with
  | Here | Missing ->
      ()
  | Unusable message ->
      unusable message

let unreachable message =
  Logs.err (fun m -> m "the live host: %s" message) ;
  Status.Hypervisor_error

let not_handed_over live =
  ( match try_to_hand_over live with
  | Here | Missing ->
      Logs.err (fun m ->
          m
            "this program has no live host: install the package %s, which has \
             the program %s"
            program program
      )
  | Unusable message ->
      unusable message
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
      not_handed_over live
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
