(* In reverse, so that nothing is copied until the end. *)
type t = string list

let empty = []

let ( ++ ) under over = over @ under

let all parts = List.concat (List.rev parts)

type anchor = Start | Middle | End

let replacement = "\xef\xbf\xbd"

(* What is no character, or none that XML has, is replaced. *)
let characters text =
  let allowed character =
    Xenopsd_numa_formats.Utf8.is_valid character
    && (not (character < " " || character = "\127"))
    && character <> "\xef\xbf\xbe"
    && character <> "\xef\xbf\xbf"
  in
  List.map
    (fun character -> if allowed character then character else replacement)
    (Xenopsd_numa_formats.Utf8.characters text)

let escaped = function
  | "&" ->
      "&amp;"
  | "<" ->
      "&lt;"
  | ">" ->
      "&gt;"
  | "\"" ->
      "&quot;"
  | character ->
      character

let escape text = String.concat "" (List.map escaped (characters text))

(* A sans-serif's, on the wide side; beyond Latin, letters may be square. *)
let width_of ~size character =
  let em =
    match character with
    | "i" | "j" | "l" | "." | "," | ":" | "'" | "|" | "!" ->
        0.36
    | "m" | "w" | "M" | "W" | "@" | "%" ->
        1.
    | one when String.length one = 1 ->
        if one >= "A" && one <= "Z" then 0.74 else 0.62
    | _ ->
        1.
  in
  em *. float_of_int size

let widths ~size characters =
  List.fold_left (fun sum c -> sum +. width_of ~size c) 0. characters

let text_width ~size text = widths ~size (characters text)

let ellipsis = "\xe2\x80\xa6"

let cut ~size ~most characters =
  if widths ~size characters <= most then
    characters
  else
    let room = most -. width_of ~size ellipsis in
    let least = widths ~size (List.filteri (fun i _ -> i < 3) characters) in
    let rec go left = function
      | c :: rest when width_of ~size c <= left ->
          c :: go (left -. width_of ~size c) rest
      | _ ->
          [ellipsis]
    in
    if room < least then [] else go room characters

let number value =
  let text = Printf.sprintf "%.2f" value in
  let rec trim last =
    match text.[last] with
    | '0' ->
        trim (last - 1)
    | '.' ->
        last - 1
    | _ ->
        last
  in
  match String.sub text 0 (trim (String.length text - 1) + 1) with
  | "-0" ->
      "0"
  | text ->
      text

let anchor_name = function
  | Start ->
      "start"
  | Middle ->
      "middle"
  | End ->
      "end"

let text ?(anchor = Start) ?(size = 12) ?(bold = false) ?(fill = "#1f2328")
    ?(most = infinity) ~x ~y text =
  match cut ~size ~most (characters text) with
  | [] ->
      empty
  | characters ->
      let weight = if bold then " font-weight=\"bold\"" else "" in
      [
        Printf.sprintf
          "<text x=\"%s\" y=\"%s\" font-size=\"%d\" text-anchor=\"%s\" \
           fill=\"%s\"%s>%s</text>"
          (number x) (number y) size (anchor_name anchor) fill weight
          (String.concat "" (List.map escaped characters))
      ]

let rect ?stroke ?title ~fill ~x ~y ~width ~height () =
  let stroke =
    Option.fold ~none:"" ~some:(Printf.sprintf " stroke=\"%s\"") stroke
  in
  let start =
    Printf.sprintf
      "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"%s\"%s"
      (number x) (number y)
      (number (max 0. width))
      (number (max 0. height))
      fill stroke
  in
  match title with
  | None ->
      [start ^ "/>"]
  | Some title ->
      [Printf.sprintf "%s><title>%s</title></rect>" start (escape title)]

let line ?(dashed = false) ?(width = 1.) ~stroke (x1, y1) (x2, y2) =
  [
    Printf.sprintf
      "<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\" stroke=\"%s\" \
       stroke-width=\"%s\"%s/>"
      (number x1) (number y1) (number x2) (number y2) stroke (number width)
      (if dashed then " stroke-dasharray=\"4 3\"" else "")
  ]

let polygon ~fill points =
  match points with
  | [] ->
      empty
  | points ->
      let point (x, y) = number x ^ "," ^ number y in
      [
        Printf.sprintf "<polygon fill=\"%s\" points=\"%s\"/>" fill
          (String.concat " " (List.map point points))
      ]

let hatched ~id ~colour =
  [
    Printf.sprintf
      "<defs><pattern id=\"%s\" width=\"6\" height=\"6\" \
       patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect \
       width=\"6\" height=\"6\" fill=\"%s\" fill-opacity=\"0.35\"/><rect \
       width=\"3\" height=\"6\" fill=\"%s\"/></pattern></defs>"
      id colour colour
  ]

let document ~width ~height ~title parts =
  let head =
    Printf.sprintf
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
       <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%s\" height=\"%s\" \
       viewBox=\"0 0 %s %s\" font-family=\"Helvetica, Arial, 'DejaVu Sans', \
       sans-serif\">\n\
       <title>%s</title>\n"
      (number width) (number height) (number width) (number height)
      (escape title)
  in
  let background = rect ~fill:"#ffffff" ~x:0. ~y:0. ~width ~height () in
  let lines = List.rev (background ++ parts) in
  head ^ String.concat "\n" lines ^ "\n</svg>\n"
