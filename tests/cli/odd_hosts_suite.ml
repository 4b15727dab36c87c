(* Hosts of which not all can be used: what the commands do and say. *)

open Test_support

let plan ?(more = []) file =
  Run.command
    (["plan"; "--host"; file; "--vcpus"; "1"; "--memory"; "2GiB"] @ more)

let sentence = "node 1 is left out: it has memory, but no distances"

let slit = "../data/xl/slit-smaller-than-srat.txt"

let check_said file (result : Run.result) =
  Plan_suite.check_code file 0 result ;
  Alcotest.(check string)
    file
    ("xenopsd-numa: warning: " ^ sentence ^ "\n")
    result.err ;
  Alcotest.(check bool)
    file true
    (Files.contains result.out "fits on node 0\n")

let left_out () =
  check_said slit (plan slit) ;
  Files.with_directory (fun root ->
      Tree.make ~without:["node/node1/distance"] root ;
      check_said root (plan root)
  )

let left_out_in_json () =
  let result = plan ~more:["--json"] slit in
  Plan_suite.check_code slit 0 result ;
  Alcotest.(check string) "quiet" "" result.err ;
  let json = Yojson.Safe.from_string result.out in
  Alcotest.(check string)
    "said"
    (Printf.sprintf
       {|[{"node":1,"reason":"no_distances","text":"%s"}]|}
       sentence
    )
    (Yojson.Safe.to_string
       (Yojson.Safe.Util.member "left_out_nodes" json)
    )

let left_out_in_doctor () =
  let result = Run.command ["doctor"; "--host"; slit] in
  Plan_suite.check_code slit 0 result ;
  Alcotest.(check bool) "said" true (Files.contains result.out sentence)

let read file =
  Plan_suite.check_code file 0 (plan file ~more:["--cores"; "0"])

let all_are_read () =
  let in_ directory name = Filename.concat ("../data/" ^ directory) name in
  List.iter
    (fun name -> read (in_ "sysfs" name))
    [
      "nul-in-online"
    ; "nul-in-cpulist"
    ; "cpumap-only"
    ; "distance-0"
    ; "cpus-in-two-nodes-linked"
    ; "cores-by-cluster"
    ] ;
  List.iter
    (fun name -> read (in_ "xl" name))
    ["indented.txt"; "with-prompt.txt"]

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "odd hosts"
  , [
      case "a node is left out" left_out
    ; case "a node is left out, in JSON" left_out_in_json
    ; case "a node is left out, in doctor" left_out_in_doctor
    ; case "others are read" all_are_read
    ]
  )
