(* xenopsd-numa doctor. *)

open Test_support

let words line = List.filter (fun w -> w <> "") (String.split_on_char ' ' line)

let switch key (result : Run.result) =
  let is_key line = match words line with k :: _ -> k = key | [] -> false in
  match List.find_opt is_key (String.split_on_char '\n' result.out) with
  | Some line ->
      words line
  | None ->
      Alcotest.failf "no %s in %s" key result.out

let check_switch result key value origin =
  Alcotest.(check (list string))
    key (key :: value :: words origin) (switch key result)

let with_config text f =
  Files.with_file text (fun path ->
      f path (Run.command ["doctor"; "--config"; path])
  )

let switches () =
  with_config
    "# ours and others'\n\
     use-upstream-qemu = true\n\
     numa-claims = never # for now\n\n\
     numa-reserve-mib=100\n\
     numa-reserve-mib = 512\n" (fun path result ->
      Plan_suite.check_code "doctor" 0 result ;
      Alcotest.(check string) "no warning" "" result.err ;
      check_switch result "numa-claims" "never" (path ^ ": line 3") ;
      check_switch result "numa-reserve-mib" "512" (path ^ ": line 6") ;
      check_switch result "numa-memory-wait-seconds" "600" "default" ;
      check_switch result "builder-claims" "none" "default"
  )

let slips () =
  let check text expected =
    let result = Run.command ~input:text ["doctor"; "--config"; "-"] in
    Plan_suite.check_code text 0 result ;
    check_switch result "numa-claims" "always" "default" ;
    let warned =
      List.filter (fun line -> line <> "") (String.split_on_char '\n' result.err)
    in
    let line (number, what) =
      Printf.sprintf "xenopsd-numa: warning: standard input: line %d: found %s"
        number what
    in
    Alcotest.(check (list string)) text (List.map line expected) warned ;
    let strict = ["doctor"; "--config"; "-"; "--strict"] in
    Plan_suite.check_code text
      (if expected = [] then 0 else 2)
      (Run.command ~input:text strict)
  in
  let keys = String.concat ", " (List.map fst Xenopsd_numa.Config.keys) in
  let missing line =
    Printf.sprintf "%S, expected numa-claims = and a value" line
  in
  check "numa-claim = never\nnuma = 1\n"
    [(1, "numa-claim, expected one of " ^ keys)] ;
  check "NUMA-CLAIMS = never\n" [(1, "NUMA-CLAIMS, expected numa-claims")] ;
  check "\n numa_claims=never # x\n" [(2, "numa_claims, expected numa-claims")] ;
  check "--numa-claims=never\n" [(1, "--numa-claims, expected numa-claims")] ;
  check "numa-claims: never\n" [(1, missing "numa-claims: never")] ;
  check "numa-claims never\r\n" [(1, missing "numa-claims never")] ;
  check "numa-claims\n" [(1, missing "numa-claims")] ;
  check "\xef\xbb\xbfnuma-claims = never\n"
    [(1, "a byte order mark, expected none: this line is not read")] ;
  check "# numa_claims = never\nuse-upstream-qemu = true\n\n" [] ;
  (* A key of xenopsd's own. *)
  check "numa-reserve-node0-dmaheap-bits = 31\n" []

(* As xenopsd reads them. *)
let quoted () =
  let text = "numa-claims = \"never\" # x\r\nnuma-strategy='pack'\n" in
  let result = Run.command ~input:text ["doctor"; "--config"; "-"; "--strict"] in
  Plan_suite.check_code "quoted" 0 result ;
  check_switch result "numa-claims" "never" "standard input: line 1" ;
  check_switch result "numa-strategy" "pack" "standard input: line 2"

(* What can be read but once is read once. *)
let piped () =
  Files.with_directory (fun directory ->
      let fifo = Filename.concat directory "fifo" in
      Unix.mkfifo fifo 0o600 ;
      match Unix.fork () with
      | 0 ->
          Files.write fifo "numa-claims = never\n" ;
          Unix._exit 0
      | writer ->
          let result = Run.command ["doctor"; "--config"; fifo] in
          ignore (Run.wait writer) ;
          Plan_suite.check_code "fifo" 0 result ;
          check_switch result "numa-claims" "never" (fifo ^ ": line 1")
  ) ;
  let both = ["doctor"; "--config"; "-"; "--host"; "-"] in
  Plan_suite.check_code "both" 2 (Run.command both)

let not_whole () =
  let check what text found =
    let result = Run.command ~input:text ["doctor"; "--config"; "-"] in
    Plan_suite.check_code what 2 result ;
    Alcotest.(check string) what "" result.out ;
    if not (Files.contains result.err ("standard input: " ^ found)) then
      Alcotest.failf "%s: %s" what result.err
  in
  check "NUL" "numa-claims = never\n\000numa-strategy = pack\n"
    "line 2: found a NUL byte, expected text" ;
  check "large"
    (String.make (2 lsl 20) '\n')
    "found 2097152 bytes, expected at most 1048576"

let bad_value () =
  with_config "\nnuma-claims = maybe\n" (fun path result ->
      Plan_suite.check_code "doctor" 2 result ;
      Alcotest.(check string) "nothing else" "" result.out ;
      Alcotest.(check string)
        "message"
        (Printf.sprintf
           "xenopsd-numa: %s: line 2: numa-claims: found \"maybe\", expected \
            one of always, never\n"
           path
        )
        result.err
  )

let unreadable () =
  let check path found =
    let result = Run.command ["doctor"; "--config"; path] in
    Plan_suite.check_code path 2 result ;
    Alcotest.(check bool) path true (Files.contains result.err (path ^ found))
  in
  check "gone.conf" ": found no such file or directory" ;
  check "../data" ": found a directory" ;
  Plan_suite.check_code "empty" 2 (Run.command ["doctor"; "--config"; ""])

let no_live_host () =
  let result = Run.command ["doctor"] in
  Plan_suite.check_code "doctor" 0 result ;
  List.iter
    (fun part ->
      Alcotest.(check bool) part true (Files.contains result.out part)
    )
    ["Build\n"; "Switches "; "xenopsd-numa-xenctrl"]

let a_host () =
  let result =
    Run.command ["doctor"; "--host"; "../data/sysfs/sparse"]
  in
  Plan_suite.check_code "doctor" 0 result ;
  let row node =
    words
      (List.find
         (fun line -> match words line with w :: _ -> w = node | [] -> false)
         (String.split_on_char '\n' result.out)
      )
  in
  Alcotest.(check (list string))
    "node 0"
    ["0"; "15.6"; "GiB"; "11.4"; "GiB"; "0"; "B"; "4"; "4"; "10"; "-"; "21"]
    (row "0") ;
  Alcotest.(check (list string)) "node 1" ["1"; "offline"] (row "1")

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "doctor"
  , [
      case "switches" switches
    ; case "slips" slips
    ; case "quoted" quoted
    ; case "piped" piped
    ; case "not whole" not_whole
    ; case "bad value" bad_value
    ; case "unreadable" unreadable
    ; case "no live host" no_live_host
    ; case "a host" a_host
    ]
  )
