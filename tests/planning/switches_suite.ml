(* Switches, and the form in which xenopsd takes them. *)

open Xenopsd_numa
open Bench

let switches () =
  let set key value = Config.set Config.default ~key value in
  List.iter
    (fun (key, _) ->
      let text = Option.get (Config.get Config.default ~key) in
      match set key text with
      | Ok config ->
          Alcotest.(check bool) key true (config = Config.default)
      | Error invalid ->
          Alcotest.failf "%a" pp_invalid invalid
    )
    Config.keys ;
  let policy config = Config.policy config in
  ( match set "numa-placement" "0" with
  | Ok config ->
      Alcotest.(check bool) "0 is false" true (policy config = Request.Any)
  | Error invalid ->
      Alcotest.failf "%a" pp_invalid invalid
  ) ;
  List.iter
    (fun (key, value) ->
      match set key value with
      | Ok _ ->
          Alcotest.failf "%s = %s was accepted" key value
      | Error {field; found= _; expected} ->
          Alcotest.(check string) "key" key field ;
          Alcotest.(check bool) "expected" true (String.length expected > 0)
    )
    [
      ("numa-claims", "sometimes")
    ; ("numa-claims", "")
    ; ("numa-placement", "2")
    ; ("numa-strategy", "Balance")
    ; ("numa-reserve-mib", "-1")
    ; ("numa-reserve-mib", "256MiB")
    ; ("numa-memory-wait-seconds", "99999999999999999999")
    ; ("builder-claims", "hvm")
    ; ("numa-nonsense", "1")
    ]

let switches_are_refused_out_of_range () =
  let check name field result =
    match result with
    | Error (invalid : invalid) ->
        Alcotest.(check string) name field invalid.field
    | Ok _ ->
        Alcotest.failf "%s was accepted" name
  in
  check "wait" "numa-memory-wait-seconds"
    (Config.v [("numa-memory-wait-seconds", "86401")]) ;
  check "steps" "numa-plan-budget-steps"
    (Config.v [("numa-plan-budget-steps", string_of_int max_int)]) ;
  match Config.v [] with
  | Ok config ->
      Alcotest.(check bool) "default" true (config = Config.default)
  | Error invalid ->
      Alcotest.failf "%a" pp_invalid invalid

(* As xenopsd has them after reading its files: a line of xenopsd.conf, then what
   it takes for the value. *)
let options_of_xenopsd () =
  let config = ref Config.default and reported = ref [] in
  let report invalid = reported := invalid :: !reported in
  let options =
    Config.options ~report (fun () -> !config) (fun c -> config := c)
  in
  let find key = List.find (fun (k, _, _, _) -> k = key) options in
  let give key value =
    match find key with
    | _, Arg.String f, _, _ ->
        f value
    | _ ->
        Alcotest.failf "%s is not a string" key
  in
  let print key = match find key with _, _, print, _ -> print () in
  let check_reported what expected =
    let line invalid = Format.asprintf "%a" pp_invalid invalid in
    Alcotest.(check (list string)) what expected (List.rev_map line !reported)
  in
  Alcotest.(check string) "default" "always" (print "numa-claims") ;
  List.iter
    (fun (value, expected) ->
      give "numa-claims" value ;
      Alcotest.(check string) value expected (print "numa-claims")
    )
    [
      ("never", "never")
    ; ("always\r", "always")
    ; ("\"never\"", "never")
    ; ("'always' ", "always")
    ; ("never", "never")
    ] ;
  check_reported "nothing" [] ;
  List.iter
    (fun (key, _, print, _) ->
      let before = print () in
      give key "perhaps" ;
      Alcotest.(check string) key before (print ())
    )
    options ;
  Alcotest.(check (list string))
    "each is reported" (List.map fst Config.keys)
    (List.rev_map (fun (invalid : invalid) -> invalid.field) !reported) ;
  reported := [] ;
  List.iter (give "numa-claims") [""; "\""; "'never\""; "NEVER"] ;
  Alcotest.(check string) "kept" "never" (print "numa-claims") ;
  check_reported "why"
    (List.map
       (Printf.sprintf "numa-claims: found %S, expected one of always, never")
       [""; "\""; "'never\""; "NEVER"]
    )

(* More lines than fit a stack. *)
let long_files () =
  let text = String.make 1_000_000 '\n' ^ "numa-claims = never\n" in
  match Config.of_text ~file:"long" text with
  | Ok config ->
      Alcotest.(check (option string))
        "read" (Some "never")
        (Config.get config ~key:"numa-claims") ;
      Alcotest.(check (list (pair string int)))
        "lines"
        [("numa-claims", 1_000_001)]
        (Config.lines text)
  | Error message ->
      Alcotest.fail message

let suite =
  ( "switches"
  , [
      case "strict" switches
    ; case "out of range" switches_are_refused_out_of_range
    ; case "xenopsd's form" options_of_xenopsd
    ; case "a long file" long_files
    ]
  )
