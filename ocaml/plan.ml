include Raw.Plan

let nodes t = t.nodes

let pages_per_node t = List.combine t.nodes t.pages

let cpus t = t.cpus

let max_distance t = t.max_distance

let average_distance t = t.average_distance

let optimal t = t.optimal

let gap t = t.gap

let pp ppf t =
  let numbers = List.map string_of_int (nodes t) in
  Format.fprintf ppf "nodes {%s}" (String.concat "," numbers) ;
  ( match (max_distance t, average_distance t) with
  | Some maximum, Some average ->
      Format.fprintf ppf ", distance at most %d, %.2f on average" maximum
        average
  | Some _, None | None, Some _ | None, None ->
      ()
  ) ;
  if cpus t <> "" then Format.fprintf ppf ", CPUs %s" (cpus t) ;
  let pp_share ppf (node, pages) =
    Format.fprintf ppf "%a on %d" Size.pp (Size.pages pages) node
  in
  let pp_sep ppf () = Format.pp_print_string ppf ", " in
  Format.fprintf ppf ": %a"
    (Format.pp_print_list ~pp_sep pp_share)
    (pages_per_node t) ;
  if not (optimal t) then Format.pp_print_string ppf " (not proven nearest)"
