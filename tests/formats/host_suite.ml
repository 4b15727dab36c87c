(* Hosts in JSON: the real ones, and there and back. *)

open Xenopsd_numa
open Xenopsd_numa_formats
open Test_support

let read path =
  match Host_file.read path with
  | Ok host ->
      host
  | Error error ->
      Alcotest.failf "%a" Error.pp error

(* By the accessors, so that a fault of the writer cannot hide itself. *)
let same a b =
  Host.name a = Host.name b
  && Host.source a = Host.source b
  && Host.distances a = Host.distances b
  && Host.cpus a = Host.cpus b
  && Host.nodes a = Host.nodes b
  && Host.host_free a = Host.host_free b
  && Host.host_outstanding a = Host.host_outstanding b

let there_and_back host =
  match Host_json.of_string ~file:"printed" (Host_json.to_string host) with
  | Ok again ->
      same host again
  | Error error ->
      Alcotest.failf "%a" Error.pp error

let compact host =
  match Host_json.of_json ~path:"" (Host_json.to_json host) with
  | Ok again ->
      same host again
  | Error error ->
      Alcotest.failf "%a" pp_error error

let real_hosts () =
  let check file =
    let host = read (Filename.concat "../hosts" file) in
    Alcotest.(check string)
      "name" (Filename.remove_extension file) (Host.name host) ;
    Alcotest.(check bool) file true (there_and_back host)
  in
  let is_json file = Filename.check_suffix file ".json" in
  let files = List.filter is_json (Array.to_list (Sys.readdir "../hosts")) in
  Alcotest.(check int) "hosts" 12 (List.length files) ;
  List.iter check files

let values () =
  let host = read "../hosts/xeon-2n.json" in
  let node = (Host.nodes host).(1) in
  let bytes size = Option.map (fun (size : Size.t) -> (size :> int)) size in
  Alcotest.(check (option int)) "size" (Some 50708443136) (bytes node.size) ;
  Alcotest.(check (option int)) "free" (Some 10967076864) (bytes node.free) ;
  Alcotest.(check (option int)) "21" (Some 21) (Host.distances host).(0).(1) ;
  let cpu = (Host.cpus host).(9) in
  Alcotest.(check (list (option int)))
    "CPU 9"
    [Some 1; Some 1; Some 1]
    [cpu.node; cpu.core; cpu.socket] ;
  Alcotest.(check int) "free" 36020207616 (Host.host_free host :> int)

let minimal =
  {|{"format": "xenopsd-numa-host/1", "distances": [[10, null], [null, null]],
     "cpu_to_node": [0, null], "cpu_to_core": [-1, null],
     "cpu_to_socket": [0, 0], "nodes": [
       {"size_bytes": 4611686018427387903, "free_bytes": 0,
        "claimed_bytes": 8192},
       {"size_bytes": null, "free_bytes": null, "claimed_bytes": null}],
     "host_free_bytes": 0, "host_outstanding_bytes": 0}|}

let offline_and_optional () =
  Files.with_file (" \n" ^ minimal) (fun path ->
      let host = read path in
      Alcotest.(check string) "name" "" (Host.name host) ;
      Alcotest.(check bool) "offline" true ((Host.nodes host).(1).free = None) ;
      Alcotest.(check (option int))
        "core" (Some (-1)) (Host.cpus host).(0).core ;
      Alcotest.(check bool) "there and back" true (there_and_back host)
  )

(* Whatever happens to a file, it is read or refused, in one line. *)
let damage =
  let open QCheck.Gen in
  let text = Files.read "../hosts/itanium-2n.json" in
  let one text =
    let* at = int_bound (String.length text - 1) in
    let* length = int_bound 8 in
    let* put =
      oneof
        [
          string_size (int_bound 4)
        ; oneof
            (List.map return
               ["["; "\""; "null"; "-"; "9999999999999999999"; "\\"]
            )
        ]
    in
    let rest = min (String.length text) (at + length) in
    return
      (String.sub text 0 at ^ put
      ^ String.sub text rest (String.length text - rest)
      )
  in
  QCheck.make ~print:Fun.id (one text >>= one)

let damaged text =
  match Host_json.of_string ~file:"damaged" text with
  | Ok host ->
      there_and_back host
  | Error error ->
      let message = Fmt.str "%a" Error.pp error in
      not (String.contains message '\n')

let xl_damaged =
  let open QCheck in
  let text = Files.read "../data/xl/asymmetric.txt" in
  let cut =
    Gen.(
      let* at = int_bound (String.length text - 2) in
      let* put = string_size (int_bound 3) in
      let after = String.length text - at - 1 in
      return (String.sub text 0 at ^ put ^ String.sub text (at + 1) after)
    )
  in
  make ~print:Fun.id cut

let xl_law text =
  match Xl_info.of_string ~file:"damaged" text with
  | Ok host ->
      there_and_back host
  | Error error ->
      not (String.contains (Fmt.str "%a" Error.pp error) '\n')

let suite =
  ( "hosts in JSON"
  , [
      Alcotest.test_case "the real ones" `Quick real_hosts
    ; Alcotest.test_case "values" `Quick values
    ; Alcotest.test_case "offline, and what is optional" `Quick
        offline_and_optional
    ; Generators.property "there and back" Generators.host there_and_back
    ; Generators.property "there and back, compact" Generators.host compact
    ; Generators.property ~count:2000 "damaged JSON" damage damaged
    ; Generators.property ~count:2000 "damaged text of xl" xl_damaged xl_law
    ]
  )
