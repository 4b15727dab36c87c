(* What the field has seen go wrong here, and what is right. What is known to be
   wrong fails when it is right: it has to become a test that it stays so. *)

open Xenopsd_numa
open Xenopsd_numa_model
open Bench

let right name is_right =
  case name (fun () -> Alcotest.(check bool) name true (is_right ()))

let known_wrong name is_right =
  case name (fun () ->
      if is_right () then
        Alcotest.failf "%s: it is right now; move it to what is" name
  )

let host ~cpus sizes_gib =
  let count = List.length sizes_gib in
  let cpu i = Host.cpu ~node:(i / cpus) ~core:i ~socket:(i / cpus) in
  let distance a b = Some (if a = b then 10 else 21) in
  let node (size, free) =
    Host.node ~size:(Size.gib size) ~free:(Size.gib free) ()
  in
  ok_host
    (Host.v
       ~distances:(Array.init count (fun a -> Array.init count (distance a)))
       ~cpus:(Array.init (count * cpus) cpu)
       ~nodes:(Array.of_list (List.map node sizes_gib))
       ()
    )

let opened flavour host =
  let flavour = Modelled.flavour flavour in
  let model = ok_claims (Model.create ~flavour host) in
  (model, ok_claims (Claims.open_ (Model.hypervisor model)))

let ask ?overhead ?(policy = Request.Prio_mem_only) ~vcpus memory =
  ok_host (Request.v ?overhead ~policy ~memory ~vcpus ())

let populate model placed ~domid memory =
  let exact_node = (Claims.outcome placed).node in
  ok_claims (Model.populate ?exact_node model ~domid memory)

(* A VM that starts while a large one migrates in, whose claim leaves enough: it is
   placed without waiting for that build. *)
let small_beside ~large_gib ~policy ~small_gib flavour () =
  let model, claims = opened flavour (host ~cpus:32 [(256, 250); (256, 250)]) in
  let vm policy memory =
    let overhead = Claims.overhead ~vcpus:4 ~memory in
    let domid = ok_claims (Model.create_domain model ~vcpus:4 ~max:memory) in
    let request = ask ~overhead ~policy ~vcpus:4 memory in
    (domid, overhead, Claims.place claims ~domid request)
  in
  let domid, overhead, large = vm policy (Size.gib large_gib) in
  let large = ok_claims large in
  ok_claims (Model.set_pool model ~domid overhead) ;
  let pinned = ok_claims (Claims.pin claims large) in
  ignore (populate model large ~domid (Size.gib 2)) ;
  let _, _, small = vm Request.Prio_mem_only (Size.gib small_gib) in
  ignore (Claims.finish claims pinned) ;
  match small with
  | Ok placed ->
      (Claims.outcome placed).queued_seconds < 1.
  | Error _ ->
      false

(* The affinity that a VM lives with is of all vCPUs of its maximum, of which two
   are started: its node affinity, which Xen derives from theirs, is the plan's. *)
let affinity_of_the_maximum flavour () =
  let model, claims = opened flavour (host ~cpus:4 [(64, 60); (64, 60)]) in
  let memory = Size.gib 8 in
  let overhead = Claims.overhead ~vcpus:8 ~memory in
  let domid = ok_claims (Model.create_domain model ~vcpus:8 ~max:memory) in
  let placed =
    ok_claims (Claims.place claims ~domid (ask ~overhead ~vcpus:2 memory))
  in
  ok_claims (Model.set_pool model ~domid overhead) ;
  let pinned = ok_claims (Claims.pin claims placed) in
  ignore (populate model placed ~domid memory) ;
  ignore (ok_claims (Claims.finish claims pinned)) ;
  let audits = ok_claims (Claims.audit claims) in
  let mine (audit : Claims.audit) = audit.domid = domid in
  let plan = Option.get (Claims.outcome placed).plan in
  (List.find mine audits).nodes = Plan.nodes plan

(* 16 MiB of video memory, which the device model takes when the build has ended,
   are left for it, also when another domain comes in between. *)
let video_memory flavour () =
  let model, claims = opened flavour (host ~cpus:64 [(256, 250); (256, 250)]) in
  let video = Size.mib 16 in
  let plus a b = Size.pages (Size.to_pages_up a + Size.to_pages_up b) in
  let build ?policy ?(video = Size.zero) memory =
    let pool = Claims.overhead ~vcpus:2 ~memory in
    let max = plus memory video in
    let domid = ok_claims (Model.create_domain model ~vcpus:2 ~max) in
    let request = ask ?policy ~overhead:(plus pool video) ~vcpus:2 memory in
    match Claims.place claims ~domid request with
    | Error _ ->
        ok_claims (Model.destroy model ~domid) ;
        ok_claims (Model.advance model ~seconds:2.) ;
        None
    | Ok placed ->
        ok_claims (Model.set_pool model ~domid pool) ;
        let pinned = ok_claims (Claims.pin claims placed) in
        ignore (populate model placed ~domid memory) ;
        ignore (ok_claims (Claims.finish claims pinned)) ;
        Some domid
  in
  let vms = List.init 20 (fun _ -> build ~video (Size.gib 8)) in
  let unclaimed () =
    ok_claims (Model.free_pages model) - ok_claims (Model.outstanding_pages model)
  in
  (* One that takes all that it is given. *)
  let rec fill pages =
    match build ~policy:Request.Any (Size.pages pages) with
    | Some _ ->
        ()
    | None ->
        fill (pages - 4096)
  in
  fill (unclaimed () - 65536) ;
  let pages = Size.to_pages_up video in
  let has_video domid =
    ok_claims (Model.populate model ~domid video) = pages
  in
  List.for_all has_video (List.filter_map Fun.id vms)

(* A pool goes by the static maximum. *)
let pool_of_the_static_maximum flavour () =
  let model, claims = opened flavour (host ~cpus:16 [(64, 5); (64, 4)]) in
  let memory = Size.gib 8 and static_max = Size.gib 256 in
  let overhead = Claims.overhead ~vcpus:4 ~memory:static_max in
  let max = Size.gib 9 in
  let domid = ok_claims (Model.create_domain model ~vcpus:4 ~max) in
  match Claims.place claims ~domid (ask ~overhead ~vcpus:4 memory) with
  | Error _ ->
      true
  | Ok _ ->
      Result.is_ok (Model.set_pool model ~domid (Size.mib 2052))

let small_beside_large =
  small_beside ~large_gib:260 ~policy:Request.Prio_mem_only ~small_gib:4

let small_beside_any =
  small_beside ~large_gib:249 ~policy:Request.Any ~small_gib:1

let suite =
  let on flavours check name is_right =
    let one flavour = check (name ^ " on " ^ flavour) (is_right flavour) in
    List.map one flavours
  in
  let all = ["4.17"; "upstream"; "xs9"; "v8"] in
  ( "field"
  , List.concat
      [
        on ["4.17"; "upstream"; "v8"] right "a small VM beside a large one"
          small_beside_large
      ; on ["xs9"] known_wrong "a small VM beside a large one"
          small_beside_large
      ; on all right "a small VM beside one that is anywhere" small_beside_any
      ; on all right "the static maximum's pool" pool_of_the_static_maximum
      ; on all known_wrong "affinity of the maximum" affinity_of_the_maximum
      ; on all known_wrong "video memory" video_memory
      ]
  )
