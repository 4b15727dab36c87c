(* xenopsd-numa simulate. *)

open Test_support
open Xenopsd_numa_model
module J = Yojson.Safe.Util

let simulate arguments = Run.command ("simulate" :: arguments)

let storm arguments = simulate ("boot-storm" :: arguments)

let flavours =
  List.map (fun (flavour : Model.flavour) -> flavour.name) Model.flavours

let toolstacks =
  List.map
    (fun (toolstack : Simulation.toolstack) -> toolstack.name)
    Simulation.toolstacks

let field name json = J.to_string (J.member name json)

let count name json = J.to_int (J.member name json)

let list name json = J.to_list (J.member name json)

let json arguments =
  let result = storm ("--json" :: arguments) in
  (result, Yojson.Safe.from_string result.out)

let with_keys keys json =
  List.iter
    (fun key ->
      if not (List.mem key (J.keys json)) then Alcotest.failf "no %s" key
    )
    keys

let sum of_one all = List.fold_left (fun sum one -> sum + of_one one) 0 all

let figures =
  [
    "starts"
  ; "failed_starts"
  ; "on_one_node"
  ; "remote_pages"
  ; "overclaimed_page_seconds"
  ; "seconds_to_all_running"
  ; "findings"
  ; "ending"
  ]

(* Totals, variants and the list of starts must agree. *)
let consistent_toolstack name json =
  let vms = list "vms" json in
  let failed = List.filter (fun vm -> field "outcome" vm = "failed") vms in
  let same what = Alcotest.(check int) (name ^ ": " ^ what) in
  same "starts" 20 (count "starts" json) ;
  same "vms" 20 (List.length vms) ;
  same "failed" (List.length failed) (count "failed_starts" json) ;
  same "remote" (sum (count "remote_pages") vms) (count "remote_pages" json) ;
  let variants = list "variants" json in
  List.iter
    (fun key -> same key (sum (count key) variants) (count key json))
    ["starts"; "failed_starts"; "on_one_node"; "overclaimed_page_seconds"] ;
  List.iter (with_keys figures) (json :: variants) ;
  List.iter
    (with_keys
       [
         "name"
       ; "variant"
       ; "phase"
       ; "nodes"
       ; "claimed_pages"
       ; "claim"
       ; "outcome"
       ; "reason"
       ; "queued_seconds"
       ]
    )
    vms ;
  List.length failed

let consistent () =
  let check flavour =
    let result, json = json ["--flavour"; flavour] in
    Alcotest.(check string) "scenario" "boot-storm" (field "scenario" json) ;
    Alcotest.(check string) "flavour" flavour (field "flavour" json) ;
    Alcotest.(check string) "toolstack" "xenopsd-numa" (field "toolstack" json) ;
    Alcotest.(check int)
      (flavour ^ " failed") 0
      (consistent_toolstack flavour json) ;
    Plan_suite.check_code flavour 0 result
  in
  List.iter check flavours

let everybody () =
  let result, json = json ["--toolstack"; "all"; "--flavour"; "4.17"] in
  Plan_suite.check_code "only ours counts" 0 result ;
  with_keys ["scenario"; "seed"; "flavour"] json ;
  let all = list "toolstacks" json in
  Alcotest.(check (list string))
    "names" toolstacks
    (List.map (field "toolstack") all) ;
  let failed =
    List.map (fun one -> consistent_toolstack (field "toolstack" one) one) all
  in
  Alcotest.(check bool) "others fail" true (sum Fun.id failed > 0) ;
  List.iter2
    (fun name failed ->
      storm ["--toolstack"; name; "--flavour"; "4.17"]
      |> Plan_suite.check_code name (min 1 failed)
    )
    toolstacks failed ;
  let table = storm ["--toolstack"; "all"; "--variant"; "aligned"] in
  let lines = String.split_on_char '\n' table.out in
  (* a title, the heads, a line each, and the end of the last line *)
  Alcotest.(check int) "lines" (3 + List.length toolstacks) (List.length lines)

(* Claims that need not fit the host, of a toolstack that claims too much. *)
let crashed () =
  let run toolstack =
    simulate
      ["window"; "--flavour"; "v4"; "--json"; "--toolstack"; toolstack]
  in
  let result = run "xapi-draft" in
  Plan_suite.check_code "crashed" 3 result ;
  Alcotest.(check bool)
    "it says so" true
    (Files.contains result.err "the modelled host crashed") ;
  let ending = field "ending" (Yojson.Safe.from_string result.out) in
  Alcotest.(check bool)
    "in JSON" true
    (Files.contains ending "the modelled host crashed") ;
  Plan_suite.check_code "another's crash" 0 (run "all")

