open Xenopsd_numa_formats

(** Where a text goes. *)
type target =
  | Standard_output
  | Beside of {path: string; before: Unix.stats option}
      (** a file at the end of all links, and what is there already *)
  | As_it_is of {path: string; pipe: bool}

let ( let* ) = Result.bind

let attempt f =
  match f () with
  | value ->
      Ok value
  | exception Unix.Unix_error (error, _, _) ->
      Error error

let is_link path =
  match Unix.lstat path with
  | {Unix.st_kind= S_LNK; _} ->
      true
  | _ ->
      false
  | exception Unix.Unix_error _ ->
      false

let target path =
  if path = Source.standard_input then
    Ok Standard_output
  else
    match attempt (fun () -> Unix.stat path) with
    | Ok ({st_kind= S_REG; _} as before) ->
        let* () = attempt (fun () -> Unix.access path [Unix.W_OK]) in
        let* path = attempt (fun () -> Unix.realpath path) in
        Ok (Beside {path; before= Some before})
    | Ok {st_kind= S_DIR; _} ->
        Error Unix.EISDIR
    | Ok {st_kind; _} ->
        Ok (As_it_is {path; pipe= st_kind = S_FIFO})
    | Error Unix.ENOENT when is_link path ->
        Ok (As_it_is {path; pipe= false})
    | Error Unix.ENOENT ->
        Ok (Beside {path; before= None})
    | Error error ->
        Error error

let most_tries = 100

let create_beside path =
  let rec go n =
    let name = Printf.sprintf ".xenopsd-numa-%d-%d" (Unix.getpid ()) n in
    let beside = Filename.concat (Filename.dirname path) name in
    let flags = Unix.[O_WRONLY; O_CREAT; O_EXCL; O_CLOEXEC] in
    match attempt (fun () -> Unix.openfile beside flags 0o666) with
    | Ok fd ->
        Ok (beside, fd)
    | Error Unix.EEXIST when n < most_tries ->
        go (n + 1)
    | Error error ->
        Error error
  in
  go 1

let open_as_it_is path =
  let flags = Unix.[O_WRONLY; O_CREAT; O_TRUNC; O_CLOEXEC] in
  attempt (fun () -> Unix.openfile path flags 0o666)

let rec write_all fd text at =
  if at >= String.length text then
    Ok ()
  else
    let left = String.length text - at in
    match attempt (fun () -> Unix.write_substring fd text at left) with
    | Ok written ->
        write_all fd text (at + written)
    | Error Unix.EINTR ->
        write_all fd text at
    | Error error ->
        Error error

(* The descriptor is closed whatever comes of it, and the first error counts. *)
let write_and_close fd text =
  let written = write_all fd text 0 in
  let closed = attempt (fun () -> Unix.close fd) in
  Result.bind written (fun () -> closed)

let remove path = ignore (attempt (fun () -> Unix.unlink path))

(* Who owns the file, and who may read it, does not change; where that cannot
   be, it is this user's. *)
let as_before fd (before : Unix.stats option) =
  match before with
  | None ->
      ()
  | Some {st_uid; st_gid; st_perm; _} ->
      ignore (attempt (fun () -> Unix.fchown fd st_uid st_gid)) ;
      ignore (attempt (fun () -> Unix.fchmod fd st_perm))

let write_beside path before text =
  let* beside, fd = create_beside path in
  as_before fd before ;
  let written =
    let* () = write_and_close fd text in
    attempt (fun () -> Unix.rename beside path)
  in
  if Result.is_error written then remove beside ;
  written

let as_error path =
  Result.map_error (fun error ->
      let found = String.lowercase_ascii (Unix.error_message error) in
      Error.fault ~file:path Error.Whole ~found
        ~expected:"a file that can be written"
  )

let try_it = function
  | Standard_output | As_it_is {pipe= true; _} ->
      Ok ()
  | As_it_is {path; pipe= false} ->
      let* fd = open_as_it_is path in
      attempt (fun () -> Unix.close fd)
  | Beside {path; before= _} ->
      let* beside, fd = create_beside path in
      remove beside ;
      attempt (fun () -> Unix.close fd)

let check path = as_error path (Result.bind (target path) try_it)

let write path text =
  as_error path
    (let* target = target path in
     match target with
     | Standard_output ->
         Output.print text ; Ok ()
     | Beside {path; before} ->
         write_beside path before text
     | As_it_is {path; pipe= _} ->
         let* fd = open_as_it_is path in
         write_and_close fd text
    )
