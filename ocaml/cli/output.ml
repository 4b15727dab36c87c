exception Closed

exception Unwritable of string

let buffer_bytes = 65536

let buffer = Buffer.create buffer_bytes

let rec write_all text at =
  if at < String.length text then
    match
      Unix.write_substring Unix.stdout text at (String.length text - at)
    with
    | written ->
        write_all text (at + written)
    | exception Unix.Unix_error (Unix.EINTR, _, _) ->
        write_all text at
    | exception Unix.Unix_error (Unix.EPIPE, _, _) ->
        raise Closed
    | exception Unix.Unix_error (error, _, _) ->
        raise (Unwritable (String.lowercase_ascii (Unix.error_message error)))

(* Cleared first: what could not be written once is not tried again. *)
let flush () =
  let text = Buffer.contents buffer in
  Buffer.clear buffer ; write_all text 0

let print text =
  Buffer.add_string buffer text ;
  if Buffer.length buffer >= buffer_bytes then flush ()

let print_lines lines = List.iter (fun line -> print (line ^ "\n")) lines

let formatter =
  Format.make_formatter
    (fun text first length -> print (String.sub text first length))
    ignore

let err_formatter =
  let write text first length =
    match Unix.write_substring Unix.stderr text first length with
    | _ ->
        ()
    | exception Unix.Unix_error _ ->
        ()
  in
  Format.make_formatter write ignore

(* An empty cell has nothing to show, and no name. *)
let cell = function "" -> "" | text -> Xenopsd_numa_formats.Shown.name text

let widths rows =
  let wider widths row =
    let rec go widths row =
      match (widths, row) with
      | w :: widths, cell :: row ->
          max w (String.length cell) :: go widths row
      | widths, [] ->
          widths
      | [], row ->
          List.map String.length row
    in
    go widths row
  in
  List.fold_left wider [] rows

let table rows =
  let rows = List.map (List.map cell) rows in
  let widths = widths rows in
  let line row =
    let rec go widths row =
      match (widths, row) with
      | _, [last] ->
          [last]
      | width :: widths, cell :: row ->
          Printf.sprintf "%-*s" width cell :: go widths row
      | _, row ->
          row
    in
    String.concat "  " (go widths row)
  in
  List.map line rows

let is_terminal =
  lazy
    ( match Unix.isatty Unix.stderr with
    | is ->
        is
    | exception Unix.Unix_error _ ->
        false
    )

let progress text =
  if Lazy.force is_terminal then (
    let cleared = "\r\027[K" ^ text in
    Format.pp_print_string err_formatter cleared ;
    Format.pp_print_flush err_formatter ()
  )
