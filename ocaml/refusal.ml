type reason = Raw.reason_value =
  | Memory
  | Cpus
  | Cores
  | Reachability
  | Mask
  | Single_node
  | Host_memory

type t = {
    reason: reason
  ; short_by_bytes: int
  ; short_by_cpus: int
  ; short_by_cores: int
  ; nearest: int list
}

let of_raw (value : Raw.refusal_value) =
  {
    reason= value.reason
  ; short_by_bytes= value.short_by_bytes
  ; short_by_cpus= value.short_by_cpus
  ; short_by_cores= value.short_by_cores
  ; nearest= Array.to_list value.nearest
  }

let reasons =
  [
    ("memory", Memory)
  ; ("cpus", Cpus)
  ; ("cores", Cores)
  ; ("reachability", Reachability)
  ; ("mask", Mask)
  ; ("single_node", Single_node)
  ; ("host_memory", Host_memory)
  ]

let sentence = function
  | Memory ->
      "no nodes that reach each other have all that is needed: memory"
  | Cpus ->
      "no nodes that reach each other have all that is needed: CPUs"
  | Cores ->
      "no nodes that reach each other have all that is needed: cores"
  | Reachability ->
      "the nodes that would do together cannot reach each other"
  | Mask ->
      "the allowed CPUs and nodes do not suffice, though the host would"
  | Single_node ->
      "no single node suffices, though several would"
  | Host_memory ->
      "the host has not got the memory"

let shortfall t =
  let count n one =
    match n with
    | 0 ->
        []
    | 1 ->
        ["1 " ^ one]
    | n ->
        [Printf.sprintf "%d %ss" n one]
  in
  let memory =
    if t.short_by_bytes > 0 then [Words.size t.short_by_bytes] else []
  in
  String.concat ", "
    (memory @ count t.short_by_cpus "CPU" @ count t.short_by_cores "core")

let pp_short ppf t =
  match (shortfall t, t.nearest) with
  | "", _ ->
      Format.pp_print_string ppf "nothing is short"
  | short, [] ->
      Format.fprintf ppf "short by %s" short
  | short, nearest ->
      Format.fprintf ppf "nodes %a come nearest, short by %s" Words.pp_set
        nearest short

let pp ppf t = Format.fprintf ppf "%s (%a)" (sentence t.reason) pp_short t
