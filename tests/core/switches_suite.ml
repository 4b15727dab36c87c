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
  let policy config = Config.default_policy config in
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
    (Config.v ~memory_wait_seconds:(-1) ()) ;
  check "steps" "numa-plan-budget-steps"
    (Config.v ~plan_budget_steps:max_int ()) ;
  match Config.v () with
  | Ok config ->
      Alcotest.(check bool) "default" true (config = Config.default)
  | Error invalid ->
      Alcotest.failf "%a" pp_invalid invalid

let options_of_xenopsd () =
  let config = ref Config.default in
  let options = Config.options (fun () -> !config) (fun c -> config := c) in
  let find key = List.find (fun (k, _, _, _) -> k = key) options in
  let spec key =
    match find key with
    | _, Arg.String f, _, _ ->
        f
    | _ ->
        Alcotest.failf "%s is not a string" key
  in
  let print key = match find key with _, _, print, _ -> print () in
  Alcotest.(check string) "default" "always" (print "numa-claims") ;
  spec "numa-claims" "never" ;
  Alcotest.(check string) "set" "never" (print "numa-claims") ;
  match spec "numa-claims" "perhaps" with
  | () ->
      Alcotest.fail "accepted"
  | exception Arg.Bad message ->
      Alcotest.(check bool) "names the key" true
        (String.length message > 11 && String.sub message 0 11 = "numa-claims")

let suite =
  ( "switches"
  , [
      case "strict" switches
    ; case "out of range" switches_are_refused_out_of_range
    ; case "xenopsd's form" options_of_xenopsd
    ]
  )
