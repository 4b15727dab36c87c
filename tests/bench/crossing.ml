(* How long a plan takes from OCaml, and how much longer that is than the same
   plan inside Rust. The two are made in turn, in one process. *)

open Xenopsd_numa

external nanos : unit -> (int[@untagged])
  = "xenopsd_numa_no_bytecode" "xenopsd_numa_inside_nanos"
  [@@noalloc]

external plan_inside : (int[@untagged]) -> (int[@untagged]) -> (int[@untagged])
  = "xenopsd_numa_no_bytecode" "xenopsd_numa_inside_plan"
  [@@noalloc]

let cpus_per_node = 16

let node_gib = 64

let plans = 20_000

(* Until caches and branch predictors are warm. *)
let warm_up = 5_000

let ok = function
  | Ok value ->
      value
  | Error error ->
      Format.eprintf "%a@." pp_error error ;
      exit 1

let host nodes =
  let distance a b = Some (if a = b then 10 else 21) in
  let cpu id =
    let node = id / cpus_per_node in
    Host.cpu ~node ~core:(id / 2) ~socket:node
  in
  let size = Size.gib node_gib in
  Host.v
    ~distances:(Array.init nodes (fun a -> Array.init nodes (distance a)))
    ~cpus:(Array.init (nodes * cpus_per_node) cpu)
    ~nodes:(Array.init nodes (fun _ -> Host.node ~size ~free:size ()))
    ()
  |> ok

type times = {sorted: int array}

let times samples =
  Array.sort compare samples ;
  {sorted= samples}

let at share {sorted} =
  sorted.(int_of_float (share *. float_of_int (Array.length sorted - 1)))

let minor_words f =
  let calls = 1_000 in
  let before = Gc.minor_words () in
  for _ = 1 to calls do
    ignore (Sys.opaque_identity (f ()))
  done ;
  (Gc.minor_words () -. before) /. float_of_int calls

type cell = {crossing: times; inside: times; words: float}

let measure nodes gib =
  let host = host nodes in
  let request = ok (Request.v ~memory:(Size.gib gib) ~vcpus:4 ()) in
  let one () = plan host request in
  let crossing = Array.make plans 0 and inside = Array.make plans 0 in
  if plan_inside nodes gib <> 0 then failwith "no such host" ;
  for _ = 1 to warm_up do
    ignore (Sys.opaque_identity (one ())) ;
    ignore (plan_inside nodes gib)
  done ;
  for i = 0 to plans - 1 do
    let before = nanos () in
    ignore (Sys.opaque_identity (one ())) ;
    crossing.(i) <- nanos () - before ;
    inside.(i) <- plan_inside nodes gib
  done ;
  {crossing= times crossing; inside= times inside; words= minor_words one}

let shown nanos =
  if abs nanos < 10_000 then
    Printf.sprintf "%.2f µs" (float_of_int nanos /. 1e3)
  else
    Printf.sprintf "%.0f µs" (float_of_int nanos /. 1e3)

let heading =
  {|# How long a plan takes from OCaml

Made by `./dev bench`. The nodes have 64 GiB and 16 CPUs each, all memory free, and the same distance
between any two; the VM has 4 vCPUs.

- OCaml: `Xenopsd_numa.plan`, from a request to a plan with its CPUs as text, or a refusal.
- Rust: `planner::plan` of the same VM on the same host. One process calls the two in turn, 20,000
  times each, and times each call, which includes the cost of reading the clock.
- more: the difference of the two at p50 and at p99: reading the request, writing the plan.
- words: what a plan allocates on OCaml's minor heap. The times include its collections.

Cores are shared, so that the worst times include other processes' use of a core: compare columns, not
machines.
|}

let sizes = [1; 2; 4; 8; 16; 32; 64]

let asked nodes =
  [
    ("one node", 16)
  ; ("half", nodes * node_gib / 2)
  ; ("all", nodes * node_gib)
  ; ("fits nowhere", (nodes * node_gib) + 1)
  ]

let more share {crossing; inside; _} = at share crossing - at share inside

let row nodes what cell =
  let three times =
    List.map (fun share -> shown (at share times)) [0.5; 0.99; 1.]
    |> String.concat " | "
  in
  Printf.sprintf "| %d | %s | %s | %s | %s | %s | %.0f |" nodes what
    (three cell.crossing) (three cell.inside)
    (shown (more 0.5 cell))
    (shown (more 0.99 cell))
    cell.words

let page () =
  let cells nodes =
    List.map (fun (what, gib) -> (nodes, what, measure nodes gib)) (asked nodes)
  in
  let cells = List.concat_map cells sizes in
  let most share =
    List.filter (fun (nodes, _, _) -> nodes = 8) cells
    |> List.fold_left (fun most (_, _, cell) -> max most (more share cell)) 0
    |> shown
  in
  let table =
    [
      "| nodes | request | OCaml p50 | p99 | worst | Rust p50 | p99 | worst | \
       more p50 | more p99 | words |"
    ; "|--|--|--|--|--|--|--|--|--|--|--|"
    ]
    @ List.map (fun (nodes, what, cell) -> row nodes what cell) cells
  in
  Printf.sprintf
    "%s\nOn 8 nodes and 128 CPUs a plan takes at most %s longer from OCaml at \
     p50, and %s at p99.\n\n%s\n"
    heading (most 0.5) (most 0.99)
    (String.concat "\n" table)

let () =
  match Sys.argv with
  | [|_|] ->
      print_string (page ())
  | [|_; "--write"; file|] ->
      let page = page () in
      print_string page ;
      let out = open_out file in
      output_string out page ;
      close_out out
  | _ ->
      prerr_endline "usage: crossing.exe [--write FILE]" ;
      exit 2
