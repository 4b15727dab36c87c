(* xenopsd-numa plan, one VM. *)

module J = Yojson.Safe.Util
module Size = Xenopsd_numa.Size
module Host = Xenopsd_numa.Host
module Config = Xenopsd_numa.Config
module Claims = Xenopsd_numa.Claims

let host = "../hosts/xeon-2n.json"

let plan arguments = Run.command ("plan" :: "--host" :: host :: arguments)

(* The question alone, whatever a placement leaves alone. *)
let bare = ["--reserve"; "0"; "--overhead"; "0"]

let check_code what expected (result : Run.result) =
  if result.code <> expected then
    Alcotest.failf "%s: exit code %d, expected %d\n%s%s" what result.code
      expected result.out result.err

let check_lines what expected (result : Run.result) =
  Alcotest.(check (list string))
    what expected
    (String.split_on_char '\n' result.out)

let for_people () =
  let vm = ["--memory"; "30GiB"; "--vcpus"; "8"; "--name"; "vm1"] in
  let result = plan (vm @ bare) in
  check_code "fits" 0 result ;
  Alcotest.(check string) "no message" "" result.err ;
  check_lines "fits"
    [
      "vm1 fits on nodes 0, 1"
    ; "  CPUs      0-31"
    ; "  node 0    19.8 GiB, 5186811 pages"
    ; "  node 1    10.2 GiB, 2677509 pages"
    ; "  distance  21 at most, 15.500000 on average"
    ; ""
    ]
    result

let refused () =
  let result = plan ["--memory"; "64GiB"; "--vcpus"; "8"] in
  check_code "refused" 1 result ;
  Alcotest.(check string) "no message" "" result.err ;
  Alcotest.(check bool)
    "says so" true
    (Test_support.Files.contains result.out "The VM does not fit: ")

(* What stands after the plan itself. *)
let check_why what arguments expected =
  let result = Run.command (("plan" :: "--explain" :: arguments) @ bare) in
  check_code what 0 result ;
  let rec after = function
    | [] ->
        []
    | "Why:" :: lines ->
        lines
    | _ :: lines ->
        after lines
  in
  Alcotest.(check (list string))
    what
    (expected @ [""])
    (after (String.split_on_char '\n' result.out))

let on name memory arguments =
  ["--host"; Printf.sprintf "../hosts/%s.json" name; "--memory"; memory]
  @ ("--vcpus" :: arguments)

