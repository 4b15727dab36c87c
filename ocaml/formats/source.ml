let max_bytes = 64 * 1024 * 1024

let standard_input = "-"

let ( let* ) = Result.bind

let name path = if path = standard_input then "standard input" else path

let fault path ~found ~expected =
  Error (Error.fault ~file:(name path) Error.Whole ~found ~expected)

let unreadable path error =
  fault path
    ~found:(String.lowercase_ascii (Unix.error_message error))
    ~expected:"a readable file"

let kind = function
  | Unix.S_REG ->
      "a regular file"
  | Unix.S_DIR ->
      "a directory"
  | Unix.S_FIFO ->
      "a pipe"
  | Unix.S_SOCK ->
      "a socket"
  | Unix.S_CHR | Unix.S_BLK ->
      "a device"
  | Unix.S_LNK ->
      "a link"

let rec open_with flags path =
  if path = "" || String.contains path '\000' then
    fault path ~found:(Error.excerpt path) ~expected:"the path of a file"
  else
    match Unix.openfile path (Unix.O_RDONLY :: Unix.O_CLOEXEC :: flags) 0 with
    | exception Unix.Unix_error (Unix.EINTR, _, _) ->
        open_with flags path
    | exception Unix.Unix_error (error, _, _) ->
        unreadable path error
    | fd ->
        Ok fd

let only allowed path fd =
  let st_kind = (Unix.fstat fd).Unix.st_kind in
  if allowed st_kind then
    Ok fd
  else (
    Unix.close fd ;
    fault path ~found:(kind st_kind) ~expected:"a file"
  )

let open_ path =
  if path = standard_input then
    Ok Unix.stdin
  else
    let* fd = open_with [] path in
    only (fun kind -> kind <> Unix.S_DIR) path fd

(* Looked at before it is opened, as opening a device may do something, and
   again afterwards, as it may be another one by then. *)
let open_regular path =
  let is_regular kind = kind = Unix.S_REG in
  match Unix.stat path with
  | Unix.{st_kind; _} when not (is_regular st_kind) ->
      fault path ~found:(kind st_kind) ~expected:"a file"
  | _ | (exception (Unix.Unix_error _ | Invalid_argument _)) ->
      let* fd = open_with [Unix.O_NONBLOCK] path in
      only is_regular path fd

let rec read_some fd buffer =
  match Unix.read fd buffer 0 (Bytes.length buffer) with
  | read ->
      Ok read
  | exception Unix.Unix_error (Unix.EINTR, _, _) ->
      read_some fd buffer
  | exception Unix.Unix_error (error, _, _) ->
      Error (String.lowercase_ascii (Unix.error_message error))

let rec read_to_end path ~max_bytes fd chunk text =
  match read_some fd chunk with
  | Error found ->
      fault path ~found ~expected:"a readable file"
  | Ok 0 ->
      Ok (Buffer.contents text)
  | Ok read when Buffer.length text + read > max_bytes ->
      fault path
        ~found:(Printf.sprintf "more than %d bytes" max_bytes)
        ~expected:"a smaller file"
  | Ok read ->
      Buffer.add_subbytes text chunk 0 read ;
      read_to_end path ~max_bytes fd chunk text

let read_open path ~max_bytes fd =
  match Unix.fstat fd with
  | exception Unix.Unix_error (error, _, _) ->
      (* Standard input may be closed. *)
      unreadable path error
  | {Unix.st_kind= Unix.S_REG; st_size; _} when st_size > max_bytes ->
      fault path
        ~found:(Printf.sprintf "%d bytes" st_size)
        ~expected:(Printf.sprintf "at most %d" max_bytes)
  | _ ->
      read_to_end path ~max_bytes fd (Bytes.create 65536) (Buffer.create 65536)

let close path fd = if path <> standard_input then Unix.close fd

let read_as open_ max_bytes path =
  let* fd = open_ path in
  Fun.protect
    ~finally:(fun () -> close path fd)
    (fun () -> read_open path ~max_bytes fd)

let read ?(max_bytes = max_bytes) path = read_as open_ max_bytes path

let read_regular ?(max_bytes = max_bytes) path =
  read_as open_regular max_bytes path
