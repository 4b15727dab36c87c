(* xenopsd-numa plan --batch. *)

open Test_support
module J = Yojson.Safe.Util

let line ?(host = "../hosts/xeon-2n.json") name gib =
  Printf.sprintf
    {|{"host": %S, "requests": [{"name": %S, "memory_bytes": %d, "vcpus": 1}]}|}
    host name (gib lsl 30)

let lines (result : Run.result) =
  List.filter (fun line -> line <> "") (String.split_on_char '\n' result.out)

let names result =
  let name line =
    let answers = J.member "answers" (Yojson.Safe.from_string line) in
    J.to_string (J.member "name" (J.index 0 answers))
  in
  List.map name (lines result)

let order () =
  let names_in = List.init 200 (Printf.sprintf "vm%d") in
  let text = String.concat "\n" (List.map (fun name -> line name 1) names_in) in
  let check what result =
    Plan_suite.check_code what 0 result ;
    Alcotest.(check string) "no message" "" result.err ;
    Alcotest.(check (list string)) what names_in (names result)
  in
  check "standard input" (Run.command ~input:text ["plan"; "--batch"; "-"]) ;
  Files.with_file (text ^ "\n") (fun path ->
      check "file" (Run.command ["plan"; "--batch"; path])
  )

let together () =
  let vm gib =
    Printf.sprintf {|{"memory_bytes": %d, "vcpus": 1, "strategy": "balance"}|}
      (gib lsl 30)
  in
  let line more =
    Printf.sprintf {|{"host": "../hosts/xeon-2n.json", "requests": [%s]%s}|}
      (String.concat ", " (List.map vm [9; 14; 10]))
      more
  in
  let input = line "" ^ "\n" ^ line {|, "together": true|} in
  let result = Run.command ~input ["plan"; "--batch"; "-"] in
  Plan_suite.check_code "together" 0 result ;
  let summary line =
    let json = Yojson.Safe.from_string line in
    let nodes plan = List.length (J.to_list (J.member "nodes" plan)) in
    let counts = List.map nodes (J.to_list (J.member "answers" json)) in
    (counts, Yojson.Safe.to_string (J.member "order" json))
  in
  Alcotest.(check (list (pair (list int) string)))
    "nodes of each, order"
    [([1; 1; 2], "null"); ([1; 1; 1], "[1,2,0]")]
    (List.map summary (lines result)) ;
  let help = Run.command ["plan"; "--help=plain"] in
  Alcotest.(check bool)
    "in the manual" true
    (Files.contains help.out "\"together\": true")

(* Idle sockets share VMs that fit both, unless they are to be packed. *)
let shared () =
  let nodes_of (result : Run.result) =
    let answers = J.member "answers" (Yojson.Safe.from_string result.out) in
    let node plan = J.to_int (J.index 0 (J.member "nodes" plan)) in
    List.map node (J.to_list answers)
  in
  let on node nodes = List.length (List.filter (( = ) node) nodes) in
  let placed = nodes_of (Run.command ["plan"; "--batch"; "../data/six-vms.jsonl"]) in
  Alcotest.(check (pair int int)) "three each" (3, 3) (on 0 placed, on 1 placed)

(* That a VM does not fit is an answer. *)
let refused () =
  let result = Run.command ~input:(line "a" 900) ["plan"; "--batch"; "-"] in
  Plan_suite.check_code "refused" 0 result

let errors () =
  let text =
    String.concat "\n"
      [line "a" 1; ""; "{"; line ~host:"gone" "b" 1; line "c" 1; "[]"]
  in
  let result = Run.command ~input:text ["plan"; "--batch"; "-"] in
  Plan_suite.check_code "errors" 2 result ;
  Alcotest.(check string) "no message" "" result.err ;
  let kinds line =
    match J.member "error" (Yojson.Safe.from_string line) with
    | `Null ->
        "answers"
    | error ->
        Printf.sprintf "line %d, field %s"
          (J.to_int (J.member "line" error))
          (Option.value ~default:"null"
             (J.to_string_option (J.member "field" error))
          )
  in
  Alcotest.(check (list string))
    "lines"
    [
      "answers"
    ; "line 3, field null"
    ; "line 4, field host"
    ; "answers"
    ; "line 6, field null"
    ]
    (List.map kinds (lines result))

let unreadable () =
  let check path message =
    let result = Run.command ["plan"; "--batch"; path] in
    Plan_suite.check_code path 2 result ;
    Alcotest.(check string) path ("xenopsd-numa: " ^ message ^ "\n") result.err
  in
  check "gone.jsonl"
    "gone.jsonl: found no such file or directory, expected a readable file" ;
  check "../data" "../data: found a directory, expected a file"

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "batch"
  , [
      case "order" order
    ; case "two idle sockets" shared
    ; case "together" together
    ; case "refused" refused
    ; case "errors" errors
    ; case "unreadable" unreadable
    ]
  )