let explained () =
  check_why "alone"
    (on "xeon-2n" "30GiB" ["8"])
    [
      "  node 0 alone: short by 6.67 GiB"
    ; "  node 1 alone: short by 19.8 GiB"
    ; "  no other nodes would do"
    ] ;
  check_why "each other node"
    (on "xeon-2n" "12GiB" ["4"])
    ["  node 1 alone: short by 1.79 GiB"; "  no other nodes would do"] ;
  check_why "balance"
    (on "arm-4n-2sockets" "30GiB" ["8"; "--strategy"; "balance"])
    [
      "  nodes 0-2 alone: would do"
    ; "  balance chose: 4 equally near sets of nodes were compared"
    ; "  next best: node 2, as near, but ends 1 large hole, not 0"
    ; "  room: 120 GiB on node 3, 46.2 GiB less on node 2"
    ] ;
  check_why "spread"
    (on "xeon-4n-2groups" "30GiB" ["8"; "--strategy"; "spread"])
    [
      "  nodes 0-2 alone: would do"
    ; "  spread chose: 4 equally near sets of nodes were compared"
    ; "  next best: node 2, as near, but 56.2 % used then, not 51.2 %"
    ; "  room: 92.4 GiB on node 3, 6.32 GiB less on node 2"
    ] ;
  check_why "many kinds"
    (on "itanium-17n" "1200GiB" ["30"; "--strategy"; "balance"])
    [
      "  nodes 0-3,5,6,8 and 6 more alone: short by 1.08 TiB, 22 CPUs, 22 cores \
       each"
    ; "  nodes 7,9 alone: short by 1.09 TiB, 22 CPUs, 22 cores each"
    ; "  node 4 alone: short by 1.12 TiB, 22 CPUs, 22 cores"
    ; "  node 16 alone: short by 1.17 TiB, 30 CPUs, 30 cores"
    ; "  nodes within distance 14: short by 1.08 TiB, 22 CPUs, 22 cores (nodes \
       10,16)"
    ; "  nodes within distance 17: short by 819 GiB (nodes 12-16)"
    ; "  up to 2 nodes within distance 20: short by 1009 GiB, 14 CPUs, 14 cores \
       (nodes 6,10)"
    ; "  up to 3 nodes within distance 20: short by 914 GiB, 6 CPUs, 6 cores \
       (nodes 6,10,11)"
    ; "  and 6 more kinds of sets that are short"
    ; "  up to 10 nodes within distance 20: short by 248 GiB (nodes \
       2,3,5,6 and 6 more)"
    ; "  up to 11 nodes within distance 20: short by 153 GiB (nodes \
       2,3,5,6 and 7 more)"
    ; "  up to 12 nodes within distance 20: short by 58.5 GiB (nodes \
       1-3,5,6,8 and 6 more)"
    ; "  balance chose: other sets of nodes are as near"
    ; "  next best: nodes 0-3,5,8-15, as near, with as empty a node, but more \
       room"
    ; "  room: 1.18 TiB on nodes 0-3,7-15, 12.8 GiB more on nodes 0-3,5,8-15"
    ]

let json_of what expected (result : Run.result) =
  check_code what expected result ;
  match String.split_on_char '\n' result.out with
  | [line; ""] ->
      Yojson.Safe.from_string line
  | lines ->
      Alcotest.failf "%d lines" (List.length lines)

(* One line of JSON, with this text. *)
let check_json what code expected result =
  ignore (json_of what code result) ;
  Alcotest.(check string) what (expected ^ "\n") result.out

let for_programs () =
  let vm gib rest =
    plan (["--vcpus"; "8"; "--json"; "--memory"; gib] @ bare @ rest)
  in
  check_json "plan" 0
    {|{"name":"vm1","nodes":[0,1],"pages_per_node":{"0":5186811,"1":2677509},"cpus":"0-31","max_distance":21,"average_distance":15.500000,"optimal":true,"gap":0.000000,"refused":null,"unplaced":null,"left_alone":{"overhead_bytes":0,"reserve_bytes":0,"node_reserve_bytes":0,"claimed_bytes":0,"claimed_bytes_per_node":{}},"explanation":[]}|}
    (vm "30GiB" ["--name"; "vm1"]) ;
  check_json "unplaced" 0
    {|{"name":"","nodes":[],"pages_per_node":{},"cpus":"","max_distance":null,"average_distance":null,"optimal":true,"gap":0.000000,"refused":null,"unplaced":{"reason":"cores","short_by_bytes":0,"short_by_cpus":0,"short_by_cores":4},"left_alone":{"overhead_bytes":1048576,"reserve_bytes":0,"node_reserve_bytes":2097152,"claimed_bytes":0,"claimed_bytes_per_node":{}},"explanation":[]}|}
    (plan
       (["--vcpus"; "8"; "--json"; "--memory"; "1GiB"; "--cores"; "20"]
       @ ["--overhead"; "1MiB"; "--reserve"; "0"; "--node-reserve"; "2MiB"]
       )
    ) ;
  let refused = json_of "refused" 1 (vm "64GiB" ["--explain"]) in
  Alcotest.(check string)
    "reason" "host_memory"
    (J.to_string (J.member "reason" (J.member "refused" refused))) ;
  let strict = ["--policy"; "strict"; "--explain"] in
  let refused = json_of "refused" 1 (vm "30GiB" strict) in
  Alcotest.(check bool)
    "explained" true
    (J.to_list (J.member "explanation" refused) <> []) ;
  check_json "explained" 0
    {|{"name":"","nodes":[0,1],"pages_per_node":{"0":5186811,"1":2677509},"cpus":"0-31","max_distance":21,"average_distance":15.500000,"optimal":true,"gap":0.000000,"refused":null,"unplaced":null,"left_alone":{"overhead_bytes":0,"reserve_bytes":0,"node_reserve_bytes":0,"claimed_bytes":0,"claimed_bytes_per_node":{}},"explanation":[{"max_distance":10,"size":1,"nodes":[0],"reason":"memory","short_by_bytes":7159123968,"short_by_cpus":0,"short_by_cores":0,"text":"node 0 alone: short by 6.67 GiB"},{"max_distance":10,"size":1,"nodes":[1],"reason":"memory","short_by_bytes":21245177856,"short_by_cpus":0,"short_by_cores":0,"text":"node 1 alone: short by 19.8 GiB"},{"max_distance":null,"size":null,"nodes":[],"reason":null,"short_by_bytes":0,"short_by_cpus":0,"short_by_cores":0,"text":"no other nodes would do"}],"reasons":{"rejected":[{"max_distance":10,"size":null,"nodes":[0],"reason":"memory","short_by_bytes":7159123968,"short_by_cpus":0,"short_by_cores":0}],"alone":[{"node":0,"short":{"reason":"memory","short_by_bytes":7159123968,"short_by_cpus":0,"short_by_cores":0},"behind":null},{"node":1,"short":{"reason":"memory","short_by_bytes":21245177856,"short_by_cpus":0,"short_by_cores":0},"behind":null}],"compared":1,"steps":0,"strategy":"balance","weighed":{"room_bytes":36020207616,"emptiest_bytes":25053130752,"used_share":0.961838,"ended_holes":null},"runner_up":null}}|}
    (vm "30GiB" ["--explain"; "--strategy"; "balance"])

