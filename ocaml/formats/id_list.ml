let max_id = 65535

(* int_of_string would take "0x10", "1_000" and "-1" too. *)
let decimal text =
  let digits = String.length text in
  let is_digit = function '0' .. '9' -> true | _ -> false in
  if digits >= 1 && digits <= 18 && String.for_all is_digit text then
    int_of_string_opt text
  else
    None

let id text =
  match decimal text with
  | Some id when id <= max_id ->
      Ok id
  | Some _ | None ->
      let expected = Printf.sprintf "a number from 0 to %d" max_id in
      Error (Error.excerpt text, expected)

let ( let* ) = Result.bind

let range text =
  match String.split_on_char '-' text with
  | [first; last] ->
      let* first = id first in
      let* last = id last in
      if first <= last then
        Ok (first, last)
      else
        let expected = Printf.sprintf "%d-%d" last first in
        Error (Error.excerpt text, expected)
  | [_] | [] | _ :: _ ->
      let* id = id text in
      Ok (id, id)

let of_string text =
  let listed = Bytes.make (max_id + 1) '\000' in
  let rec mark = function
    | [] ->
        Ok ()
    | text :: rest ->
        let* first, last = range (String.trim text) in
        Bytes.fill listed first (last - first + 1) '\001' ;
        mark rest
  in
  let* () =
    if String.trim text = "" then
      Error (Error.excerpt text, "a list such as 0-7,16")
    else
      mark (String.split_on_char ',' text)
  in
  let rec collect id found =
    if id < 0 then
      found
    else
      collect (id - 1)
        (if Bytes.get listed id = '\001' then id :: found else found)
  in
  Ok (collect max_id [])

let hexadecimal text =
  let is_digit = function
    | '0' .. '9' | 'a' .. 'f' | 'A' .. 'F' ->
        true
    | _ ->
        false
  in
  let digits = String.length text in
  if digits >= 1 && digits <= 8 && String.for_all is_digit text then
    int_of_string_opt ("0x" ^ text)
  else
    None

let bits_of_word = 32

let of_mask text =
  let words = List.rev (String.split_on_char ',' text) in
  let rec collect first found = function
    | [] ->
        Ok (List.rev found)
    | word :: rest -> (
      match hexadecimal (String.trim word) with
      | None ->
          Error (Error.excerpt word, "a mask such as 00000000,000000ff")
      | Some bits when bits > 0 && first + bits_of_word > max_id + 1 ->
          let expected = Printf.sprintf "at most %d bits" (max_id + 1) in
          Error (Error.excerpt word, expected)
      | Some bits ->
          let add found bit =
            if bits lsr bit land 1 = 1 then (first + bit) :: found else found
          in
          let found =
            List.fold_left add found (List.init bits_of_word Fun.id)
          in
          collect (first + bits_of_word) found rest
    )
  in
  collect 0 [] words
