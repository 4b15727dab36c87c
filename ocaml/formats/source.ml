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

let rec open_ path =
  if path = standard_input then
    Ok Unix.stdin
  else if path = "" || String.contains path '\000' then
    fault path ~found:(Error.excerpt path) ~expected:"the path of a file"
  else
    match Unix.openfile path [Unix.O_RDONLY; Unix.O_CLOEXEC] 0 with
    | exception Unix.Unix_error (Unix.EINTR, _, _) ->
        open_ path
    | exception Unix.Unix_error (error, _, _) ->
        unreadable path error
    | fd -> (
      match (Unix.fstat fd).Unix.st_kind with
      | Unix.S_DIR ->
          Unix.close fd ;
          fault path ~found:"a directory" ~expected:"a file"
      | Unix.S_REG | Unix.S_CHR | Unix.S_BLK | Unix.S_LNK | Unix.S_FIFO
      | Unix.S_SOCK ->
          Ok fd
    )

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

let read ?(max_bytes = max_bytes) path =
  let* fd = open_ path in
  let close () = if path <> standard_input then Unix.close fd in
  Fun.protect ~finally:close (fun () -> read_open path ~max_bytes fd)
