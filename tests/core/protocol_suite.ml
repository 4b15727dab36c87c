(* Domains placed on the model. *)

open Xenopsd_numa
open Bench

let life flavour () =
  let model, claims = modelled flavour in
  let memory = Size.gib 32 in
  let overhead = Claims.overhead ~vcpus:2 ~memory in
  let domid = domain model memory in
  let placed =
    ok_claims (Claims.place claims ~domid (request ~overhead memory))
  in
  let outcome = Claims.outcome placed in
  let pages = Size.to_pages_up memory in
  Alcotest.(check int) "claimed" pages outcome.claimed_pages ;
  Alcotest.(check int)
    "outstanding" pages
    (ok_claims (Model.outstanding_pages model)) ;
  let exact_node =
    match outcome.rung with
    | Claims.Node_claim node ->
        Some node
    | Claims.Host_claim
    | Claims.Anywhere
    | Claims.Unplaced _
    | Claims.Claimed_by_builder
    | Claims.Unclaimed ->
        None
  in
  ok_claims (Model.set_pool model ~domid overhead) ;
  let pinned = ok_claims (Claims.pin claims placed) in
  Alcotest.(check int)
    "populated" pages
    (ok_claims (Model.populate ?exact_node model ~domid memory)) ;
  let report = ok_claims (Claims.built claims pinned) in
  Alcotest.(check int) "unused" 0 report.unused_pages ;
  let plan = Option.get outcome.plan in
  Alcotest.check ints "on the planned node"
    (Plan.nodes plan)
    (List.filter_map
       (fun (node, pages) -> if pages > 0 then Some node else None)
       (ok_claims (Model.domain_pages model ~domid))
    ) ;
  ok_claims (Model.destroy model ~domid) ;
  ok_claims (Model.advance model ~seconds:60.) ;
  Alcotest.(check int) "all free again" (128 * 262144)
    (ok_claims (Model.free_pages model))

let failures_are_values () =
  let model, claims = modelled Model.Upstream in
  let domid = domain model (Size.gib 200) in
  ( match Claims.place claims ~domid (request (Size.gib 200)) with
  | Error (Failure.Host_full {domid= d; needed; _}) ->
      Alcotest.(check int) "domain" domid d ;
      Alcotest.(check int) "needed" (200 lsl 30) (needed :> int)
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok _ ->
      Alcotest.fail "placed"
  ) ;
  ( match Claims.place claims ~domid:4711 (request (Size.gib 1)) with
  | Error (Failure.Call {domid= Some 4711; call; errno; _}) ->
      Alcotest.(check bool) "named" true (call <> "" && errno <> "")
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok _ ->
      Alcotest.fail "placed"
  ) ;
  match Claims.place claims ~domid:(-1) (request (Size.gib 1)) with
  | Error (Failure.Invalid {field= "domid"; _}) ->
      ()
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok _ ->
      Alcotest.fail "placed"

let bad_tables_are_refused () =
  List.iter
    (fun address ->
      match Hypervisor.of_table address with
      | Ok _ ->
          Alcotest.failf "%nd was accepted" address
      | Error message ->
          Alcotest.(check bool) "says why" true (message <> "")
    )
    [0n; 1n]

let status_tells () =
  let model, claims = modelled Model.Xs9 in
  let domid = domain model (Size.gib 8) in
  let placed = ok_claims (Claims.place claims ~domid (request (Size.gib 8))) in
  let never = ok pp_invalid (Config.v ~claims:Config.Never ()) in
  ok_claims (Claims.configure claims never) ;
  let status = ok_claims (Claims.status claims) in
  Alcotest.check ints "builds" [domid] status.builds ;
  Alcotest.(check bool)
    "pending" true
    (status.pending = Some Config.Never && status.config.claims = Config.Always) ;
  Alcotest.(check (option bool)) "node claims" (Some true) status.node_claims ;
  ignore (Claims.outcome placed) ;
  ok_claims (Claims.abandoned claims ~domid) ;
  ok_claims (Claims.abandoned claims ~domid) ;
  Alcotest.(check int) "nothing left" 0
    (ok_claims (Model.outstanding_pages model))

let suite =
  ( "protocol"
  , List.map
      (fun (name, flavour) -> case ("a life on " ^ name) (life flavour))
      Model.flavours
    @ [
        case "failures" failures_are_values
      ; case "tables" bad_tables_are_refused
      ; case "status" status_tells
      ]
  )
