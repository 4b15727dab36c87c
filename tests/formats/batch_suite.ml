(* Batches: a line in, a line out. *)

open Xenopsd_numa_formats
open Test_support
module J = Yojson.Safe.Util

let host = {|"../hosts/xeon-2n.json"|}

let snapshot =
  lazy
    (Files.read "../hosts/itanium-2n.json"
    |> String.split_on_char '\n'
    |> String.concat " "
    )

let line ?(more = "") host requests =
  Printf.sprintf {|{"host": %s, "requests": [%s]%s}|} host
    (String.concat ", " requests)
    more

let vm ?(more = "") name gib =
  Printf.sprintf {|{"name": %S, "memory_bytes": %d, "vcpus": 2%s}|} name
    (gib lsl 30) more

let answer text =
  match Batch.answer (Batch.create ()) ~line:7 text with
  | Some (json, outcome) ->
      (* through the printed text, as a reader has it *)
      (Yojson.Safe.from_string (Yojson.Safe.to_string ~std:true json), outcome)
  | None ->
      Alcotest.failf "no answer to %s" text

let answers text =
  match answer text with
  | json, Batch.Answered ->
      J.to_list (J.member "answers" json)
  | json, (Batch.Bad_line | Batch.Failed) ->
      Alcotest.failf "%s" (Yojson.Safe.to_string json)

let nodes plan = List.map J.to_int (J.to_list (J.member "nodes" plan))

let names plans =
  List.map (fun plan -> J.to_string (J.member "name" plan)) plans

let check_nodes what expected plans =
  Alcotest.(check (list (list int))) what expected (List.map nodes plans)

(* Node 0 has 23.3 GiB free, node 1 10.2 GiB. *)
let in_order () =
  let requests = [vm "a" 20; vm "b" 9; vm "c" 2; vm "d" 20] in
  let plans = answers (line host requests) in
  Alcotest.(check (list string)) "names" ["a"; "b"; "c"; "d"] (names plans) ;
  check_nodes "each sees the earlier" [[0]; [1]; [0]; []] plans ;
  let plans =
    answers (line ~more:{|, "independent": true|} host [vm "a" 20; vm "b" 20])
  in
  check_nodes "independent" [[0]; [0]] plans

