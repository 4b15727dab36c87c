type t = int

let max_bytes = max_int

let zero = 0

let page_bytes = 4096

let bytes n =
  if n < 0 then
    Error (Printf.sprintf "%d bytes: expected at least 0" n)
  else
    Ok n

let of_int64 n =
  let largest = Int64.of_int max_bytes in
  if Int64.compare n 0L < 0 || Int64.compare n largest > 0 then
    Error (Printf.sprintf "%Ld bytes: expected 0 to %Ld" n largest)
  else
    Ok (Int64.to_int n)

let clamp n = max 0 n

let scaled unit_bytes n =
  if n <= 0 then
    0
  else if n > max_bytes / unit_bytes then
    max_bytes
  else
    n * unit_bytes

let units =
  [("TiB", 1 lsl 40); ("GiB", 1 lsl 30); ("MiB", 1 lsl 20); ("KiB", 1 lsl 10)]

let kib = scaled (1 lsl 10)

let mib = scaled (1 lsl 20)

let gib = scaled (1 lsl 30)

let tib = scaled (1 lsl 40)

let pages = scaled page_bytes

let to_pages_up n =
  (n / page_bytes) + if n mod page_bytes > 0 then 1 else 0

let is_digit = function '0' .. '9' -> true | _ -> false

let of_string text =
  let expected found =
    Error
      (Printf.sprintf
         "%S: expected an integer and a unit (B, KiB, MiB, GiB, TiB), at most \
          %d bytes"
         found max_bytes
      )
  in
  let length = String.length text in
  let digits =
    let rec count i =
      if i < length && is_digit text.[i] then
        count (i + 1)
      else
        i
    in
    count 0
  in
  let unit_name = String.sub text digits (length - digits) in
  let unit_bytes =
    match unit_name with
    | "" | "B" ->
        Some 1
    | name ->
        List.assoc_opt name units
  in
  (* More digits than this may not fit an int. *)
  if digits = 0 || digits > 19 then
    expected text
  else
    match (int_of_string_opt (String.sub text 0 digits), unit_bytes) with
    | Some n, Some unit_bytes when n >= 0 && n <= max_bytes / unit_bytes ->
        Ok (n * unit_bytes)
    | Some _, Some _ | Some _, None | None, Some _ | None, None ->
        expected text

let to_string n =
  match List.find_opt (fun (_, size) -> n > 0 && n mod size = 0) units with
  | Some (name, size) ->
      string_of_int (n / size) ^ name
  | None ->
      string_of_int n ^ "B"

let compare = Int.compare

let pp ppf n =
  match List.find_opt (fun (_, size) -> n >= size) units with
  | Some (name, size) ->
      let count = float_of_int n /. float_of_int size in
      let decimals = if count < 10. then 2 else if count < 100. then 1 else 0 in
      Format.fprintf ppf "%.*f %s" decimals count name
  | None ->
      Format.fprintf ppf "%d B" n
