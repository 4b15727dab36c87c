open Xenopsd_numa

let ( let* ) = Result.bind

let ( / ) = Filename.concat

(* Real files here have a few KiB. *)
let max_bytes = 1024 * 1024

let fault file place ~found ~expected =
  Error (Error.fault ~file place ~found ~expected)

let on_line_1 file result =
  Result.map_error
    (fun (found, expected) ->
      Error.fault ~file (Error.Line 1) ~found ~expected
    )
    result

let without_nuls text =
  let rec last at =
    if at > 0 && text.[at - 1] = '\000' then last (at - 1) else at
  in
  String.sub text 0 (last (String.length text))

let text file =
  let* text = Source.read_regular ~max_bytes file in
  Ok (String.trim (without_nuls text))

let optional_text file =
  if Sys.file_exists file then Result.map Option.some (text file) else Ok None

let ids file =
  let* text = text file in
  if text = "" then
    Ok []
  else
    on_line_1 file (Id_list.of_string text)

let bits file =
  let* text = text file in
  on_line_1 file (Id_list.of_mask text)

let number file =
  let* text = optional_text file in
  match text with
  | None ->
      Ok None
  | Some "-1" ->
      (* a number like others: some machines have it for all CPUs *)
      Ok (Some (-1))
  | Some text -> (
    match Id_list.decimal text with
    | Some id ->
        Ok (Some id)
    | None ->
        fault file (Error.Line 1) ~found:(Error.excerpt text)
          ~expected:"a number"
  )

let words text =
  String.map (fun c -> if c = '\t' then ' ' else c) text
  |> String.split_on_char ' '
  |> List.filter (fun word -> word <> "")

let row file =
  let* text = optional_text file in
  let distance _ word =
    match Id_list.decimal word with
    | Some distance ->
        Ok distance
    | None ->
        fault file (Error.Line 1) ~found:(Error.excerpt word)
          ~expected:"a distance"
  in
  match Option.fold ~none:[] ~some:words text with
  | [] ->
      Ok None
  | words ->
      Result.map Option.some (Json_field.map_list distance words)

let memory file lines key =
  let rec look number = function
    | [] ->
        fault file (Error.Field key) ~found:"no such line"
          ~expected:"a size in kB"
    | line :: rest -> (
      match words line with
      | ["Node"; _; name; size; "kB"] when name = key ^ ":" -> (
        match Id_list.decimal size with
        | Some kib when kib <= Size.max_bytes lsr 10 ->
            Ok (Size.kib kib)
        | Some _ | None ->
            fault file (Error.Line number) ~found:(Error.excerpt size)
              ~expected:"a size in kB"
      )
      | _ ->
          look (number + 1) rest
    )
  in
  look 1 lines

let is_directory path =
  match Sys.is_directory path with
  | is_directory ->
      is_directory
  | exception Sys_error _ ->
      false

let numbered directory prefix =
  let length = String.length prefix in
  let number name =
    if String.length name > length && String.sub name 0 length = prefix then
      Id_list.decimal (String.sub name length (String.length name - length))
    else
      None
  in
  let known id =
    id <= Id_list.max_id
    && is_directory (directory / Printf.sprintf "%s%d" prefix id)
  in
  match Sys.readdir directory with
  | names ->
      Array.to_list names
      |> List.filter_map number
      |> List.filter known
      |> List.sort_uniq Int.compare
      |> Result.ok
  | exception Sys_error message ->
      fault directory Error.Whole ~found:message
        ~expected:"a readable directory"