let seeds () =
  let out arguments = (storm arguments).out in
  let twice arguments =
    Alcotest.(check string) "the same" (out arguments) (out arguments)
  in
  twice ["--seed"; "7"; "--json"] ;
  twice ["--seed"; "7"; "--toolstack"; "all"] ;
  Alcotest.(check bool)
    "another seed" true
    (out ["--seed"; "7"] <> out ["--seed"; "8"]) ;
  let _, json = json ["--seed"; "7"] in
  Alcotest.(check int) "seed" 7 (count "seed" json)

let variants () =
  let variants variant =
    let _, json = json ["--variant"; variant] in
    list "vms" json |> List.map (field "variant") |> List.sort_uniq compare
  in
  Alcotest.(check (list string)) "one" ["aligned"] (variants "aligned") ;
  Alcotest.(check (list string)) "other" ["unaligned"] (variants "unaligned") ;
  Alcotest.(check (list string))
    "both" ["aligned"; "unaligned"] (variants "both")

let changed ~before ~after =
  Files.replace ~before ~after (Files.read "../scenarios/boot-storm.json")

(* The runs of several seeds come to what each of them does. *)
let sums () =
  let common = ["parallel-boot"; "--flavour"; "4.17"; "--toolstack"; "all"] in
  let parsed arguments =
    let result = simulate (common @ ("--json" :: arguments)) in
    Yojson.Safe.from_string result.out
  in
  let seeds = ["3"; "5"; "6"] in
  let single =
    List.map (fun seed -> list "toolstacks" (parsed ["--seed"; seed])) seeds
  in
  let all = parsed ["--seeds"; "3,5-6"] in
  Alcotest.(check (list int))
    "seeds" [3; 5; 6]
    (List.map J.to_int (list "seeds" all)) ;
  List.iteri
    (fun i together ->
      let runs = List.map (fun toolstacks -> List.nth toolstacks i) single in
      let name = field "toolstack" together in
      Alcotest.(check string) name name (field "toolstack" (List.hd runs)) ;
      let same key =
        Alcotest.(check int)
          (name ^ ": " ^ key)
          (sum (count key) runs)
          (count key together)
      in
      List.iter same
        [
          "starts"
        ; "failed_starts"
        ; "on_one_node"
        ; "remote_pages"
        ; "overclaimed_page_seconds"
        ] ;
      let seconds key json = J.to_number (J.member key json) in
      let total =
        List.fold_left
          (fun sum run -> sum +. seconds "seconds_to_all_running" run)
          0. runs
      in
      Alcotest.(check (float 0.001))
        "mean" (total /. 3.)
        (seconds "mean_seconds_to_all_running" together)
    )
    (list "toolstacks" all) ;
  let table = simulate (common @ ["--seeds"; "3,5-6"]) in
  Plan_suite.check_code "ours counts" 0 table ;
  let lines = String.split_on_char '\n' table.out in
  Alcotest.(check int) "lines" (3 + List.length toolstacks) (List.length lines) ;
  let failing = simulate ["window-wrap"; "--seeds"; "1-2"] in
  Plan_suite.check_code "a start fails" 1 failing

(* Columns are two blanks apart. *)
let cell heads row name =
  let cells line = Str.split (Str.regexp "   *") line in
  match
    List.find_opt
      (fun (head, _) -> head = name)
      (List.combine (cells heads) (cells row))
  with
  | Some (_, cell) ->
      cell
  | None ->
      Alcotest.failf "no column %S in %s" name heads

(* That 4.17 counts an extent on its way twice is not what a toolstack did. *)
let of_xen () =
  let result = storm ["--flavour"; "4.17"; "--toolstack"; "all"] in
  match String.split_on_char '\n' result.out with
  | _ :: heads :: ours :: _ ->
      Alcotest.(check string) "ours" "-" (cell heads ours "at the end") ;
      let xen = cell heads ours "wrong in Xen" in
      if not (Files.contains xen "host-overclaimed") then
        Alcotest.failf "not counted as Xen's: %s" xen
  | _ ->
      Alcotest.fail "no table"

(* A file with this text is, with this message. *)
let refused text message =
  Files.with_file text (fun path ->
      let result = simulate [path] in
      Plan_suite.check_code message 2 result ;
      Alcotest.(check string) message "" result.out ;
      Alcotest.(check string)
        message
        (Printf.sprintf "xenopsd-numa: %s: %s\n" path message)
        result.err
  )

