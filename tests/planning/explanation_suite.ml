(* Why answers are what they are, as data and in words. *)

open Xenopsd_numa
open Bench

(* Nodes of 64 GiB, with two CPUs each unless they are among [without_cpus]. *)
let host ?(without_cpus = []) ~distance frees =
  let count = Array.length frees in
  let with_cpus =
    List.filter
      (fun node -> not (List.mem node without_cpus))
      (List.init count Fun.id)
  in
  let cpus node =
    List.map (fun core -> Host.cpu ~node ~core ~socket:node) [0; 1]
  in
  let row a =
    Array.init count (fun b -> Some (if a = b then 10 else distance a b))
  in
  ok_host
    (Host.v
       ~distances:(Array.init count row)
       ~cpus:(Array.of_list (List.concat_map cpus with_cpus))
       ~nodes:
         (Array.map
            (fun free -> Host.node ~size:(Size.gib 64) ~free:(Size.gib free) ())
            frees
         )
       ()
    )

let explained ?budget_steps host request =
  ok_host (explain ?budget_steps host request)

let why ?policy ?strategy ?vcpus host gib =
  snd (explained host (request ?policy ?strategy ?vcpus (Size.gib gib)))

(* The runner-up's nodes, why it is one, and its memory in GiB. *)
let behind (explanation : Explanation.t) =
  Option.map
    (fun (runner_up : Explanation.runner_up) ->
      let known = List.mem runner_up.behind Explanation.behinds in
      Alcotest.(check bool) "listed" true known ;
      ( Plan.nodes runner_up.plan
      , runner_up.behind.name
      , runner_up.weighed.room_bytes lsr 30
      )
    )
    explanation.runner_up

let check_behind what expected explanation =
  Alcotest.(check (option (triple ints string int)))
    what (Some expected) (behind explanation)

let check_lines what expected explanation =
  Alcotest.(check (list string)) what expected (Explanation.lines explanation)

let example_of_the_manual () =
  match Manual_example.explained (two_nodes ()) with
  | Ok lines ->
      Alcotest.(check (list string))
        "lines"
        [
          "nodes 0,1 alone: short by 16.0 GiB each"
        ; "no other nodes would do"
        ]
        lines
  | Error error ->
      Alcotest.failf "%a" pp_error error

let rejected_are_reported () =
  match why ~strategy:Request.Balance (two_nodes ()) 80 with
  | {
   rejected= [{max_distance= 10; size= None; bound}]
  ; alone= [{node= 0; verdict= Error first}; {node= 1; verdict= Error second}]
  ; compared= 1
  ; strategy= Request.Balance
  ; weighed= Some weighed
  ; runner_up= None
  ; answer= Ok plan
  ; _
  } ->
      Alcotest.(check int) "short" (16 lsl 30) bound.short_by_bytes ;
      Alcotest.(check int) "node 0" (16 lsl 30) first.short_by_bytes ;
      Alcotest.check ints "node 1" [1] second.nearest ;
      Alcotest.check ints "nodes" [0; 1] (Plan.nodes plan) ;
      Alcotest.(check int) "room" (128 lsl 30) weighed.room_bytes ;
      Alcotest.(check int) "emptiest" (64 lsl 30) weighed.emptiest_bytes ;
      Alcotest.(check (float 1e-6)) "used" 0.625 weighed.used_share ;
      Alcotest.(check (option int)) "holes" None weighed.ended_holes
  | explanation ->
      Alcotest.fail (Explanation.log_line explanation)

let far a b = if a lxor b = 1 then 16 else if a / 4 = b / 4 then 21 else 32

let farther_ones () =
  let four = host ~distance:far [|40; 40; 40; 30|] in
  let explanation = why ~strategy:Request.Balance four 72 in
  check_behind "maximum" ([0; 2], "maximum", 80) explanation ;
  check_lines "maximum"
    [
      "nodes 0-2 alone: short by 32.0 GiB each"
    ; "node 3 alone: short by 42.0 GiB"
    ; "next best: nodes 0,2, distance 21 at most, not 16; average 15.50, not 13.00"
    ; "room: 80.0 GiB on nodes 0,1, as much on nodes 0,2"
    ]
    explanation ;
  let distance a b = if a + b = 1 then 16 else 21 in
  let explanation = why (host ~distance [|30; 10; 30; 5|]) 65 in
  check_behind "average" ([0; 2; 3], "average", 65) explanation ;
  check_lines "average"
    [
      "nodes 0,2 alone: short by 35.0 GiB each"
    ; "node 1 alone: short by 55.0 GiB"
    ; "node 3 alone: short by 60.0 GiB"
    ; "nodes within distance 16: short by 25.0 GiB (nodes 0,1)"
    ; "up to 2 nodes within distance 21: short by 5.00 GiB (nodes 0,2)"
    ; "next best: nodes 0,2,3, distance 17.33 on average, not 16.22"
    ; "room: 70.0 GiB on nodes 0-2, 5.00 GiB less on nodes 0,2,3"
    ]
    explanation ;
  let explanation = why (host ~without_cpus:[1] ~distance [|60; 60; 10|]) 50 in
  check_behind "without CPUs" ([1; 2], "without_cpus", 70) explanation ;
  check_lines "without CPUs"
    [
      "node 1 alone: short by 2 CPUs, 2 cores"
    ; "node 2 alone: short by 40.0 GiB"
    ; "next best: nodes 1,2, not all with CPUs"
    ; "room: 60.0 GiB on node 0, 10.0 GiB more on nodes 1,2"
    ]
    explanation

let strategies_have_their_measure () =
  let check strategy frees gib (nodes, room) expected =
    let explanation = why ~strategy (host ~distance:far frees) gib in
    let what = Printf.sprintf "%d GiB" gib in
    check_behind what (nodes, "strategy", room) explanation ;
    check_lines what expected explanation
  in
  check Request.Pack [|60; 40; 52; 50|] 30
    ([3], 50)
    [
      "nodes 0,2,3 alone: would do"
    ; "pack chose: 4 equally near sets of nodes were compared"
    ; "next best: node 3, as near, with more room"
    ; "room: 40.0 GiB on node 1, 10.0 GiB more on node 3"
    ] ;
  check Request.Spread [|60; 40; 52; 50|] 32
    ([2], 52)
    [
      "nodes 1-3 alone: would do"
    ; "spread chose: 4 equally near sets of nodes were compared"
    ; "next best: node 2, as near, but 68.8 % used then, not 56.2 %"
    ; "room: 60.0 GiB on node 0, 8.00 GiB less on node 2"
    ] ;
  check Request.Balance [|60; 40; 52; 50|] 10
    ([2], 52)
    [
      "nodes 0-2 alone: would do"
    ; "balance chose: 4 equally near sets of nodes were compared"
    ; "next best: node 2, as near, ends as many large holes (0), but has more \
       room"
    ; "room: 50.0 GiB on node 3, 2.00 GiB more on node 2"
    ] ;
  check Request.Balance [|60; 33; 40|] 10
    ([1], 33)
    [
      "nodes 1,2 alone: would do"
    ; "balance chose: 3 equally near sets of nodes were compared"
    ; "next best: node 1, as near, but ends 1 large hole, not 0"
    ; "room: 60.0 GiB on node 0, 27.0 GiB less on node 1"
    ] ;
  check Request.Balance [|60; 40; 50; 50|] 70
    ([2; 3], 100)
    [
      "node 0 alone: short by 10.0 GiB"
    ; "nodes 2,3 alone: short by 20.0 GiB each"
    ; "node 1 alone: short by 30.0 GiB"
    ; "balance chose: other sets of nodes are as near"
    ; "next best: nodes 2,3, as near, but its emptiest node has 50.0 GiB, 10.0 \
       GiB less"
    ; "room: 100 GiB on nodes 0,1, as much on nodes 2,3"
    ]

let equals_have_numbers () =
  let three = host ~distance:far [|40; 60; 40|] in
  let explanation = why ~strategy:Request.Pack three 40 in
  check_behind "numbers" ([2], "numbers", 40) explanation ;
  check_lines "numbers"
    [
      "nodes 1,2 alone: would do"
    ; "pack chose: 3 equally near sets of nodes were compared"
    ; "next best: node 2, as good, but the lower numbers are taken"
    ; "room: 40.0 GiB on node 0, as much on node 2"
    ]
    explanation ;
  (* A difference is shown, however small. *)
  let odd = Size.pages ((40 * 262144) - 1) in
  let sized free = Host.node ~size:(Size.gib 64) ~free () in
  let host =
    ok_host
      (Host.v
         ~distances:[|[|Some 10; Some 21|]; [|Some 21; Some 10|]|]
         ~cpus:(Array.init 2 (fun node -> Host.cpu ~node ~core:0 ~socket:node))
         ~nodes:[|sized (Size.gib 40); sized odd|]
         ()
      )
  in
  check_lines "a page"
    [
      "node 1 alone: would do"
    ; "spread chose: 2 equally near sets of nodes were compared"
    ; "next best: node 1, as near, but 39.063 % used then, not 39.062 %"
    ; "room: 40.0 GiB on node 0, 4.00 KiB less on node 1"
    ]
    (why ~strategy:Request.Spread ~vcpus:1 host 1)

let other_nodes_are_reported () =
  let explanation = why (host ~distance:far [|60; 10; 30; 20|]) 40 in
  check_lines "each other node"
    [
      "node 2 alone: short by 10.0 GiB"
    ; "node 3 alone: short by 20.0 GiB"
    ; "node 1 alone: short by 30.0 GiB"
    ; "next best: nodes 2,3, distance 16 at most, not 10; average 13.00, not 10.00"
    ; "room: 60.0 GiB on node 0, 10.0 GiB less on nodes 2,3"
    ]
    explanation ;
  Alcotest.(check string)
    "in a log"
    "node 0, distance 10 at most, 10.00 on average; node 2 alone: short by 10.0 \
     GiB, 2 more nodes short; next best: nodes 2,3, distance 16 at most, not 10; \
     average 13.00, not 10.00; room: 60.0 GiB on node 0, 10.0 GiB less on nodes \
     2,3"
    (Explanation.log_line explanation)

let where_nothing_is_chosen () =
  let host = two_nodes () in
  let explanation = why ~policy:Request.Any host 80 in
  check_lines "any" ["policy any: wherever there is memory"] explanation ;
  Alcotest.(check string)
    "any" "nodes 0,1; policy any: wherever there is memory"
    (Explanation.log_line explanation) ;
  let refused = why ~vcpus:20 host 80 in
  Alcotest.(check bool)
    "refused" true
    ( match refused with
    | {answer= Error _; compared= 0; weighed= None; runner_up= None; _} ->
        true
    | _ ->
        false
    ) ;
  check_lines "refused"
    [
      "nodes 0,1 alone: short by 16.0 GiB, 12 CPUs, 12 cores each"
    ; "nodes within distance 21: short by 4 CPUs, 4 cores (nodes 0,1)"
    ]
    refused ;
  Alcotest.(check string)
    "refused"
    "refused, cpus: nodes 0,1 short by 4 CPUs, 4 cores; one node alone: short \
     by 16.0 GiB, 12 CPUs, 12 cores (node 0), 1 more kind short"
    (Explanation.log_line refused) ;
  (* No kind of set has what the host does not have. *)
  let short = why host 130 in
  check_lines "host" [] short ;
  Alcotest.(check string)
    "host" "refused, host_memory: nodes 0,1 short by 2.00 GiB"
    (Explanation.log_line short) ;
  (* No set is closest where no node may be used. *)
  let unusable =
    ok_host
      (Host.v
         ~distances:[|[|Some 10; None|]; [|None; None|]|]
         ~cpus:[|Host.cpu ~node:0 ~core:0 ~socket:0|]
         ~nodes:
           [|
             Host.node ~size:(Size.gib 64) ~free:(Size.gib 64) ()
           ; Host.offline_node
           |]
         ()
      )
  in
  let masked = request ~allowed_nodes:[1] ~vcpus:1 (Size.gib 1) in
  Alcotest.(check string)
    "no node"
    "refused, mask: short by 1.00 GiB, 1 CPU, 1 core; one node alone: short by \
     1.00 GiB, 1 CPU, 1 core"
    (Explanation.log_line (snd (explained unusable masked))) ;
  (* A node alone is within every distance. *)
  check_lines "strict"
    ["nodes 0,1 alone: short by 16.0 GiB each"]
    (why ~policy:Request.Strict host 80)

(* Distances of a host drawn from [seed], symmetric, of [values] values. *)
let drawn ~nodes ~values seed =
  let state = Random.State.make [|seed; nodes; values|] in
  let table =
    Array.init nodes (fun _ ->
        Array.init nodes (fun _ -> 11 + Random.State.int state values)
    )
  in
  let distance a b = table.(max a b).(min a b) in
  host ~distance (Array.init nodes (fun _ -> Random.State.int state 64))

let strategies = [|Request.Pack; Request.Spread; Request.Balance|]

(* Less than 0 if the first plan has the lower distance. *)
let compare_distances a b =
  let far plan = (Plan.max_distance plan, Plan.average_distance plan) in
  compare (far a) (far b)

let consistent (explanation : Explanation.t) =
  match (explanation.answer, explanation.runner_up) with
  | Error _, runner_up ->
      runner_up = None && explanation.compared = 0
  | Ok _, None ->
      explanation.weighed <> None
  | Ok plan, Some {plan= second; behind; _} -> (
      let distances = compare_distances second plan in
      Plan.nodes plan <> Plan.nodes second
      && explanation.compared >= 1
      &&
      match behind.name with
      | "maximum" ->
          Plan.max_distance second > Plan.max_distance plan
      | "average" ->
          Plan.max_distance second = Plan.max_distance plan && distances > 0
      | "strategy" | "numbers" ->
          distances = 0
      | _ ->
          false
    )

let runner_up_is_never_preferred =
  QCheck.Test.make ~count:500 ~name:"the runner-up is never preferred"
    QCheck.(
      quad (int_range 1 9) (int_range 1 6) (int_range 1 150) (int_bound 100)
    )
    (fun (nodes, values, gib, seed) ->
      let host = drawn ~nodes ~values seed in
      let strategy = strategies.(seed mod 3) in
      consistent (why ~strategy ~vcpus:1 host gib)
    )

let most_columns = 110

let bounded explanation =
  let log = Explanation.log_line explanation in
  let lines = Explanation.lines explanation in
  String.length log < 512
  && (not (String.contains log '\n'))
  && List.length lines <= 19
  && List.for_all (fun line -> String.length line <= most_columns) lines

let texts_are_bounded =
  QCheck.Test.make ~count:20 ~name:"texts are bounded"
    QCheck.(pair (int_range 1 20) (int_range 1 1500))
    (fun (seed, gib) ->
      let host = drawn ~nodes:64 ~values:60 seed in
      let request = request ~strategy:strategies.(seed mod 3) (Size.gib gib) in
      let answer, explanation = explained ~budget_steps:1000 host request in
      if not (bounded explanation) then
        QCheck.Test.fail_reportf "%s@.%s"
          (Explanation.log_line explanation)
          (String.concat "\n" (Explanation.lines explanation)) ;
      answer = explanation.answer
    )

let suite =
  ( "explanations"
  , [
      case "the manual's example" example_of_the_manual
    ; case "rejected" rejected_are_reported
    ; case "farther" farther_ones
    ; case "strategies" strategies_have_their_measure
    ; case "equals" equals_have_numbers
    ; case "each other node" other_nodes_are_reported
    ; case "nothing to choose" where_nothing_is_chosen
    ; case "runner-up" (fun () ->
          QCheck.Test.check_exn runner_up_is_never_preferred
      )
    ; case "bounded" (fun () -> QCheck.Test.check_exn texts_are_bounded)
    ]
  )
