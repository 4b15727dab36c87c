type setting = {line: int; key: string; value: string}

(* Through an array: List.mapi takes stack for each line. *)
let lines text =
  Array.of_list (String.split_on_char '\n' text)
  |> Array.mapi (fun i line -> (i + 1, line))
  |> Array.to_list

let before char text =
  match String.index_opt text char with
  | Some i ->
      String.sub text 0 i
  | None ->
      text

let is_quoted text =
  let last = String.length text - 1 in
  last >= 1 && (text.[0] = '"' || text.[0] = '\'') && text.[last] = text.[0]

let value text =
  let text = String.trim text in
  if is_quoted text then
    String.sub text 1 (String.length text - 2)
  else
    text

let key_and_value line =
  let line = before '#' line in
  match String.index_opt line '=' with
  | None ->
      None
  | Some i ->
      let text = String.sub line (i + 1) (String.length line - i - 1) in
      Some (String.trim (String.sub line 0 i), value text)

let parse text =
  let has_nul (_, line) = String.contains line '\000' in
  let setting (number, line) =
    key_and_value line
    |> Option.map (fun (key, value) -> {line= number; key; value})
  in
  let lines = lines text in
  match List.find_opt has_nul lines with
  | Some (number, _) ->
      Error number
  | None ->
      Ok (List.filter_map setting lines)

(* {1 Slips} *)

let has_prefix prefix text =
  String.length text >= String.length prefix
  && String.sub text 0 (String.length prefix) = prefix

let byte_order_mark = "\xef\xbb\xbf"

(* Keys of xenopsd that begin as switches do. *)
let keys_of_others = ["numa-reserve-node0-dmaheap-bits"]

(* A word spelled as keys are. *)
let spelled word =
  String.map (fun c -> if c = '_' then '-' else c) (String.lowercase_ascii word)

let first_word text =
  List.fold_left (fun text char -> before char text) text ['='; ':'; ' '; '\t']

let looks_like_a_switch ~keys word =
  List.mem word keys || has_prefix "numa-" word || has_prefix "builder-" word

let without_prefix prefix text =
  if has_prefix prefix text then
    let length = String.length prefix in
    String.sub text length (String.length text - length)
  else
    text

let slip_of_key ~keys line =
  let word = first_word line in
  let meant = spelled (without_prefix "--" word) in
  let expected () =
    if List.mem meant keys then
      meant
    else
      "one of " ^ String.concat ", " keys
  in
  match key_and_value line with
  | Some (key, _) when List.mem key keys || List.mem key keys_of_others ->
      None
  | _ when not (looks_like_a_switch ~keys meant) ->
      None
  | Some (key, _) when key = word ->
      Some
        (Printf.sprintf "found %s, expected %s" (String.escaped key)
           (expected ())
        )
  | Some _ | None ->
      Some
        (Printf.sprintf "found %S, expected %s = and a value" line
           (expected ())
        )

let slips ~keys text =
  let slip (number, line) =
    let marked = number = 1 && has_prefix byte_order_mark line in
    let mark =
      if marked then
        [
          ( number
          , "found a byte order mark, expected none: this line is not read"
          )
        ]
      else
        []
    in
    let line = without_prefix byte_order_mark line in
    let line = String.trim (before '#' line) in
    mark
    @ List.map
        (fun what -> (number, what))
        (Option.to_list (slip_of_key ~keys line))
  in
  List.concat_map slip (lines text)
