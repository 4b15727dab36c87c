(* xenopsd-numa simulate. *)

module J = Yojson.Safe.Util

let simulate arguments = Run.command ("simulate" :: "boot-storm" :: arguments)

let flavours = ["4.17"; "upstream"; "xs9"; "xs9-2025"]

let field name json = J.to_string (J.member name json)

let count name json = J.to_int (J.member name json)

let json arguments =
  let result = simulate ("--json" :: arguments) in
  (result, Yojson.Safe.from_string result.out)

(* Exit code, totals and the list of starts must tell the same. *)
let consistent () =
  let check flavour =
    let result, json = json ["--flavour"; flavour] in
    let vms = J.to_list (J.member "vms" json) in
    let failed = List.filter (fun vm -> field "outcome" vm = "failed") vms in
    Alcotest.(check string) "flavour" flavour (field "flavour" json) ;
    Alcotest.(check int) "starts" 20 (count "starts" json) ;
    Alcotest.(check int) "vms" 20 (List.length vms) ;
    Alcotest.(check int)
      "failed" (List.length failed)
      (count "failed_starts" json) ;
    Plan_suite.check_code flavour (min 1 (List.length failed)) result ;
    let with_keys vm =
      List.iter
        (fun key ->
          if J.member key vm = `Null then Alcotest.failf "no %s" key
        )
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
    in
    List.iter with_keys vms
  in
  List.iter check flavours

let seeds () =
  let out arguments = (simulate arguments).out in
  Alcotest.(check string)
    "the same seed"
    (out ["--seed"; "7"; "--json"])
    (out ["--seed"; "7"; "--json"]) ;
  let _, json = json ["--seed"; "7"] in
  Alcotest.(check int) "seed" 7 (count "seed" json)

let variants () =
  let variants variant =
    let _, json = json ["--variant"; variant] in
    J.to_list (J.member "vms" json)
    |> List.map (field "variant")
    |> List.sort_uniq compare
  in
  Alcotest.(check (list string)) "one" ["aligned"] (variants "aligned") ;
  Alcotest.(check (list string)) "other" ["unaligned"] (variants "unaligned") ;
  Alcotest.(check (list string))
    "both" ["aligned"; "unaligned"] (variants "both")

let table () =
  let result = simulate ["--strategy"; "pack"; "--variant"; "aligned"] in
  let lines = String.split_on_char '\n' result.out in
  (* a title, the heads, ten starts, the totals, and the end of the last line *)
  Alcotest.(check int) "lines" 14 (List.length lines)

let usage () =
  List.iter
    (fun arguments ->
      Plan_suite.check_code
        (String.concat " " arguments)
        2
        (Run.command ("simulate" :: arguments))
    )
    [
      []
    ; ["storm-boot"]
    ; ["boot-storm"; "--flavour"; "5.0"]
    ; ["boot-storm"; "--seed"; "-1"]
    ; ["boot-storm"; "--seed"; "99999999999999999999"]
    ; ["boot-storm"; "--variant"; ""]
    ; ["boot-storm"; "--strategy"; "best"]
    ; ["boot-storm"; "--seed"; "1"; "--seed"; "1"]
    ; ["boot-storm"; "boot-storm"]
    ]

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "simulate"
  , [
      case "consistent" consistent
    ; case "seeds" seeds
    ; case "variants" variants
    ; case "table" table
    ; case "usage" usage
    ]
  )
