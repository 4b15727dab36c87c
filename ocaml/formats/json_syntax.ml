let max_depth = 64

let max_values = 4 * 1024 * 1024

type fault = {line: int; found: string; expected: string}

type state = {
    line: int
  ; depth: int
  ; values: int
  ; after_string: bool  (** whether a colon may follow *)
}

let fault state ~found ~expected = Error {line= state.line; found; expected}

let is_utf8 = Utf8.is_valid

let replacement = "\xef\xbf\xbd"

let rec repair repaired text at =
  if at >= String.length text then
    Buffer.contents repaired
  else
    match Utf8.length_at text at with
    | 0 ->
        Buffer.add_string repaired replacement ;
        repair repaired text (at + 1)
    | length ->
        Buffer.add_substring repaired text at length ;
        repair repaired text (at + length)

let string text : Yojson.Safe.t =
  if is_utf8 text then
    `String text
  else
    `String (repair (Buffer.create (String.length text)) text 0)

(* The position after the string that [at] is inside of. *)
let rec string_end text state at =
  if at >= String.length text then
    fault state ~found:"the end of the text" ~expected:"a double quote"
  else
    match text.[at] with
    | '"' ->
        Ok (at + 1)
    | '\\' ->
        (* what follows is checked by Yojson; a quote must not end the string *)
        let escaped = at + 1 < String.length text && text.[at + 1] >= ' ' in
        string_end text state (if escaped then at + 2 else at + 1)
    | '\000' .. '\031' as c ->
        fault state
          ~found:(Printf.sprintf "the control character %C in a string" c)
          ~expected:"an escape sequence"
    | _ -> (
      match Utf8.length_at text at with
      | 0 ->
          fault state
            ~found:(Error.excerpt (String.make 1 text.[at]))
            ~expected:"UTF-8"
      | length ->
          string_end text state (at + length)
    )

let is_token = function
  | '0' .. '9' | 'a' .. 'z' | 'A' .. 'Z' | '_' | '+' | '-' | '.' ->
      true
  | _ ->
      false

let rec token_end text at =
  if at < String.length text && is_token text.[at] then
    token_end text (at + 1)
  else
    at

let is_number token =
  let is_numeric = function
    | '0' .. '9' | '+' | '-' | '.' | 'e' | 'E' ->
        true
    | _ ->
        false
  in
  (match token.[0] with '-' | '0' .. '9' -> true | _ -> false)
  && String.for_all is_numeric token

let is_word = function "true" | "false" | "null" -> true | _ -> false

let value state =
  let state = {state with values= state.values + 1; after_string= false} in
  if state.values > max_values then
    let found = Printf.sprintf "more than %d values" max_values in
    fault state ~found ~expected:"fewer"
  else
    Ok state

let ( let* ) = Result.bind

let opened state =
  let* state = value state in
  if state.depth = max_depth then
    let found = Printf.sprintf "more than %d brackets in brackets" max_depth in
    fault state ~found ~expected:"fewer"
  else
    Ok {state with depth= state.depth + 1}

let rec scan text state at =
  if at >= String.length text then
    Ok ()
  else
    match text.[at] with
    | ' ' | '\t' | '\r' ->
        scan text state (at + 1)
    | '\n' ->
        scan text {state with line= state.line + 1} (at + 1)
    | '{' | '[' ->
        let* state = opened state in
        scan text state (at + 1)
    | '}' | ']' ->
        let state = {state with depth= state.depth - 1; after_string= false} in
        scan text state (at + 1)
    | ',' ->
        scan text {state with after_string= false} (at + 1)
    | ':' when state.after_string ->
        scan text {state with after_string= false} (at + 1)
    | ':' ->
        fault state ~found:"\":\"" ~expected:"a key in double quotes before it"
    | '"' ->
        let* after = string_end text state (at + 1) in
        let* state = value state in
        scan text {state with after_string= true} after
    | c when is_token c -> (
        let after = token_end text at in
        let token = String.sub text at (after - at) in
        match is_number token || is_word token with
        | true ->
            let* state = value state in
            scan text state after
        | false ->
            fault state ~found:(Error.excerpt token) ~expected:"JSON"
      )
    | c ->
        fault state ~found:(Error.excerpt (String.make 1 c)) ~expected:"JSON"

let cut_at separator text =
  let length = String.length separator in
  let rec look at =
    if at + length > String.length text then
      None
    else if String.sub text at length = separator then
      let after = at + length in
      Some
        ( String.sub text 0 at
        , String.sub text after (String.length text - after)
        )
    else
      look (at + 1)
  in
  look 0

let line_of head =
  match Scanf.sscanf head "Line %d" Fun.id with
  | line ->
      Some line
  | exception (Scanf.Scan_failure _ | Failure _ | End_of_file) ->
      None

(* Yojson puts single quotes around what it found, line ends and all. *)
let requoted text =
  let last = String.length text - 1 in
  if last >= 1 && text.[0] = '\'' && text.[last] = '\'' then
    Error.excerpt (String.sub text 1 (last - 1))
  else
    String.escaped text

let without_prefix prefix text =
  match cut_at prefix text with
  | Some ("", rest) ->
      Some rest
  | Some _ | None ->
      None

let expectation = function
  | "string or identifier" ->
      "a key in double quotes"
  | expected ->
      expected

(* Yojson says "Line 3, bytes 0-2:\nExpected ',' or ']' but found 'x'". *)
let of_yojson message =
  let line, message =
    match cut_at "\n" message with
    | Some (head, tail) ->
        (line_of head, tail)
    | None ->
        (None, message)
  in
  let line = Option.value line ~default:1 in
  match
    ( without_prefix "Junk after end of JSON value: " message
    , without_prefix "Expected " message
    , message
    )
  with
  | Some junk, _, _ ->
      {line; found= requoted junk; expected= "the end of the text"}
  | None, None, "Unexpected end of input" ->
      {line; found= "the end of the text"; expected= "JSON"}
  | None, None, "Blank input data" ->
      {line; found= "nothing"; expected= "JSON"}
  | None, Some expectations, _ -> (
    match cut_at " but found " expectations with
    | Some (expected, found) ->
        {line; found= requoted found; expected= expectation expected}
    | None ->
        {line; found= String.escaped message; expected= "JSON"}
  )
  | None, None, message ->
      {
        line
      ; found= String.escaped (String.uncapitalize_ascii message)
      ; expected= "JSON"
      }

let parse text =
  let start = {line= 1; depth= 0; values= 0; after_string= false} in
  let* () = scan text start 0 in
  match Yojson.Safe.from_string text with
  | json ->
      Ok json
  | exception Yojson.Json_error message ->
      Error (of_yojson message)
