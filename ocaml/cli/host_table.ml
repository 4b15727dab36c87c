open Xenopsd_numa

module Pairs = Set.Make (struct
  type t = int * int

  let compare (a, b) (c, d) =
    match Int.compare a c with 0 -> Int.compare b d | order -> order
end)

(* As the planner counts: CPUs whose node, core and socket are known. *)
let processors host node =
  let count (cpus, cores) (cpu : Host.cpu) =
    match (cpu.node, cpu.core, cpu.socket) with
    | Some on, Some core, Some socket when on = node ->
        (cpus + 1, Pairs.add (socket, core) cores)
    | Some _, Some _, Some _ | None, _, _ | _, None, _ | _, _, None ->
        (cpus, cores)
  in
  let cpus, cores = Array.fold_left count (0, Pairs.empty) (Host.cpus host) in
  (cpus, Pairs.cardinal cores)

let distance = function
  | Some distance when distance < 255 ->
      string_of_int distance
  | Some _ | None ->
      "-"

let node_row host i (node : Host.node) =
  let show = Fmt.str "%a" Size.pp in
  match (node.size, node.free) with
  | Some size, Some free ->
      let cpus, cores = processors host i in
      let row =
        Array.to_list (Host.distances host).(i)
        |> List.map distance
      in
      [
        Printf.sprintf "  %d" i
      ; show size
      ; show free
      ; show node.claimed
      ; string_of_int cpus
      ; string_of_int cores
      ; String.concat " " row
      ]
  | None, _ | _, None ->
      [Printf.sprintf "  %d" i; "offline"]

let lines host =
  let heads =
    ["  node"; "size"; "free"; "claimed"; "CPUs"; "cores"; "distances"]
  in
  let named label = function "" -> [] | text -> [["  " ^ label; text]] in
  let size label size = [["  " ^ label; Fmt.str "%a" Size.pp size]] in
  Output.table
    (named "name" (Host.name host)
    @ named "source" (Host.source host)
    @ size "free" (Host.host_free host)
    @ size "outstanding claims" (Host.host_outstanding host)
    )
  @ Output.table
    (heads :: Array.to_list (Array.mapi (node_row host) (Host.nodes host)))
  @ List.map
      (fun (left_out : Host.Left_out.t) -> "  " ^ left_out.sentence)
      (Host.left_out host)
