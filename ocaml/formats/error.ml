type place =
  | Whole
  | Line of int
  | Field of string
  | At of {line: int; column: int; field: string}

type t =
  | Fault of {file: string; place: place; found: string; expected: string}
  | Internal of string

let fault ~file place ~found ~expected = Fault {file; place; found; expected}

let of_core ~file = function
  | Xenopsd_numa.Invalid {field= ""; found; expected} ->
      Fault {file; place= Whole; found; expected}
  | Xenopsd_numa.Invalid {field; found; expected} ->
      Fault {file; place= Field field; found; expected}
  | Xenopsd_numa.Internal message ->
      Internal message

let excerpt_bytes = 40

let excerpt text =
  if String.length text <= excerpt_bytes then
    Printf.sprintf "\"%s\"" (String.escaped text)
  else
    Printf.sprintf "\"%s\"…" (String.escaped (String.sub text 0 excerpt_bytes))

let pp_place ppf = function
  | Whole ->
      ()
  | Line line ->
      Fmt.pf ppf " line %d:" line
  | Field field ->
      Fmt.pf ppf " %s:" (Shown.name field)
  | At {line; column; field= ""} ->
      Fmt.pf ppf " line %d, column %d:" line column
  | At {line; column; field} ->
      Fmt.pf ppf " line %d, column %d: %s:" line column (Shown.name field)

let pp ppf = function
  | Fault {file; place; found; expected} ->
      Fmt.pf ppf "%s:%a found %s, expected %s" (Shown.name file) pp_place
        place (Shown.plain found) (Shown.plain expected)
  | Internal message ->
      Xenopsd_numa.pp_error ppf (Xenopsd_numa.Internal message)
