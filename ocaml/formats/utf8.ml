let length_at text at =
  let byte i =
    if at + i < String.length text then Char.code text.[at + i] else 0
  in
  let continues i = byte i land 0xC0 = 0x80 in
  let second low high = byte 1 >= low && byte 1 <= high in
  match byte 0 with
  | b when b < 0x80 ->
      1
  | b when b >= 0xC2 && b <= 0xDF && continues 1 ->
      2
  | 0xE0 when second 0xA0 0xBF && continues 2 ->
      3
  | 0xED when second 0x80 0x9F && continues 2 ->
      3
  | b
    when b >= 0xE1 && b <= 0xEF && b <> 0xED && continues 1 && continues 2 ->
      3
  | 0xF0 when second 0x90 0xBF && continues 2 && continues 3 ->
      4
  | b when b >= 0xF1 && b <= 0xF3 && continues 1 && continues 2 && continues 3
    ->
      4
  | 0xF4 when second 0x80 0x8F && continues 2 && continues 3 ->
      4
  | _ ->
      0

let rec is_valid_from text at =
  at >= String.length text
  ||
  match length_at text at with
  | 0 ->
      false
  | length ->
      is_valid_from text (at + length)

let is_valid text = is_valid_from text 0

let characters text =
  let rec go at found =
    if at >= String.length text then
      List.rev found
    else
      let length = max 1 (length_at text at) in
      go (at + length) (String.sub text at length :: found)
  in
  go 0 []