(* A few of those that the model refuses, as the command reports them. *)
let contradictions () =
  let check before after = refused (changed ~before ~after) in
  check "\"reboot\": \"vm1\"" "\"start\": \"vm1\""
    "phases[3].at_once[0].start: found \"vm1\" again, expected a VM that was \
     not started, or was shut down since" ;
  check "\"size_pages\": 134217728" "\"size_pages\": 137438953472"
    "host.nodes[0].size_pages: found 137438953472, expected a number from 1 to \
     68719476736" ;
  check "\"phases\": ["
    "\"faults\": [{ \"call\": \"xc_domain_create\", \"dies\": true }],\n\
    \  \"phases\": ["
    "faults[0].dies: found no nth beside it, expected the number of the call in \
     which the toolstack dies; it would die in each, for ever"

let table () =
  let result = storm ["--strategy"; "pack"; "--variant"; "aligned"] in
  let lines = String.split_on_char '\n' result.out in
  (* a title, the heads, ten starts, a blank line, two of the toolstack, a blank
     line, the totals, and the end of the last line *)
  Alcotest.(check int) "lines" 18 (List.length lines)

let scenarios () =
  let listed = simulate ["--list"] in
  Plan_suite.check_code "list" 0 listed ;
  let files = Array.to_list (Sys.readdir "../scenarios") in
  List.iter
    (fun file ->
      if Filename.check_suffix file ".json" then (
        let name = Filename.chop_suffix file ".json" in
        if not (Files.contains ("\n" ^ listed.out) ("\n" ^ name ^ " ")) then
          Alcotest.failf "%s is not listed" name ;
        let quiet = ["--json"; "--toolstack"; "none"] in
        Alcotest.(check string)
          name
          (simulate (name :: quiet)).out
          (simulate (("../scenarios/" ^ file) :: quiet)).out
      )
    )
    files ;
  let text = Files.read "../scenarios/boot-storm.json" in
  let piped = Run.command ~input:text ["simulate"; "-"; "--json"] in
  Alcotest.(check string) "piped" (storm ["--json"]).out piped.out

let bad_files () =
  let check = refused in
  check
    (changed ~before:"\"vcpus\": 6" ~after:"\"vcpus\": \"six\"")
    "line 17, column 46: vms[0].vcpus: found string \"six\", expected u32" ;
  check
    (changed ~before:"\"reboot\": \"vm1\"" ~after:"\"reboot\": \"vm7\"")
    "phases[3].at_once[0].reboot: found \"vm7\", expected one of the VMs \"vm1\" \
     to \"vm3\"" ;
  check
    (changed ~before:"scenario/1" ~after:"scenario/9")
    "format: found \"xenopsd-numa-scenario/9\", expected \
     \"xenopsd-numa-scenario/1\"" ;
  check "{}" "line 1, column 2: found no field `format`, expected one" ;
  check "{\"format\": "
    "line 1, column 11: format: found the end of the text in a value, expected \
     a scenario in JSON" ;
  let unknown = simulate ["storm-boot"] in
  Plan_suite.check_code "unknown" 2 unknown ;
  if not (Files.contains unknown.err "boot-storm") then
    Alcotest.failf "it does not say what there is: %s" unknown.err ;
  Plan_suite.check_code "a directory" 2 (simulate ["../scenarios"])

let drawing arguments check =
  Files.with_directory (fun directory ->
      let path = Filename.concat directory "drawing.svg" in
      let result = storm (arguments @ ["--svg"; path]) in
      let text = Files.read path in
      match Xml.check text with
      | Ok texts ->
          check result text texts
      | Error what ->
          Alcotest.failf "not well-formed: %s" what
  )

let drawings () =
  let arguments = ["--flavour"; "xs9"; "--seed"; "3"; "--variant"; "aligned"] in
  let has texts text =
    if not (List.mem text texts) then Alcotest.failf "no %S" text
  in
  drawing arguments (fun result text texts ->
      Plan_suite.check_code "drawn" 0 result ;
      Alcotest.(check string) "the same table" (storm arguments).out result.out ;
      List.iter (has texts)
        [
          "boot-storm on Xen xs9, xenopsd-numa, seed 3"
        ; "host, 1.00 TiB"
        ; "node 0, 512 GiB"
        ; "node 1, 512 GiB"
        ; "GiB"
        ; "0 s"
        ; "vm1"
        ; "vm2"
        ; "vm3"
        ; "claimed on a node"
        ; "1 sequential start"
        ] ;
      drawing arguments (fun _ again _ ->
          Alcotest.(check bool) "the same drawing" true (text = again)
      )
  ) ;
  drawing ["--toolstack"; "all"] (fun _ _ texts ->
      List.iter
        (fun name ->
          List.iter (has texts) [name ^ ", aligned"; name ^ ", unaligned"]
        )
        toolstacks
  )

