(* Files that the command writes, and names from files that it shows. *)

open Test_support

let simulate arguments = Run.command ("simulate" :: "parallel-boot" :: arguments)

let entries directory =
  List.sort compare (Array.to_list (Sys.readdir directory))

let in_directory f =
  Files.with_directory (fun directory ->
      f directory (Filename.concat directory "drawing.svg")
  )

let well_formed text =
  match Xml.check text with
  | Ok _ ->
      ()
  | Error what ->
      Alcotest.failf "not well-formed: %s" what

(* Who has the old file open, or has another name for it, keeps it whole. *)
let replaced () =
  in_directory (fun directory path ->
      let other = Filename.concat directory "other" in
      Files.write path "before" ;
      Unix.chmod path 0o640 ;
      Unix.link path other ;
      Plan_suite.check_code "drawn" 0 (simulate ["--svg"; path]) ;
      well_formed (Files.read path) ;
      Alcotest.(check string) "the old one" "before" (Files.read other) ;
      Alcotest.(check int) "mode" 0o640 (Unix.stat path).st_perm ;
      Alcotest.(check (list string))
        "nothing beside" ["drawing.svg"; "other"] (entries directory)
  )

let links_stay () =
  in_directory (fun directory path ->
      let link to_ =
        let name = Filename.concat directory (to_ ^ ".link") in
        Unix.symlink to_ name ; name
      in
      Files.write path "before" ;
      List.iter
        (fun to_ ->
          let link = link to_ in
          Plan_suite.check_code to_ 0 (simulate ["--svg"; link]) ;
          Alcotest.(check bool)
            "a link" true
            ((Unix.lstat link).st_kind = Unix.S_LNK) ;
          well_formed (Files.read (Filename.concat directory to_))
        )
        ["drawing.svg"; "new.svg"]
  )

(* Nothing is run for a drawing that cannot be written: nothing is printed. *)
let tried_before () =
  let check path found =
    let result = simulate ["--svg"; path] in
    Plan_suite.check_code path 2 result ;
    Alcotest.(check string) path "" result.out ;
    Alcotest.(check string)
      path
      (Printf.sprintf
         "xenopsd-numa: %s: found %s, expected a file that can be written\n" path
         found
      )
      result.err
  in
  check "no/such/directory/x.svg" "no such file or directory" ;
  check "../scenarios" "is a directory" ;
  in_directory (fun directory path ->
      Files.write path "" ;
      check (Filename.concat path "x.svg") "not a directory" ;
      Alcotest.(check (list string))
        "nothing is left" ["drawing.svg"] (entries directory) ;
      let bad = Run.command ~input:"{}" ["simulate"; "-"; "--svg"; path] in
      Plan_suite.check_code "a bad scenario" 2 bad ;
      Alcotest.(check string) "it is as before" "" (Files.read path)
  )

let full () =
  if Sys.file_exists "/dev/full" then (
    let result = simulate ["--svg"; "/dev/full"] in
    Plan_suite.check_code "full" 2 result ;
    Alcotest.(check string)
      "it says so"
      "xenopsd-numa: /dev/full: found no space left on device, expected a file \
       that can be written\n"
      result.err
  )

let standard_output () =
  in_directory (fun _ path ->
      let result = simulate ["--svg"; path] in
      let printed = simulate ["--svg"; "-"] in
      Plan_suite.check_code "printed" 0 printed ;
      Alcotest.(check string) "the drawing" (Files.read path) printed.out ;
      Alcotest.(check bool) "and no table" true (result.out <> "") ;
      Plan_suite.check_code "two at once" 2 (simulate ["--svg"; "-"; "--json"])
  )

(* An escape sequence, a new line, an override of the direction of writing. *)
let odd = "x\\u001b[31m\\u0007\\n\\u202e\\u009by"

let named text = String.concat odd (Str.split_delim (Str.regexp "NAME") text)

let scenario =
  named
    {|{"format": "xenopsd-numa-scenario/1", "name": "NAME", "about": "NAME",
       "host": {"nodes": [{"size_pages": 262144, "free_pages": 262144}],
                "cpus_per_node": 4},
       "vms": [{"name": "NAME", "count": 2, "vcpus": 1,
                "memory": {"pages": 65536}}],
       "phases": [{"name": "NAME", "at_once": [{"start": "NAME"}]},
                  {"name": "NAME", "at_once": [{"reboot": "NAME2"}]}]}|}

let host =
  named
    {|{"format": "xenopsd-numa-host/1", "name": "NAME", "source": "NAME",
       "distances": [[10]],
       "cpu_to_node": [0, 0], "cpu_to_core": [0, 1], "cpu_to_socket": [0, 0],
       "nodes": [{"size_bytes": 1073741824, "free_bytes": 1073741824,
                  "claimed_bytes": 0}],
       "host_free_bytes": 1073741824, "host_outstanding_bytes": 0}|}

let with_key ~before text =
  Files.replace ~before ~after:(named {|"NAME": 1, |} ^ before) text

(* JSON is for programs: it has the name itself, escaped as JSON wants it. *)
let is_tame ?(for_people = true) what text =
  let moves = function '\n' -> false | c -> c < ' ' || c = '\127' in
  if String.exists moves text then
    Alcotest.failf "%s has control characters: %S" what
      (String.sub text 0 (min 500 (String.length text))) ;
  List.iter
    (fun mark ->
      if for_people && Files.contains text mark then
        Alcotest.failf "%s has %S" what mark
    )
    ["\xe2\x80\xae"; "\xc2\x9b"]

let names () =
  let check ?(shown = true) ?for_people what code input arguments =
    let result = Run.command ~input arguments in
    Plan_suite.check_code what code result ;
    is_tame ?for_people what result.out ;
    is_tame what result.err ;
    let quoted = {|x\027[31m\007\n|} in
    if shown && not (Files.contains (result.out ^ result.err) quoted) then
      Alcotest.failf "%s does not show the name: %s" what result.out
  in
  check "a scenario" 0 scenario ["simulate"; "-"] ;
  check "all of it" 0 scenario ["simulate"; "-"; "--toolstack"; "all"] ;
  check "seeds" 0 scenario ["simulate"; "-"; "--seeds"; "1-2"] ;
  check "a drawing" 0 scenario ["simulate"; "-"; "--svg"; "-"] ;
  check ~shown:false ~for_people:false "JSON" 0 scenario
    ["simulate"; "-"; "--json"] ;
  check "a key of a scenario" 2
    (with_key ~before:{|"vms"|} scenario)
    ["simulate"; "-"] ;
  check ~shown:false "a VM that is not there" 2
    (Files.replace ~before:{|"count": 2|} ~after:{|"count": 1|} scenario)
    ["simulate"; "-"] ;
  let plan = ["plan"; "--host"; "-"; "--memory"; "1MiB"; "--vcpus"; "1"] in
  check ~shown:false "a host" 0 host (plan @ ["--explain"]) ;
  check "a key of a host" 2 (with_key ~before:{|"nodes"|} host) plan

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "output"
  , [
      case "a file is replaced" replaced
    ; case "links stay links" links_stay
    ; case "tried before the run" tried_before
    ; case "a full device" full
    ; case "standard output" standard_output
    ; case "names" names
    ]
  )