let has what (result : Run.result) text =
  if not (Test_support.Files.contains result.out text) then
    Alcotest.failf "%s: no %S in %s" what text result.out

let shown size = Fmt.str "%a" Size.pp size

(* Two nodes, of which the second owes memory to domains. *)
let with_claims f =
  let node claimed =
    Host.node ~claimed ~size:(Size.gib 64) ~free:(Size.gib 40) ()
  in
  let host =
    Host.v
      ~distances:[|[|Some 10; Some 21|]; [|Some 21; Some 10|]|]
      ~cpus:
        (Array.init 16 (fun cpu ->
             Host.cpu ~node:(cpu / 8) ~core:cpu ~socket:(cpu / 8)
         )
        )
      ~nodes:[|node Size.zero; node (Size.gib 3)|]
      ()
  in
  match host with
  | Ok host ->
      Test_support.Files.with_file (Xenopsd_numa_formats.Host_json.to_string host) f
  | Error _ ->
      Alcotest.fail "the host was refused"

let vm gib = ["--memory"; Printf.sprintf "%dGiB" gib; "--vcpus"; "8"]

let start_unplaced = "The VM would start without a place: "

(* What a placement leaves alone is left alone, and shown. *)
let as_place () =
  let result = plan (vm 12) in
  check_code "defaults" 0 result ;
  let reserve = Config.reserve Config.default in
  has "defaults" result (shown reserve ^ " of the host, reserved") ;
  let memory = Size.gib 12 in
  let least = Claims.overhead ~vcpus:8 ~memory in
  let json = json_of "overhead" 0 (plan (vm 12 @ ["--json"])) in
  let left = J.member "left_alone" json in
  let bytes key = J.to_int (J.member key left) in
  Alcotest.(check bool)
    "an HVM VM's" true
    (bytes "overhead_bytes" >= (least :> int)) ;
  Alcotest.(check int) "reserve" (reserve :> int) (bytes "reserve_bytes") ;
  (* The host has 33.5 GiB; without the reserve they would do. *)
  let full = plan (vm 20 @ ["--overhead"; "0"; "--reserve"; "34GiB"]) in
  check_code "reserve" 1 full ;
  has "reserve" full "The VM does not fit: the host has not got the memory" ;
  has "what is reserved is short too" full "short by 20.5 GiB" ;
  has "shown" full "  left alone  34.0 GiB of the host, reserved" ;
  with_claims (fun file ->
      let on_file = Run.command (["plan"; "--host"; file] @ vm 38 @ bare) in
      has "claims" on_file "  left alone  3.00 GiB claimed by domains: 3.00 GiB on node 1" ;
      has "claims" on_file "fits on node 0\n"
  )

