let rec remove path =
  match (Unix.lstat path).Unix.st_kind with
  | Unix.S_DIR ->
      Array.iter
        (fun name -> remove (Filename.concat path name))
        (Sys.readdir path) ;
      Unix.rmdir path
  | Unix.S_REG | S_CHR | S_BLK | S_LNK | S_FIFO | S_SOCK ->
      Unix.unlink path

let with_directory f =
  let path = Filename.temp_file "xenopsd-numa-" ".test" in
  Sys.remove path ;
  Unix.mkdir path 0o700 ;
  Fun.protect ~finally:(fun () -> remove path) (fun () -> f path)

let rec make_directories path =
  if not (Sys.file_exists path) then (
    make_directories (Filename.dirname path) ;
    Unix.mkdir path 0o755
  )

let write path text =
  make_directories (Filename.dirname path) ;
  let channel = open_out_bin path in
  Fun.protect
    ~finally:(fun () -> close_out channel)
    (fun () -> output_string channel text)

let read path =
  let channel = open_in_bin path in
  Fun.protect
    ~finally:(fun () -> close_in channel)
    (fun () -> really_input_string channel (in_channel_length channel))

let lines path =
  read path |> String.split_on_char '\n' |> List.filter (fun line -> line <> "")

let with_file text f =
  with_directory (fun directory ->
      let path = Filename.concat directory "file" in
      write path text ; f path
  )

let sparse path bytes =
  write path "" ;
  Unix.truncate path bytes

let find text part =
  let length = String.length part in
  let rec look at =
    if at + length > String.length text then
      None
    else if String.sub text at length = part then
      Some at
    else
      look (at + 1)
  in
  look 0

let replace ~before ~after text =
  match find text before with
  | None ->
      failwith (Printf.sprintf "%S is not in the text" before)
  | Some at ->
      let rest = at + String.length before in
      String.sub text 0 at ^ after
      ^ String.sub text rest (String.length text - rest)

let contains text part = Option.is_some (find text part)
