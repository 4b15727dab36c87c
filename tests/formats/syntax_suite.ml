(* JSON, no more and no less. *)

open Xenopsd_numa_formats

let accepted () =
  let check text expected =
    match Json_syntax.parse text with
    | Ok json ->
        Alcotest.(check string) text expected (Yojson.Safe.to_string json)
    | Error {found; expected; _} ->
        Alcotest.failf "%s: found %s, expected %s" text found expected
  in
  check " {\"a\" : [1, -2 , true,false,null, \"x\"] } \n"
    {|{"a":[1,-2,true,false,null,"x"]}|} ;
  check "0" "0" ;
  check "\"\\u00e9\\\"\\\\\\n\"" "\"\xc3\xa9\\\"\\\\\\n\"" ;
  check "\"\xf0\x9f\x90\xab\"" "\"\xf0\x9f\x90\xab\"" ;
  check (String.make 64 '[' ^ String.make 64 ']')
    (String.make 64 '[' ^ String.make 64 ']')

let refused () =
  let check text line =
    match Json_syntax.parse text with
    | Ok json ->
        Alcotest.failf "%S was read as %s" text (Yojson.Safe.to_string json)
    | Error fault ->
        Alcotest.(check int) text line fault.line ;
        Alcotest.(check bool)
          "one line" false
          (String.contains (fault.found ^ fault.expected) '\n')
  in
  List.iter
    (fun text -> check text 1)
    [
      ""
    ; " "
    ; "{"
    ; "}"
    ; "[1,]"
    ; "[,1]"
    ; "[1 2]"
    ; "{\"a\"}"
    ; "{\"a\" 1}"
    ; "{\"a\":1,}"
    ; "{a:1}"
    ; "{true:1}"
    ; "{null:1}"
    ; "{1:1}"
    ; "'a'"
    ; "// x"
    ; "/* x */ 1"
    ; "1 // x"
    ; "(1,2)"
    ; "<\"a\">"
    ; "NaN"
    ; "nan"
    ; "Infinity"
    ; "-Infinity"
    ; "True"
    ; "01"
    ; "-"
    ; "-a"
    ; "+1"
    ; ".5"
    ; "1."
    ; "0x10"
    ; "1_000"
    ; "1 2"
    ; "\"a"
    ; "\"a\\"
    ; "\"\\x41\""
    ; "\"\\u12\""
    ; "\"\\ud800\""
    ; "\"\000\""
    ; "\"\t\""
    ; "\"\xff\""
    ; "\"\xc3\""
    ; "\"\xc0\x80\""
    ; "\"\xed\xa0\x80\""
    ; "\"\xf4\x90\x80\x80\""
    ; "\000"
    ; "\xef\xbb\xbf{}"
    ; String.make 65 '[' ^ String.make 65 ']'
    ] ;
  check "[1,\n2,\n\nx]" 4 ;
  check "{\"a\": 1,\n \"b\": [1, 2}\n" 2 ;
  check "\n\n{} {}" 3

let suite =
  ( "JSON"
  , [
      Alcotest.test_case "accepted" `Quick accepted
    ; Alcotest.test_case "refused" `Quick refused
    ]
  )
