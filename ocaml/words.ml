let pp_set ppf ints =
  Format.fprintf ppf "{%s}" (String.concat "," (List.map string_of_int ints))

(* Runs of numbers, the last one first. *)
let runs ascending =
  let add runs n =
    match runs with
    | (first, last) :: runs when n = last + 1 ->
        (first, n) :: runs
    | runs ->
        (n, n) :: runs
  in
  List.fold_left add [] ascending

(* A run of two is not shorter than its two numbers. *)
let split (first, last) =
  if last = first + 1 then [(first, first); (last, last)] else [(first, last)]

let run_text (first, last) =
  if first = last then
    string_of_int first
  else
    Printf.sprintf "%d-%d" first last

let most_runs = 4

let nodes = function
  | [] ->
      "no nodes"
  | [node] ->
      Printf.sprintf "node %d" node
  | ascending ->
      let runs = List.concat_map split (List.rev (runs ascending)) in
      let shown = List.filteri (fun i _ -> i < most_runs) runs in
      let count = List.fold_left (fun n (a, b) -> n + b - a + 1) 0 shown in
      let text = String.concat "," (List.map run_text shown) in
      let left = List.length ascending - count in
      if left = 0 then
        "nodes " ^ text
      else
        Printf.sprintf "nodes %s and %d more" text left

let size bytes = Format.asprintf "%a" Size.pp (Size.clamp bytes)

let most_decimals = 10

let apart ~least a b =
  let both decimals =
    (Printf.sprintf "%.*f" decimals a, Printf.sprintf "%.*f" decimals b)
  in
  let rec search decimals =
    let a, b = both decimals in
    if decimals > most_decimals then
      both least
    else if a = b then
      search (decimals + 1)
    else
      (a, b)
  in
  search least

let more bytes ~than =
  if bytes > than then
    size (bytes - than) ^ " more"
  else if bytes < than then
    size (than - bytes) ^ " less"
  else
    "as much"