let as_switched () =
  let check what text arguments code expected =
    Test_support.Files.with_file text (fun file ->
        let result = plan (arguments @ ["--config"; file]) in
        check_code what code result ;
        has what result expected
    ) ;
    let piped = Run.command ~input:text in
    let arguments = "plan" :: "--host" :: host :: arguments in
    let result = piped (arguments @ ["--config"; "-"]) in
    check_code what code result ;
    has what result expected
  in
  check "reserve" "numa-reserve-mib = 20480\n" (vm 20) 1 "does not fit" ;
  check "strategy" "numa-strategy = pack\n" (vm 1) 0 "fits on node 1\n" ;
  check "strategy" "numa-strategy = spread\n" (vm 1) 0 "fits on node 0\n" ;
  (* 190 pages for each of 8 vCPUs, and 2 MiB, come out of no less. *)
  check "no reserve leaves the structures" "numa-reserve-mib = 0\n"
    (vm 1 @ ["--json"])
    0 {|"reserve_bytes":8323072|} ;
  check "policy" "numa-placement = false\n" (vm 1) 0 "fits on nodes 0, 1\n" ;
  check "an option wins" "numa-strategy = pack\n"
    (vm 1 @ ["--strategy"; "spread"])
    0 "fits on node 0\n" ;
  (* Nothing is refused where nobody claims, and no nodes are asked for. *)
  check "nothing is enforced" "numa-claims = never\nnuma-placement = no\n"
    (vm 99) 0 "would be let through: with numa-claims = never" ;
  check "memory is" "numa-claims = never\n" (vm 99) 1 "does not fit" ;
  let name = "a\n\027[31mred" in
  let result = plan (vm 1 @ ["--name"; name]) in
  Alcotest.(check bool)
    "a name is shown as text" true
    (Test_support.Files.contains result.out {|"a\n\027[31mred"|}) ;
  let bad = "numa-strategy = best\n" in
  let result =
    Run.command ~input:bad
      (("plan" :: "--host" :: host :: vm 1) @ ["--config"; "-"])
  in
  check_code "bad" 2 result ;
  Alcotest.(check bool)
    "says where" true
    (Test_support.Files.contains result.err "standard input: line 1: numa-str")

(* Only what would not start is refused. *)
let unplaced () =
  let check arguments code expected =
    let what = String.concat " " arguments in
    let result = plan (arguments @ bare) in
    check_code what code result ;
    has what result expected
  in
  let many = ["--memory"; "1GiB"; "--vcpus"; "40"] in
  check many 0 (start_unplaced ^ "no nodes that reach each other") ;
  check (many @ ["--policy"; "best_effort_hard"]) 0 start_unplaced ;
  check (many @ ["--policy"; "strict"]) 1 "The VM does not fit: " ;
  check (many @ ["--policy"; "any"]) 0 "The VM fits on nodes 0, 1" ;
  check (vm 20 @ ["--allowed-nodes"; "1"]) 0 (start_unplaced ^ "the allowed") ;
  check (vm 20 @ ["--node-reserve"; "30GiB"]) 0 "short by 26.7 GiB" ;
  check (vm 64) 1 "The VM does not fit: the host has not got the memory"

