(* Domains placed on the model. *)

open Xenopsd_numa
open Xenopsd_numa_model
open Bench
open Modelled

let lifecycle (flavour : Model.flavour) () =
  let model, claims = on flavour in
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
  ok_claims (Model.set_pool model ~domid overhead) ;
  let pinned = ok_claims (Claims.pin claims placed) in
  Alcotest.(check int)
    "populated" pages
    (ok_claims (Model.populate ?exact_node:outcome.node model ~domid memory)) ;
  let report = ok_claims (Claims.finish claims pinned) in
  Alcotest.(check int) "unused" 0 report.unused_pages ;
  let reported = List.mem flavour.name ["xs9"; "xs9-2025"] in
  Alcotest.(check (option int))
    "elsewhere"
    (if reported then Some 0 else None)
    report.elsewhere_pages ;
  Alcotest.(check bool) "reported" reported (report.pages_by_node <> None) ;
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

let example_of_the_manual () =
  let request memory = request memory in
  Alcotest.(check bool)
    "claimed on the host" true
    (Manual_example.placed (two_nodes ()) request = Ok "host")

let a_plan_over_nodes_is_claimed_on_each () =
  let place flavour =
    let model, claims = on flavour in
    let memory = Size.gib 80 in
    let domid = domain model memory in
    let placed = ok_claims (Claims.place claims ~domid (request memory)) in
    let kind = (Claims.outcome placed).kind in
    Alcotest.(check bool) "listed" true (List.mem kind Claims.kinds) ;
    (kind.name, (ok_claims (Claims.status claims)).claim_sets)
  in
  let check name flavour expected =
    Alcotest.(check bool) name true (place flavour = expected)
  in
  check "with claim sets" (flavour "v7") ("set", Some true) ;
  check "without" (flavour "xs9") ("host", None)

let audit_reports_where_memory_is () =
  let audit flavour =
    let model, claims = on flavour in
    let domid = domain model (Size.gib 8) in
    let placed =
      ok_claims (Claims.place claims ~domid (request (Size.gib 8)))
    in
    let had = ok_claims (Model.populate ~exact_node:1 model ~domid (Size.gib 1)) in
    ignore (Claims.outcome placed) ;
    let audits = ok_claims (Claims.audit claims) in
    let mine (audit : Claims.audit) = audit.domid = domid in
    (had, List.find mine audits)
  in
  let had, found = audit (flavour "xs9") in
  Alcotest.(check int) "all its pages" had found.tot_pages ;
  Alcotest.(check bool) "being built" true found.being_built ;
  let elsewhere = if List.mem 1 found.nodes then 0 else had in
  Alcotest.(check (option int)) "elsewhere" (Some elsewhere) found.elsewhere_pages ;
  Alcotest.(check (option (array int)))
    "by node"
    (Some [|0; had|])
    found.pages_by_node ;
  let _, silent = audit Model.upstream in
  Alcotest.(check bool) "unavailable" true (silent.pages_by_node = None)

let failures_are_values () =
  let model, claims = on Model.upstream in
  let domid = domain model (Size.gib 200) in
  ( match Claims.place claims ~domid (request (Size.gib 200)) with
  | Error {Failure.cause= Failure.Host_full {domid= d; needed; _}; _} ->
      Alcotest.(check int) "domain" domid d ;
      Alcotest.(check int) "needed" (200 lsl 30) (needed :> int)
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok _ ->
      Alcotest.fail "placed"
  ) ;
  ( match Claims.place claims ~domid:4711 (request (Size.gib 1)) with
  | Error {Failure.cause= Failure.Conflict domid; message} ->
      Alcotest.(check int) "domain" 4711 domid ;
      Alcotest.(check string)
        "message"
        "domain 4711: it is not there or is being destroyed; place a domain that \
         lives"
        message
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok _ ->
      Alcotest.fail "placed"
  ) ;
  match Claims.place claims ~domid:(-1) (request (Size.gib 1)) with
  | Error {Failure.cause= Failure.Invalid {field= "domid"; _}; _} ->
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

let status_reports () =
  let model, claims = on (flavour "xs9") in
  let domid = domain model (Size.gib 8) in
  let placed = ok_claims (Claims.place claims ~domid (request (Size.gib 8))) in
  let never = ok pp_invalid (Config.v [("numa-claims", "never")]) in
  ok_claims (Claims.configure claims never) ;
  let status = ok_claims (Claims.status claims) in
  Alcotest.check ints "builds" [domid] status.builds ;
  Alcotest.(check bool)
    "pending" true
    (status.pending = Some Config.Never && Config.claims status.config = Config.Always) ;
  Alcotest.(check (option bool)) "node claims" (Some true) status.node_claims ;
  ignore (Claims.outcome placed) ;
  ok_claims (Claims.abandon claims ~domid) ;
  ok_claims (Claims.abandon claims ~domid) ;
  Alcotest.(check int) "nothing left" 0
    (ok_claims (Model.outstanding_pages model))

let suite =
  ( "protocol"
  , List.map
      (fun (flavour : Model.flavour) ->
        case ("a lifecycle on " ^ flavour.name) (lifecycle flavour)
      )
      Model.flavours
    @ [
        case "the manual's example" example_of_the_manual
      ; case "failures" failures_are_values
      ; case "tables" bad_tables_are_refused
      ; case "status" status_reports
      ; case "a plan over nodes" a_plan_over_nodes_is_claimed_on_each
      ; case "audit" audit_reports_where_memory_is
      ]
  )
