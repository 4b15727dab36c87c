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
      check_switch result "numa-strategy" "balance" "default" ;
      check_switch result "builder-claims" "none" "default"
  )

let slips () =
  with_config "numa-claim = never\nnuma = 1\n" (fun path result ->
      Plan_suite.check_code "doctor" 0 result ;
      check_switch result "numa-claims" "always" "default" ;
      Alcotest.(check bool)
        "warned" true
        (Files.contains result.err
           (path ^ ": line 1: found numa-claim, expected one of numa-placement")
        ) ;
      Alcotest.(check bool) "once" false (Files.contains result.err "line 2")
  )

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
    ["Build\n"; "Switches\n"; "xenopsd-numa-xenctrl"]

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
    ; case "bad value" bad_value
    ; case "unreadable" unreadable
    ; case "no live host" no_live_host
    ; case "a host" a_host
    ]
  )