let nodes arguments =
  plan (("--json" :: "--vcpus" :: "1" :: arguments) @ ["--reserve"; "0"])
  |> json_of (String.concat " " arguments) 0
  |> J.member "nodes" |> J.to_list |> List.map J.to_int

let options () =
  let check arguments expected =
    Alcotest.(check (list int))
      (String.concat " " arguments)
      expected (nodes arguments)
  in
  let gib n = ["--memory"; Printf.sprintf "%dGiB" n] in
  check (gib 1 @ ["--policy"; "any"]) [0; 1] ;
  check (gib 20) [0] ;
  check (gib 1 @ ["--allowed-cpus"; "8-15"]) [1] ;
  check (gib 1 @ ["--allowed-nodes"; "1"]) [1] ;
  check (gib 20 @ ["--node-reserve"; "5GiB"]) [0; 1] ;
  check (gib 20 @ ["--overhead"; "5GiB"]) [0; 1] ;
  check (gib 1 @ ["--cores"; "9"]) [0; 1] ;
  check (gib 1 @ ["--strategy"; "spread"]) [0] ;
  check (gib 1 @ ["--strategy"; "pack"]) [1] ;
  check_code "reserve" 1
    (plan (("--vcpus" :: "1" :: gib 20) @ ["--reserve"; "30GiB"])) ;
  check_code "strict" 1
    (plan (("--vcpus" :: "1" :: gib 30) @ ["--policy"; "strict"]))

let standard_input () =
  let arguments = ["plan"; "--host"; "-"; "--memory"; "1GiB"; "--vcpus"; "1"] in
  let file = Test_support.Files.read "../data/xl/asymmetric.txt" in
  check_code "xl info" 0 (Run.command ~input:file arguments) ;
  let result = Run.command ~input:"{" arguments in
  check_code "half a brace" 2 result ;
  Alcotest.(check string)
    "message"
    "xenopsd-numa: standard input: line 1: found the end of the text, \
     expected JSON\n"
    result.err

let usage () =
  let check arguments part =
    let what = String.concat " " arguments in
    let result = Run.command ("plan" :: arguments) in
    check_code what 2 result ;
    Alcotest.(check string) what "" result.out ;
    if not (Test_support.Files.contains result.err part) then
      Alcotest.failf "%s: %S has no %S" what result.err part
  in
  let vm = ["--host"; host; "--memory"; "1GiB"; "--vcpus"; "1"] in
  check [] "--host FILE is missing" ;
  check ["--host"; host; "--vcpus"; "1"] "--memory SIZE is missing" ;
  check ["--host"; host; "--memory"; "1GiB"] "--vcpus N is missing" ;
  check ["--host"; host; "--memory"; "0"; "--vcpus"; "1"] "at least 1 byte" ;
  check
    ["--host"; host; "--memory"; "99999999999TiB"; "--vcpus"; "1"]
    "99999999999TiB" ;
  check ["--host"; host; "--memory=-1"; "--vcpus"; "1"] "--memory" ;
  check ["--host"; host; "--memory"; "-1"; "--vcpus"; "1"] "-1" ;
  check ["--host"; host; "--memory"; "1GB"; "--vcpus"; "1"] "1GB" ;
  check ["--host"; host; "--memory"; ""; "--vcpus"; "1"] "--memory" ;
  check ["--host"; host; "--memory"; "1GiB"; "--vcpus"; "0"] "at least 1" ;
  check ["--host"; host; "--memory"; "1GiB"; "--vcpus"; "0x10"] "0x10" ;
  check ["--host"; host; "--memory"; "1GiB"; "--vcpus"; "1.5"] "1.5" ;
  check ["--host="; "--memory"; "1GiB"; "--vcpus"; "1"] "--host" ;
  check (vm @ ["--memory"; "2GiB"]) "--memory" ;
  check (vm @ ["--json"; "--json"]) "--json" ;
  check (vm @ ["--name"; ""]) "--name" ;
  check (vm @ ["--cores"; "-1"]) "-1" ;
  check (vm @ ["--policy"; "best"]) "best" ;
  check (vm @ ["--strategy"; ""]) "--strategy" ;
  check (vm @ ["--reserve"; "lots"]) "lots" ;
  check (vm @ ["--allowed-cpus"; "5-2"]) "5-2" ;
  check (vm @ ["--allowed-cpus"; ""]) "--allowed-cpus" ;
  check (vm @ ["--allowed-cpus"; "0-99999999999999999999"]) "--allowed-cpus" ;
  check
    (vm @ ["--allowed-cpus"; "32"])
    "--allowed-cpus: found 32, expected 0 to 31, which the host has" ;
  check
    (vm @ ["--allowed-nodes"; "0,7"])
    "--allowed-nodes: found 7, expected 0 to 1, which the host has" ;
  check (vm @ ["--bogus"]) "--bogus" ;
  check (vm @ ["stray"]) "stray" ;
  check (vm @ ["--batch"; "-"]) "--host does not go with --batch" ;
  check ["--batch"; "-"; "--explain"] "--explain does not go with --batch" ;
  check ["--batch"; "-"; "--config"; "-"] "--config does not go with --batch" ;
  check
    ["--host"; "-"; "--config"; "-"; "--memory"; "1GiB"; "--vcpus"; "1"]
    "--host and --config cannot both be standard input"

