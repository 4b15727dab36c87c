(* Explanations in JSON. *)

open Xenopsd_numa
open Xenopsd_numa_formats
module J = Yojson.Safe.Util

let host name =
  match Host_file.read (Printf.sprintf "../hosts/%s.json" name) with
  | Ok host ->
      host
  | Error error ->
      Alcotest.failf "%a" Error.pp error

let ok = function
  | Ok value ->
      value
  | Error error ->
      Alcotest.failf "%a" pp_error error

let request ?policy ?(vcpus = 1) memory =
  let strategy = Request.Balance in
  ok (Request.v ~name:"vm" ?policy ~strategy ~memory ~vcpus ())

let explained ?policy ?vcpus name memory =
  let answer, explanation =
    ok (explain (host name) (request ?policy ?vcpus memory))
  in
  (Plan_json.v ~name:"vm" answer, Plan_json.v ~explanation ~name:"vm" answer)

let check_keys what expected json =
  Alcotest.(check (list string)) what expected (List.map fst (J.to_assoc json))

let rejected_keys =
  [
    "max_distance"
  ; "size"
  ; "nodes"
  ; "reason"
  ; "short_by_bytes"
  ; "short_by_cpus"
  ; "short_by_cores"
  ]

let entries json = J.to_list (J.member "explanation" json)

let reasons json = J.member "reasons" json

let for_people () =
  let whys entries =
    List.map (fun entry -> J.to_string_option (J.member "reason" entry)) entries
  in
  let spread = entries (snd (explained "xeon-2n" (Size.gib 30))) in
  List.iter (check_keys "keys" (rejected_keys @ ["text"])) spread ;
  Alcotest.(check (list (option string)))
    "both nodes, and the choice"
    [Some "memory"; Some "memory"; None]
    (whys spread) ;
  let text entry = J.to_string (J.member "text" entry) in
  Alcotest.(check (list string))
    "texts"
    [
      "node 0 alone: short by 6.67 GiB"
    ; "node 1 alone: short by 19.8 GiB"
    ; "no other nodes would do"
    ]
    (List.map text spread) ;
  let short entry = J.to_int (J.member "short_by_bytes" entry) in
  Alcotest.(check int)
    "short by"
    ((30 lsl 30) - 25053130752)
    (short (List.nth spread 0)) ;
  let fits = entries (snd (explained "xeon-2n" (Size.gib 1))) in
  Alcotest.(check (list (option string)))
    "the other node would do" [None; None; None; None] (whys fits) ;
  Alcotest.(check string) "shown" "node 0 alone: would do" (text (List.nth fits 0))

(* The texts of the figures are fixed, too. *)
let check_text what expected json =
  Alcotest.(check string) what expected (Yojson.Safe.to_string ~std:true json)

let for_programs () =
  let _, json = explained ~vcpus:30 "itanium-17n" (Size.gib 100) in
  let reasons = reasons json in
  check_keys "reasons"
    ["rejected"; "alone"; "compared"; "steps"; "strategy"; "weighed"; "runner_up"]
    reasons ;
  let rejected = J.to_list (J.member "rejected" reasons) in
  List.iter (check_keys "rejected" rejected_keys) rejected ;
  check_text "rejected"
    {|{"max_distance":17,"size":3,"nodes":[8,10,11],"reason":"cpus","short_by_bytes":0,"short_by_cpus":6,"short_by_cores":6}|}
    (List.nth rejected 3) ;
  let alone = J.to_list (J.member "alone" reasons) in
  Alcotest.(check int) "every node" 17 (List.length alone) ;
  check_text "nearest" {|{"node":10,"short":{"reason":"memory","short_by_bytes":5019959296,"short_by_cpus":22,"short_by_cores":22},"behind":null}|} (List.nth alone 0) ;
  check_text "compared" "1" (J.member "compared" reasons) ;
  Alcotest.(check bool)
    "steps" true
    (J.to_int (J.member "steps" reasons) > 0) ;
  check_text "strategy" {|"balance"|} (J.member "strategy" reasons) ;
  check_text "weighed"
    {|{"room_bytes":394181214208,"emptiest_bytes":102354223104,"used_share":0.303948,"ended_holes":null}|}
    (J.member "weighed" reasons) ;
  check_text "runner-up"
    {|{"nodes":[4,5,6,7],"pages_per_node":{"4":6553600,"5":6553600,"6":6553600,"7":6553600},"cpus":"32-63","max_distance":17,"average_distance":15.250000,"optimal":true,"gap":0.000000,"behind":"strategy","weighed":{"room_bytes":350576836608,"emptiest_bytes":102345506816,"used_share":0.409772,"ended_holes":null}}|}
    (J.member "runner_up" reasons) ;
  (* What would do and was not taken says why. *)
  let _, fits = explained "xeon-2n" (Size.gib 1) in
  let fits = J.member "alone" (J.member "reasons" fits) in
  check_text "would do" {|[{"node":0,"short":null,"behind":"strategy"}]|} fits

let nothing_to_compare () =
  let check what ?policy memory expected =
    check_text what expected (reasons (snd (explained ?policy "xeon-2n" memory)))
  in
  check "any" ~policy:Request.Any (Size.gib 1)
    {|{"rejected":[],"alone":[],"compared":1,"steps":0,"strategy":"balance","weighed":null,"runner_up":null}|} ;
  check "host memory" (Size.gib 64)
    {|{"rejected":[],"alone":[],"compared":0,"steps":0,"strategy":"balance","weighed":null,"runner_up":null}|} ;
  check "strict" ~policy:Request.Strict (Size.gib 30)
    {|{"rejected":[{"max_distance":10,"size":1,"nodes":[0],"reason":"memory","short_by_bytes":7159123968,"short_by_cpus":0,"short_by_cores":0}],"alone":[{"node":0,"short":{"reason":"memory","short_by_bytes":7159123968,"short_by_cpus":0,"short_by_cores":0},"behind":null},{"node":1,"short":{"reason":"memory","short_by_bytes":21245177856,"short_by_cpus":0,"short_by_cores":0},"behind":null}],"compared":0,"steps":0,"strategy":"balance","weighed":null,"runner_up":null}|}

(* What is added is all that an explanation changes. *)
let unexplained () =
  let plain, explained = explained "xeon-2n" (Size.gib 30) in
  let without key json = List.remove_assoc key (J.to_assoc json) in
  check_keys "explained"
    (List.map fst (J.to_assoc plain) @ ["reasons"])
    explained ;
  check_text "plain" "[]" (J.member "explanation" plain) ;
  check_text "the rest"
    (Yojson.Safe.to_string ~std:true
       (`Assoc (List.remove_assoc "explanation" (without "reasons" explained)))
    )
    (`Assoc (without "explanation" plain))

let suite =
  ( "explanations"
  , [
      Alcotest.test_case "for people" `Quick for_people
    ; Alcotest.test_case "for programs" `Quick for_programs
    ; Alcotest.test_case "nothing to compare" `Quick nothing_to_compare
    ; Alcotest.test_case "unexplained" `Quick unexplained
    ]
  )
