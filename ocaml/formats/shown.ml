(* C1 controls, the separators of lines and paragraphs, and the marks,
   embeddings and isolates of the bidirectional algorithm. *)
let is_plain = function
  | character when not (Utf8.is_valid character) ->
      false
  | character when String.length character = 1 ->
      character >= " " && character < "\127"
  | character when String.length character = 2 ->
      not
        ((character >= "\xc2\x80" && character <= "\xc2\x9f")
        || character = "\xd8\x9c"
        )
  | character ->
      not
        ((character >= "\xe2\x80\x8e" && character <= "\xe2\x80\x8f")
        || (character >= "\xe2\x80\xa8" && character <= "\xe2\x80\xae")
        || (character >= "\xe2\x81\xa6" && character <= "\xe2\x81\xa9")
        )

let escaped character =
  if is_plain character then character else String.escaped character

let plain text = String.concat "" (List.map escaped (Utf8.characters text))

let name text =
  let characters = Utf8.characters text in
  if text <> "" && List.for_all is_plain characters then
    text
  else
    let quoted = function
      | ("\"" | "\\") as character ->
          "\\" ^ character
      | character ->
          escaped character
    in
    Printf.sprintf "\"%s\"" (String.concat "" (List.map quoted characters))
