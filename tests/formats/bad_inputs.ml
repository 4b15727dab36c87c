(* Bad files, by the table in ../data: every one must be refused, with the
   message that names file, place, what was found and what was expected. *)

open Xenopsd_numa_formats
open Test_support

let ( / ) = Filename.concat

let message path =
  match Host_file.read path with
  | Ok _ ->
      Alcotest.failf "%s was accepted" path
  | Error error ->
      Fmt.str "%a" Error.pp error

let check_refused directory line =
  match String.index_opt line ':' with
  | None ->
      Alcotest.failf "no file in %S" line
  | Some colon ->
      let file = String.sub line 0 colon in
      Alcotest.(check string)
        file (directory / line)
        (message (directory / file))

let table () =
  List.iter (check_refused "../data/bad") (Files.lines "../data/bad.txt")

let complete () =
  let file line = List.nth_opt (String.split_on_char ':' line) 0 in
  let listed = List.filter_map file (Files.lines "../data/bad.txt") in
  let present = List.sort compare (Array.to_list (Sys.readdir "../data/bad")) in
  Alcotest.(check (list string)) "files" present (List.sort compare listed)

let trees () =
  let refused Tree.{name; without; instead; message= expected} =
    Files.with_directory (fun root ->
        Tree.make ~without ~instead root ;
        Alcotest.(check string) name (root ^ expected) (message root)
    )
  in
  List.iter refused Tree.faults

(* Nobody could read this much, so that the answer says that nobody tried. *)
let a_terabyte () =
  Files.with_directory (fun root ->
      let path = root / "zeros" in
      Files.sparse path (1 lsl 40) ;
      Alcotest.(check string)
        "message"
        (path ^ ": found 1099511627776 bytes, expected at most 67108864")
        (message path)
  )

let endless () =
  Alcotest.(check string)
    "message"
    "/dev/zero: found more than 67108864 bytes, expected a smaller file"
    (message "/dev/zero")

(* A reader that looks at everything twice for each byte would not end. *)
let within_limit () =
  Files.with_directory (fun root ->
      let path = root / "zeros" in
      Files.sparse path 60_000_000 ;
      Alcotest.(check bool)
        "line 1" true
        (Files.contains (message path) (path ^ ": line 1: found \"\\000")) ;
      Files.write path (String.make 60_000_000 ' ') ;
      Alcotest.(check bool)
        "nothing" true
        (Files.contains (message path) "found nothing but blanks")
  )

let deep () =
  let nested bracket text =
    Files.with_file ("{\"a\": " ^ text) (fun path ->
        Alcotest.(check string)
          bracket
          (path
          ^ ": line 1: found more than 64 brackets in brackets, expected fewer"
          )
          (message path)
    )
  in
  nested "lists" (String.make 1_000_000 '[') ;
  nested "objects" (String.concat "" (List.init 200_000 (fun _ -> "{\"a\":")))

let many_values () =
  let zeros = String.concat "," (List.init 5_000_000 (fun _ -> "0")) in
  Files.with_file ("{\"a\": [" ^ zeros ^ "]}") (fun path ->
      Alcotest.(check string)
        "message"
        (path ^ ": line 1: found more than 4194304 values, expected fewer")
        (message path)
  )

let long_list () =
  let zeros = String.concat "," (List.init 1_000_000 (fun _ -> "0")) in
  let host =
    Files.read "../hosts/itanium-2n.json"
    |> Files.replace ~before:"\"cpu_to_node\": [0, 0, 0, 0, 1, 1, 1, 1]"
         ~after:("\"cpu_to_node\": [" ^ zeros ^ "]")
  in
  Files.with_file host (fun path ->
      Alcotest.(check string)
        "message"
        (path
        ^ ": cpu_to_core: found 8 CPUs, expected 1000000, as many as \
           cpu_to_node has"
        )
        (message path)
  )

let odd_paths () =
  let check path expected =
    Alcotest.(check string) path expected (message path)
  in
  check "missing.json"
    "missing.json: found no such file or directory, expected a readable file" ;
  check "" "\"\": found \"\", expected the path of a file" ;
  check "../data/bad"
    "../data/bad: found no devices/system/node, expected Linux's /sys or a \
     copy of it, of a kernel that has NUMA" ;
  check "two\nlines"
    "\"two\\nlines\": found no such file or directory, expected a readable \
     file" ;
  Files.with_directory (fun root ->
      Unix.symlink "loop" (root / "loop") ;
      check (root / "loop")
        (root
        ^ "/loop: found too many levels of symbolic links, expected a \
           readable file"
        )
  )

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "bad inputs"
  , [
      case "table" table
    ; case "the table is complete" complete
    ; case "trees like /sys" trees
    ; case "a terabyte of nothing" a_terabyte
    ; case "an endless file" endless
    ; case "nothing within the limit" within_limit
    ; case "deep nesting" deep
    ; case "too many values" many_values
    ; case "a list of a million" long_list
    ; case "odd paths" odd_paths
    ]
  )
