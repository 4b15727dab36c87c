(* Random hosts and requests, checked and unchecked, for qcheck. *)

open Xenopsd_numa

let rand () = Random.State.make [|20240521|]

let property ?(count = 300) name arbitrary law =
  Alcotest.test_case name `Quick (fun () ->
      QCheck.Test.make ~count ~name arbitrary law
      |> QCheck.Test.check_exn ~rand:(rand ())
  )

(* What qcheck had at first it calls otherwise today, and the names of today it had not:
   these are made of what stayed. *)

let weighted choices =
  let open QCheck.Gen in
  let rec pick at = function
    | [] ->
        assert false
    | (weight, gen) :: rest ->
        if at < weight then gen else pick (at - weight) rest
  in
  let total = List.fold_left (fun sum (weight, _) -> sum + weight) 0 choices in
  let* at = int_bound (total - 1) in
  pick at choices

let rec all gens =
  let open QCheck.Gen in
  match gens with
  | [] ->
      return []
  | gen :: rest ->
      let* first = gen in
      let* others = all rest in
      return (first :: others)

let text length =
  let open QCheck.Gen in
  let* chars = list_size length printable in
  return (String.of_seq (List.to_seq chars))

let size =
  QCheck.Gen.(
    oneof [map Size.gib (int_bound 512); map Size.kib (int_bound 100_000_000)]
  )

let node online =
  let open QCheck.Gen in
  if online then
    let* size = size in
    let* free = map Size.mib (int_bound 500_000) in
    let* claimed = map Size.mib (int_bound 5_000) in
    return (Host.node ~claimed ~size ~free ())
  else
    return Host.offline_node

let distance =
  QCheck.Gen.(
    weighted
      [
        (8, map Option.some (int_range 10 80))
      ; (1, return None)
      ; (1, return (Some 255))
      ]
  )

let row online a =
  let open QCheck.Gen in
  let cell b =
    match (online.(a) && online.(b), a = b) with
    | false, _ ->
        return None
    | true, true ->
        return (Some 10)
    | true, false ->
        distance
  in
  map Array.of_list (all (List.init (Array.length online) cell))

let cpu nodes =
  let open QCheck.Gen in
  let maybe gen = weighted [(9, map Option.some gen); (1, return None)] in
  let* node = maybe (int_bound (nodes - 1)) in
  let* core = maybe (int_range (-1) 64) in
  let* socket = maybe (int_range (-1) 1_000_000) in
  return (Host.unknown_cpu ?node ?core ?socket ())

let host_gen =
  let open QCheck.Gen in
  let* count = int_range 1 9 in
  let* online =
    array_size (return count)
      (weighted [(9, return true); (1, return false)])
  in
  let* rows = all (List.init count (row online)) in
  let* nodes = all (List.map node (Array.to_list online)) in
  let* cpu_count = int_bound 40 in
  let* cpus = array_size (return cpu_count) (cpu count) in
  let* name = text (int_bound 12) in
  let* host_free = map Size.mib (int_bound 4_000_000) in
  let* host_outstanding = map Size.mib (int_bound 40_000) in
  let host =
    Host.v ~name ~source:"qcheck" ~host_free ~host_outstanding
      ~distances:(Array.of_list rows) ~cpus ~nodes:(Array.of_list nodes) ()
  in
  match host with
  | Ok host ->
      return host
  | Error error ->
      Alcotest.failf "%a" pp_error error

let host =
  QCheck.make host_gen ~print:Xenopsd_numa_formats.Host_json.to_string
