(* Every bad file ends the command with 2 and the message of the table. *)

open Test_support

let ( / ) = Filename.concat

let commands file =
  [
    ["plan"; "--host"; file; "--memory"; "1GiB"; "--vcpus"; "1"]
  ; ["doctor"; "--host"; file]
  ]

let check_refused message file =
  List.iter
    (fun command ->
      let result = Run.command command in
      Plan_suite.check_code file 2 result ;
      Alcotest.(check string) file "" result.out ;
      let expected = "xenopsd-numa: " ^ message ^ "\n" in
      Alcotest.(check string) file expected result.err
    )
    (commands file)

let table () =
  let check line =
    match String.index_opt line ':' with
    | None ->
        Alcotest.failf "no file in %S" line
    | Some colon ->
        check_refused ("../data/bad" / line)
          ("../data/bad" / String.sub line 0 colon)
  in
  List.iter check (Files.lines "../data/bad.txt")

let trees () =
  let check Tree.{without; instead; message; _} =
    Files.with_directory (fun root ->
        Tree.make ~without ~instead root ;
        check_refused (root ^ message) root
    )
  in
  List.iter check Tree.faults

let hundred_mb () =
  Files.with_directory (fun root ->
      let path = root / "nothing" in
      Files.sparse path 100_000_000 ;
      check_refused
        (path ^ ": found 100000000 bytes, expected at most 67108864")
        path
  )

let deep () =
  Files.with_file (String.make 1_000_000 '[') (fun path ->
      check_refused
        (path
        ^ ": line 1: found \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"…, \
           expected at most 65536 bytes"
        )
        path
  ) ;
  Files.with_file ("{\"format\":" ^ String.make 1_000_000 '[') (fun path ->
      check_refused
        (path
        ^ ": line 1: found more than 64 brackets in brackets, expected fewer"
        )
        path
  )

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "bad inputs"
  , [
      case "table" table
    ; case "trees like /sys" trees
    ; case "100 MB of nothing" hundred_mb
    ; case "deep nesting" deep
    ]
  )
