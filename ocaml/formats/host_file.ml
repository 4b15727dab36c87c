let ( let* ) = Result.bind

let is_directory path =
  match Unix.stat path with
  | Unix.{st_kind= S_DIR; _} ->
      true
  | _ ->
      false
  | exception (Unix.Unix_error _ | Invalid_argument _) ->
      false

let is_blank = function ' ' | '\t' | '\r' | '\n' -> true | _ -> false

let rec first_character text at =
  if at >= String.length text then
    None
  else if is_blank text.[at] then
    first_character text (at + 1)
  else
    Some text.[at]

let of_text ~file text =
  match first_character text 0 with
  | Some '{' ->
      Host_json.of_string ~file text
  | Some _ ->
      Xl_info.of_string ~file text
  | None ->
      Error
        (Error.fault ~file Error.Whole ~found:"nothing but blanks"
           ~expected:"a host in JSON, or what xl info -n prints"
        )

let read_by source path =
  if path <> Source.standard_input && is_directory path then
    Sysfs.read path
  else
    let* text = source path in
    of_text ~file:(Source.name path) text

let read path = read_by Source.read path

let read_regular path = read_by Source.read_regular path
