open Xenopsd_numa
open Xenopsd_numa_model

let ( let* ) = Result.bind

let failed result = Result.map_error (Fmt.to_to_string Failure.pp) result

let invalid result = Result.map_error (Fmt.to_to_string pp_error) result

let two_nodes () =
  let node n =
    Host.node ~size:(Size.gib 32) ~free:(Size.gib (if n = 0 then 8 else 24)) ()
  in
  let cpu n = Host.cpu ~node:(n / 4) ~core:(n mod 4) ~socket:(n / 4) in
  Host.v
    ~distances:[|[|Some 10; Some 21|]; [|Some 21; Some 10|]|]
    ~cpus:(Array.init 8 cpu) ~nodes:(Array.init 2 node) ()

let pp_claim ppf (outcome : Claims.outcome) =
  Fmt.pf ppf "claim of kind %s" outcome.kind.name ;
  Option.iter (Fmt.pf ppf " %d") outcome.node ;
  Option.iter (Fmt.pf ppf ": %s") outcome.unplaced_because

let pp_pages_on ppf (node, pages) = Fmt.pf ppf "%d pages on node %d" pages node

let place_vm flavour_name =
  let memory = Size.gib 12 and vcpus = 4 in
  let overhead = Claims.overhead ~vcpus ~memory in
  let* host = invalid (two_nodes ()) in
  let* request = invalid (Request.v ~name:"vm" ~overhead ~memory ~vcpus ()) in
  let* flavour = Model.flavour_of_string flavour_name in
  let* xen = failed (Model.create ~flavour host) in
  let* claims = failed (Claims.open_ (Model.hypervisor xen)) in
  let* domid = failed (Model.create_domain xen ~vcpus ~max:memory) in
  let* placed = failed (Claims.place claims ~domid request) in
  let outcome = Claims.outcome placed in
  let* () = failed (Model.set_pool xen ~domid overhead) in
  let* pinned = failed (Claims.pin claims placed) in
  let* populated = failed (Model.populate ?exact_node:outcome.node xen ~domid memory) in
  let* report = failed (Claims.finish claims pinned) in
  let* pages_on = failed (Model.domain_pages xen ~domid) in
  Fmt.pr "%s: %a; populated %d pages; %a; %d claimed and not taken@." flavour.name
    pp_claim outcome populated
    Fmt.(list ~sep:(any ", ") pp_pages_on)
    pages_on report.unused_pages ;
  Ok ()

let () =
  let place flavour =
    match place_vm flavour with
    | Ok () ->
        ()
    | Error why ->
        Fmt.epr "%s@." why ; exit 1
  in
  List.iter place ["4.17"; "xs9"; "v7"]
