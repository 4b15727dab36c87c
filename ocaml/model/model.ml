open Xenopsd_numa

type t = {handle: Raw.Model_handle.t; hypervisor: Hypervisor.t}

type flavour = named

let flavours = Raw.model_flavours ()

let flavour_of_string name =
  match List.find_opt (fun flavour -> flavour.name = name) flavours with
  | Some flavour ->
      Ok flavour
  | None ->
      let names = List.map (fun flavour -> flavour.name) flavours in
      Error
        (Printf.sprintf "found %S, expected one of %s" name
           (String.concat ", " names)
        )

let upstream = Raw.model_upstream ()

let create ?(flavour = upstream) host =
  let ( let* ) = Result.bind in
  let* handle = Raw.model_new flavour.name (Host.plain host) in
  Hypervisor.of_table (Nativeint.of_int (Raw.model_table handle))
  |> Result.map (fun hypervisor -> {handle; hypervisor})
  |> Result.map_error (fun message -> Failure.v ~message Failure.Internal)

let hypervisor t = t.hypervisor

let create_domain t ~vcpus ~max = Raw.model_create t.handle vcpus max

let set_pool t ~domid pool = Raw.model_set_pool t.handle domid pool

let populate ?exact_node t ~domid memory =
  Raw.model_populate t.handle domid memory exact_node

let destroy t ~domid = Raw.model_destroy t.handle domid

let advance t ~seconds = Raw.model_advance t.handle seconds

let free_pages t = Result.map fst (Raw.model_counters t.handle)

let outstanding_pages t = Result.map snd (Raw.model_counters t.handle)

let domain_pages t ~domid = Raw.model_domain_pages t.handle domid