(* What a name has in it, a drawing must not have as marks. *)
let odd_names () =
  let name = "<&\\\"\\u0001\\ud83d\\ude00\\uffff" in
  let text =
    {|{"format": "xenopsd-numa-scenario/1", "name": "NAME", "about": "NAME",
       "host": {"nodes": [{"size_pages": 262144, "free_pages": 262144}],
                "cpus_per_node": 4},
       "reserve_pages": 0,
       "vms": [{"name": "NAME", "vcpus": 1, "memory": {"pages": 65536}}],
       "phases": [{"name": "NAME", "at_once": [{"start": "NAME"}]}]}|}
  in
  let named = String.concat name (Str.split_delim (Str.regexp "NAME") text) in
  Files.with_directory (fun directory ->
      let path = Filename.concat directory "drawing.svg" in
      let result = Run.command ~input:named ["simulate"; "-"; "--svg"; path] in
      Plan_suite.check_code "drawn" 0 result ;
      match Xml.check (Files.read path) with
      | Ok texts ->
          let name = {|"<&\"\001|} ^ "\xf0\x9f\x98\x80\xef\xbf\xbd\"" in
          let title = name ^ " on Xen upstream, xenopsd-numa, seed 1" in
          if not (List.mem title texts) then Alcotest.fail "no such name"
      | Error what ->
          Alcotest.failf "not well-formed: %s" what
  )

(* The time that a process has had a CPU, in ticks of the kernel. *)
let cpu_ticks pid =
  let channel = open_in (Printf.sprintf "/proc/%d/stat" pid) in
  let read () = input_line channel in
  let stat = Fun.protect ~finally:(fun () -> close_in channel) read in
  (* what stands before the last bracket is a name *)
  let after = String.rindex stat ')' + 2 in
  let fields = String.sub stat after (String.length stat - after) in
  match String.split_on_char ' ' fields with
  | fields when List.length fields > 12 ->
      int_of_string (List.nth fields 11)
  | _ ->
      Alcotest.failf "/proc/%d/stat: %S" pid stat

(* Long enough that what is interrupted is the run, and not what comes before it. *)
let rec until_it_plays pid =
  if cpu_ticks pid < 50 then (
    Unix.sleepf 0.02 ;
    until_it_plays pid
  )

(* ^C, in the middle of a run without end: the signal ends it, and nothing in the program. *)
let interrupted () =
  let text =
    Files.replace ~before:"\"at_once\": [{ \"shutdown\": \"vm\" }]"
      ~after:
        "\"at_once\": [{ \"shutdown\": \"vm\" }, { \"wait_seconds\": 10000000 }]"
      (Files.read "../scenarios/boot-storm.json")
  in
  Files.with_file text (fun path ->
      let null flags = Unix.openfile "/dev/null" flags 0 in
      let stdin = null [Unix.O_RDONLY] and out = null [Unix.O_WRONLY] in
      let pid =
        Run.start ~stdin ~stdout:out ~stderr:out
          ["simulate"; path; "--toolstack"; "all"]
      in
      until_it_plays pid ;
      Unix.kill pid Sys.sigint ;
      let code = Run.wait pid in
      List.iter Unix.close [stdin; out] ;
      Alcotest.(check int) "code" (128 + abs Sys.sigint) code
  )

let race = "../data/balloon-race.json"

(* The first seed with which chance makes it fail, and time alone does not. *)
let seed_of_race () =
  let open Xenopsd_numa in
  match Xenopsd_numa_cli.Scenario_file.read race with
  | Error error ->
      Alcotest.failf "%a" Xenopsd_numa_formats.Error.pp error
  | Ok scenario ->
      let toolstack =
        List.find
          (fun (toolstack : Simulation.toolstack) -> toolstack.name = "host-claims")
          Simulation.toolstacks
      in
      let fails schedule seed =
        match Simulation.run ~seed ~toolstack ~schedule scenario with
        | Ok run ->
            run.failed_starts > 0
        | Error failure ->
            Alcotest.failf "%a" Failure.pp failure
      in
      let rec look seed =
        if seed > 5000 then Alcotest.fail "no seed" ;
        if fails (Random 4) seed && not (fails Timed seed) then
          seed
        else
          look (seed + 1)
      in
      string_of_int (look 1)

let traces () =
  let common = ["--toolstack"; "host-claims"; "--seed"; seed_of_race ()] in
  let race arguments = simulate ((race :: common) @ arguments) in
  Plan_suite.check_code "by time" 0 (race []) ;
  let random = race ["--schedule"; "random"] in
  Plan_suite.check_code "by chance" 1 random ;
  let last_line =
    match List.rev (String.split_on_char '\n' random.out) with
    | "" :: line :: _ ->
        line
    | _ ->
        Alcotest.fail "no trace"
  in
  let json = Yojson.Safe.from_string last_line in
  let choices = J.to_list json in
  let code choices =
    let text = Yojson.Safe.to_string (`List choices) in
    Files.with_file text (fun path -> (race ["--trace"; path]).code)
  in
  Alcotest.(check bool) "it has choices" true (choices <> []) ;
  Alcotest.(check int) "repeated" 1 (code choices) ;
  List.iteri
    (fun i _ ->
      let fewer = List.filteri (fun j _ -> j <> i) choices in
      Alcotest.(check int) "none is too many" 0 (code fewer)
    )
    choices ;
  let again = race ["--schedule"; "random"; "--json"] in
  let variant = List.hd (list "variants" (Yojson.Safe.from_string again.out)) in
  Alcotest.(check bool) "in JSON" true (J.member "trace" variant = json) ;
  Alcotest.(check bool)
    "the seed is given" true
    (Files.contains random.out ("--seed " ^ List.nth common 3)) ;
  let bad text message =
    Files.with_file text (fun path ->
        let result = race ["--trace"; path] in
        Plan_suite.check_code text 2 result ;
        Alcotest.(check string)
          text
          (Printf.sprintf "xenopsd-numa: %s: %s\n" path message)
          result.err
    )
  in
  bad "[[1]]" "[0]: found a list of 1, expected [event, actor]" ;
  bad "{}" "found an object, expected a list" ;
  bad "[[1,2" "line 1: found the end of the text, expected JSON"

let help () =
  let result = simulate ["--help=plain"] in
  Plan_suite.check_code "help" 0 result ;
  List.iter
    (fun text ->
      if not (Files.contains result.out text) then Alcotest.failf "no %s" text
    )
    (["SCENARIOS"; "TOOLSTACKS"; "boot-storm"; "--svg"; "--trace"]
    @ toolstacks
    @ flavours
    )

let usage () =
  List.iter
    (fun arguments ->
      Plan_suite.check_code (String.concat " " arguments) 2 (simulate arguments)
    )
    [
      []
    ; ["storm-boot"]
    ; ["boot-storm"; "--list"]
    ; ["boot-storm"; "--flavour"; "5.0"]
    ; ["boot-storm"; "--seed"; "-1"]
    ; ["boot-storm"; "--seed"; "99999999999999999999"]
    ; ["boot-storm"; "--variant"; ""]
    ; ["boot-storm"; "--strategy"; "best"]
    ; ["boot-storm"; "--toolstack"; "xend"]
    ; ["boot-storm"; "--svg"; ""]
    ; ["boot-storm"; "--schedule"; "fair"]
    ; ["boot-storm"; "--trace"; "no/such/file"]
    ; ["boot-storm"; "--trace"; "x"; "--toolstack"; "all"]
    ; ["boot-storm"; "--trace"; "x"; "--schedule"; "random"]
    ; ["boot-storm"; "--seed"; "1"; "--seed"; "1"]
    ; ["boot-storm"; "--seeds"; "2-1"]
    ; ["boot-storm"; "--seeds"; "1"; "--seed"; "1"]
    ; ["boot-storm"; "--seeds"; "1"; "--svg"; "x.svg"]
    ; ["boot-storm"; "--seeds"; "1"; "--trace"; "x"]
    ; ["boot-storm"; "boot-storm"]
    ]

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "simulate"
  , [
      case "consistent" consistent
    ; case "every toolstack" everybody
    ; case "a crash" crashed
    ; case "seeds" seeds
    ; case "variants" variants
    ; case "sums" sums
    ; case "wrong in Xen" of_xen
    ; case "contradictions" contradictions
    ; case "table" table
    ; case "scenarios" scenarios
    ; case "bad files" bad_files
    ; case "drawings" drawings
    ; case "odd names" odd_names
    ; case "interrupted" interrupted
    ; case "traces" traces
    ; case "help" help
    ; case "usage" usage
    ]
  )