(* 9 and 14 GiB on node 0 leave 10 for node 1; one by one, 9 GiB are on node 1. *)
let together () =
  let vm = vm ~more:{|, "strategy": "balance"|} in
  let requests = [vm "a" 9; vm "b" 14; vm "c" 10] in
  check_nodes "one by one" [[1]; [0]; [0; 1]] (answers (line host requests)) ;
  let whole more = answer (line ~more host requests) in
  let json, _ = whole {|, "together": true, "independent": false|} in
  let plans = J.to_list (J.member "answers" json) in
  check_nodes "together" [[0]; [0]; [1]] plans ;
  Alcotest.(check (list string))
    "keys"
    ["answers"; "order"; "together"]
    (List.map fst (J.to_assoc json)) ;
  Alcotest.(check string)
    "beside the answers"
    {|[[1,2,0],{"left_out":0,"left_out_bytes":0,"average_distance":10.0,"on_several_nodes":0,"one_by_one":{"left_out":0,"left_out_bytes":0,"average_distance":11.666667,"on_several_nodes":1},"orders_tried":2,"optimal":true,"complete":true}]|}
    (Yojson.Safe.to_string
       (`List [J.member "order" json; J.member "together" json])
    ) ;
  let plain, _ = whole "" in
  let off, _ = whole {|, "together": false|} in
  Alcotest.(check string)
    "not together"
    (Yojson.Safe.to_string plain)
    (Yojson.Safe.to_string off) ;
  Alcotest.(check (list string)) "as before" ["answers"] (J.keys plain)

(* 15 GiB are less to leave out than 20. A refusal is against what is left at the
   end: 33.5 GiB less 30. *)
let left_out () =
  let requests = [vm "a" 40; vm "b" 20; vm "c" 15; vm "d" 10] in
  let more = {|, "together": true|} in
  let json, _ = answer (line ~more host requests) in
  Alcotest.(check (list int))
    "order" [1; 3; 0; 2]
    (List.map J.to_int (J.to_list (J.member "order" json))) ;
  let short plan =
    match J.member "refused" plan with
    | `Null ->
        0
    | refused ->
        J.to_int (J.member "short_by_bytes" refused) lsr 30
  in
  Alcotest.(check (list int))
    "short by" [36; 0; 11; 0]
    (List.map short (J.to_list (J.member "answers" json))) ;
  let figure of_what =
    J.to_int (J.member of_what (J.member "together" json))
  in
  Alcotest.(check int) "left out" 2 (figure "left_out") ;
  Alcotest.(check int) "bytes" (55 lsl 30) (figure "left_out_bytes")

let reserves () =
  let reserved key gib =
    let more = Printf.sprintf {|, %S: %d|} key (gib lsl 30) in
    answers (line ~more host [vm "a" 20])
  in
  check_nodes "none" [[0]] (reserved "reserve_bytes" 0) ;
  check_nodes "of the host" [[]] (reserved "reserve_bytes" 20) ;
  check_nodes "of each node" [[0; 1]] (reserved "node_reserve_bytes" 5)

let keys =
  [
    "name"
  ; "nodes"
  ; "pages_per_node"
  ; "cpus"
  ; "max_distance"
  ; "average_distance"
  ; "optimal"
  ; "gap"
  ; "refused"
  ; "explanation"
  ]

let shape () =
  let check request expected =
    let text = line (Lazy.force snapshot) [request] in
    let json, _ = Option.get (Batch.answer (Batch.create ()) ~line:1 text) in
    Alcotest.(check string)
      request expected
      (Yojson.Safe.to_string ~std:true json)
  in
  check (vm "a" 1)
    {|{"answers":[{"name":"a","nodes":[1],"pages_per_node":{"1":262144},"cpus":"4-7","max_distance":10,"average_distance":10.000000,"optimal":true,"gap":0.000000,"refused":null,"explanation":[]}]}|} ;
  check (vm "b" 900)
    {|{"answers":[{"name":"b","nodes":[],"pages_per_node":{},"cpus":"","max_distance":null,"average_distance":null,"optimal":true,"gap":0.000000,"refused":{"reason":"host_memory","short_by_bytes":937850044416,"short_by_cpus":0,"short_by_cores":0},"explanation":[]}]}|} ;
  let plans = answers (line (Lazy.force snapshot) [vm "a" 1; vm "b" 900]) in
  let keys_of plan = List.map fst (J.to_assoc plan) in
  List.iter
    (fun plan -> Alcotest.(check (list string)) "keys" keys (keys_of plan))
    plans

let check_error text field message =
  let json, outcome = answer text in
  let error = J.member "error" json in
  let outcome_is_bad =
    match outcome with
    | Batch.Bad_line ->
        true
    | Batch.Answered | Batch.Failed ->
        false
  in
  Alcotest.(check bool) "bad line" true outcome_is_bad ;
  Alcotest.(check int) "line" 7 (J.to_int (J.member "line" error)) ;
  Alcotest.(check (option string))
    text field
    (J.to_string_option (J.member "field" error)) ;
  Alcotest.(check string) text message (J.to_string (J.member "message" error))

let request_errors () =
  let check request field message =
    check_error
      (line host [vm "a" 1; request])
      (Some ("requests[1]" ^ field))
      message
  in
  let count = "found 0, expected at least 1" in
  check {|{"memory_bytes": 1, "vcpus": 0}|} ".vcpus" count ;
  check {|{"memory_bytes": 0, "vcpus": 1}|} ".memory_bytes" count ;
  check {|{"memory_bytes": 1}|} ".vcpus"
    "found nothing, expected an integer, 0 or more" ;
  check {|{"vcpus": 1}|} ".memory_bytes"
    "found nothing, expected bytes, an integer from 0 to 4611686018427387903" ;
  check {|{"memory_bytes": 4611686018427387904, "vcpus": 1}|} ".memory_bytes"
    "found 4611686018427387904, expected bytes, an integer from 0 to \
     4611686018427387903" ;
  check {|{"memory_bytes": 9223372036854775808, "vcpus": 1}|} ".memory_bytes"
    "found 9223372036854775808, expected bytes, an integer from 0 to \
     4611686018427387903" ;
  check {|{"memory_bytes": -1, "vcpus": 1}|} ".memory_bytes"
    "found -1, expected bytes, an integer from 0 to 4611686018427387903" ;
  check {|{"memory_bytes": 1.0, "vcpus": 1}|} ".memory_bytes"
    "found 1.0, expected bytes, an integer from 0 to 4611686018427387903" ;
  check {|{"memory_bytes": 1, "vcpus": "1"}|} ".vcpus"
    "found \"1\", expected an integer, 0 or more" ;
  check {|{"memory_bytes": 1, "vcpus": 1, "vcpus": 1}|} ".vcpus"
    "found the key twice, expected once" ;
  check {|{"memory_bytes": 1, "vcpus": 1, "cores": null}|} ".cores"
    "found null, expected an integer, 0 or more" ;
  check {|{"memory_bytes": 1, "vcpus": 1, "policy": "best"}|} ".policy"
    "found \"best\", expected any, best_effort, best_effort_hard, \
     prio_mem_only, strict" ;
  check {|{"memory_bytes": 1, "vcpus": 1, "strategy": 1}|} ".strategy"
    "found 1, expected balance, pack, spread" ;
  check {|{"memory_bytes": 1, "vcpus": 1, "allowed_cpus": []}|} ".allowed_cpus"
    "found an empty list, expected at least one, or no such field" ;
  check {|{"memory_bytes": 1, "vcpus": 1, "allowed_cpus": [0, 32]}|}
    ".allowed_cpus[1]" "found 32, expected 0 to 31, which the host has" ;
  check {|{"memory_bytes": 1, "vcpus": 1, "allowed_nodes": [2]}|}
    ".allowed_nodes[0]" "found 2, expected 0 to 1, which the host has" ;
  check {|{"memory_bytes": 1, "vcpus": 1, "allowed_nodes": [-1]}|}
    ".allowed_nodes[0]" "found -1, expected an integer, 0 or more" ;
  check "[]" "" "found a list, expected an object"

let line_errors () =
  let check = check_error in
  check "{" None "found the end of the text, expected JSON" ;
  check "nonsense" None "found \"nonsense\", expected JSON" ;
  check "[1]" None "found a list, expected an object" ;
  check {|{"requests": []}|} (Some "host")
    "found nothing, expected a host, or the path of one" ;
  check {|{"host": 1, "requests": []}|} (Some "host")
    "found 1, expected a host, or the path of one" ;
  check {|{"host": "-", "requests": []}|} (Some "host")
    "found \"-\", expected the path of a file" ;
  check (Printf.sprintf {|{"host": %s}|} host) (Some "requests")
    "found nothing, expected a list" ;
  check (line ~more:{|, "reserve": 0|} host []) (Some "reserve")
    "found an unknown key, expected one of host, requests, independent, \
     together, reserve_bytes, node_reserve_bytes" ;
  check (line ~more:{|, "independent": 1|} host []) (Some "independent")
    "found 1, expected true or false" ;
  check (line ~more:{|, "together": "yes"|} host []) (Some "together")
    "found \"yes\", expected true or false" ;
  check
    (line ~more:{|, "together": true, "independent": true|} host [])
    (Some "together")
    "found true, expected false, or no such key, where independent is true" ;
  check (line ~more:{|, "reserve_bytes": -1|} host []) (Some "reserve_bytes")
    "found -1, expected bytes, an integer from 0 to 4611686018427387903" ;
  check (line {|"missing.json"|} []) (Some "host")
    "found missing.json: no such file or directory, expected a readable file" ;
  check
    (line {|"../data/bad/diagonal-11.json"|} [])
    (Some "host")
    "found ../data/bad/diagonal-11.json: distances[1][1]: 11, expected 10 (a \
     node to itself), or null if offline" ;
  check
    (line
       (Files.replace ~before:"[15, 10]" ~after:"[15, 11]"
          (Lazy.force snapshot)
       )
       []
    )
    (Some "host.distances[1][1]")
    "found 11, expected 10 (a node to itself), or null if offline" ;
  check (String.make 1_000_000 '[') None
    "found more than 64 brackets in brackets, expected fewer"

(* Opening it would wait for a writer that never comes. *)
let host_is_a_pipe () =
  Files.with_directory (fun root ->
      let path = Filename.concat root "pipe" in
      Unix.mkfifo path 0o600 ;
      check_error
        (line (Printf.sprintf "%S" path) [])
        (Some "host")
        (Printf.sprintf "found %s: a pipe, expected a file" path)
  )

let node_without_distances () =
  let path = {|"../data/xl/slit-smaller-than-srat.txt"|} in
  let said json = Yojson.Safe.to_string (J.member "left_out_nodes" json) in
  let check more =
    let text = line ~more path [vm "a" 12; vm "b" 13] in
    let json, _ = answer text in
    let answers = J.to_list (J.member "answers" json) in
    Alcotest.(check (list (list int)))
      "nodes"
      [[0]; []]
      (List.map
         (fun plan -> List.map J.to_int (J.to_list (J.member "nodes" plan)))
         answers
      ) ;
    Alcotest.(check string)
      "said"
      {|[{"node":1,"reason":"no_distances","text":"node 1 is left out: it has memory, but no distances"}]|}
      (said json)
  in
  check "" ;
  check {|, "together": true|} ;
  let whole, _ = answer (line host [vm "a" 12]) in
  Alcotest.(check string) "nothing to say" "null" (said whole)

let many_requests () =
  let requests count = List.init count (fun _ -> vm "a" 1) in
  let more = {|, "independent": true|} in
  Alcotest.(check int)
    "answers" 65_536
    (List.length (answers (line ~more host (requests 65_536)))) ;
  let json, _ = answer (line host (requests 65_537)) in
  let error = J.member "error" json in
  Alcotest.(check string)
    "field" "requests"
    (J.to_string (J.member "field" error)) ;
  Alcotest.(check string)
    "message" "found 65537 requests, expected at most 65536"
    (J.to_string (J.member "message" error))

(* ---- whole runs ---- *)

let run text =
  Files.with_file text (fun path ->
      let input = Unix.openfile path [Unix.O_RDONLY] 0 in
      let output = Buffer.create 1000 in
      let result =
        Fun.protect
          ~finally:(fun () -> Unix.close input)
          (fun () ->
            Batch.run ~input ~write:(Buffer.add_string output) ~flush:ignore
          )
      in
      (result, String.split_on_char '\n' (Buffer.contents output))
  )

let outcome_name = function
  | Ok Batch.Answered ->
      "answered"
  | Ok Batch.Bad_line ->
      "bad line"
  | Ok Batch.Failed ->
      "failed"
  | Error message ->
      message

let blank_lines_count () =
  let good = line host [vm "a" 1] in
  let result, output =
    run (String.concat "\n" ["\r"; good; ""; "oops"; "   "; good])
  in
  Alcotest.(check string) "outcome" "bad line" (outcome_name result) ;
  match output with
  | [a; oops; b; ""] ->
      Alcotest.(check string) "same answer" a b ;
      Alcotest.(check string)
        "error"
        {|{"error":{"line":4,"field":null,"message":"found \"oops\", expected JSON"}}|}
        oops
  | lines ->
      Alcotest.failf "%d lines" (List.length lines)

let too_long () =
  let result, output =
    run (String.concat "\n" [String.make 70_000_000 'x'; line host []])
  in
  Alcotest.(check string) "outcome" "bad line" (outcome_name result) ;
  Alcotest.(check (list string))
    "lines"
    [
      {|{"error":{"line":1,"field":null,"message":"found more than 67108864 bytes, expected a shorter line"}}|}
    ; {|{"answers":[]}|}
    ; ""
    ]
    output

let empty () =
  let result, output = run "" in
  Alcotest.(check string) "outcome" "answered" (outcome_name result) ;
  Alcotest.(check (list string)) "nothing" [""] output

(* An answer must not wait for more input than there is: who asks writes the next question
   when the answer to the last one is flushed, and a reader that wants it before finds none. *)
let dialogue () =
  let input, questions = Unix.pipe () in
  Unix.set_nonblock input ;
  let ask text =
    let text = text ^ "\n" in
    let written = Unix.write_substring questions text 0 (String.length text) in
    Alcotest.(check int) "written" (String.length text) written
  in
  let to_ask = ref [line host []; line host []] in
  let pending = Buffer.create 100 in
  let flushed = ref [] in
  let flush () =
    if Buffer.length pending > 0 then (
      flushed := Buffer.contents pending :: !flushed ;
      Buffer.clear pending ;
      match !to_ask with
      | [] ->
          Unix.close questions
      | question :: later ->
          ask question ;
          to_ask := later
    )
  in
  ask (line host []) ;
  let result =
    Fun.protect
      ~finally:(fun () -> Unix.close input)
      (fun () -> Batch.run ~input ~write:(Buffer.add_string pending) ~flush)
  in
  Alcotest.(check string) "outcome" "answered" (outcome_name result) ;
  let answer = "{\"answers\":[]}\n" in
  Alcotest.(check (list string)) "answers" [answer; answer; answer] !flushed

let many () =
  let line =
    line (Lazy.force snapshot) [vm "a" 1; vm "b" 2; vm "c" 3; vm "d" 20]
  in
  let text = String.concat "\n" (List.init 5_000 (fun _ -> line)) in
  let result, output = run text in
  Alcotest.(check string) "outcome" "answered" (outcome_name result) ;
  Alcotest.(check int) "answers" 5_001 (List.length output)

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "batch"
  , [
      case "requests in order" in_order
    ; case "together" together
    ; case "together, some left out" left_out
    ; case "reserves" reserves
    ; case "shape of a plan" shape
    ; case "bad requests" request_errors
    ; case "bad lines" line_errors
    ; case "a host that is a pipe" host_is_a_pipe
    ; case "a node without distances" node_without_distances
    ; case "many requests" many_requests
    ; case "blank lines count" blank_lines_count
    ; case "a line of 70 MB" too_long
    ; case "nothing" empty
    ; case "question and answer" dialogue
    ; case "5000 lines" many
    ]
  )