let commands () =
  let check arguments =
    let result = Run.command arguments in
    check_code (String.concat " " arguments) 2 result ;
    Alcotest.(check bool) "a message" true (result.err <> "")
  in
  check [] ;
  check ["nonsense"] ;
  check [""]

(* What needs a live host is another program's, if there is one. *)
let live_commands () =
  let run path arguments = Run.command ~path arguments in
  List.iter
    (fun live ->
      let result = run "/nowhere" [live] in
      check_code live 2 result ;
      Alcotest.(check bool)
        "names the package" true
        (Test_support.Files.contains result.err
           "install the package xenopsd-numa-xenctrl"
        ) ;
      Test_support.Files.with_directory (fun directory ->
          let program = Filename.concat directory "xenopsd-numa-xenctrl" in
          Test_support.Files.write program
            "#!/bin/sh\necho \"got $*\"\nexit 3\n" ;
          Unix.chmod program 0o755 ;
          let result = run directory [live; "--verbose"] in
          check_code live 3 result ;
          Alcotest.(check string)
            "handed over"
            ("got " ^ live ^ " --verbose\n")
            result.out
      )
    )
    ["status"; "claims"; "snapshot"]

let help () =
  let check arguments =
    let what = String.concat " " arguments in
    let result = Run.command (arguments @ ["--help=plain"]) in
    check_code what 0 result ;
    List.iter
      (fun part ->
        if not (Test_support.Files.contains result.out part) then
          Alcotest.failf "%s: the help has no %S" what part
      )
      [
        "EXAMPLES"
      ; "EXIT STATUS"
      ; "0   on success"
      ; "1   if a VM does not fit"
      ; "2   on bad input or usage"
      ; "3   if the hypervisor said no"
      ; "4   on an internal error"
      ] ;
    List.iter
      (fun code ->
        if Test_support.Files.contains result.out code then
          Alcotest.failf "%s: the help has %s" what code
      )
      ["123"; "124"; "125"]
  in
  List.iter check [[]; ["plan"]; ["doctor"]; ["simulate"]] ;
  let version = Run.command ["--version"] in
  check_code "version" 0 version ;
  Alcotest.(check bool) "a version" true (String.length version.out > 1)

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "plan"
  , [
      case "for people" for_people
    ; case "refused" refused
    ; case "explained" explained
    ; case "for programs" for_programs
    ; case "as a placement" as_place
    ; case "as switched" as_switched
    ; case "unplaced" unplaced
    ; case "options" options
    ; case "standard input" standard_input
    ; case "usage" usage
    ; case "commands" commands
    ; case "commands for a live host" live_commands
    ; case "help" help
    ]
  )
