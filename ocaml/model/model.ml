open Xenopsd_numa
open Failed

type t = {handle: Raw.model_handle; hypervisor: Hypervisor.t}

type flavour = Raw.named_value = {name: string; about: string}

let flavours = Array.to_list (Raw.xenopsd_numa_model_flavours ())

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

let upstream =
  Result.value
    (flavour_of_string "upstream")
    ~default:{name= "upstream"; about= ""}

let bytes size = (size : Size.t :> int)

let description host : Raw.host_value =
  let cpus = Host.cpus host and nodes = Host.nodes host in
  {
    distances= Host.distances host
  ; cpu_to_node= Array.map (fun (cpu : Host.cpu) -> cpu.node) cpus
  ; cpu_to_core= Array.map (fun (cpu : Host.cpu) -> cpu.core) cpus
  ; cpu_to_socket= Array.map (fun (cpu : Host.cpu) -> cpu.socket) cpus
  ; size_bytes=
      Array.map (fun (node : Host.node) -> Option.map bytes node.size) nodes
  ; free_bytes=
      Array.map (fun (node : Host.node) -> Option.map bytes node.free) nodes
  ; claimed_bytes= Array.map (fun (node : Host.node) -> bytes node.claimed) nodes
  ; host_free_bytes= bytes (Host.host_free host)
  ; host_outstanding_bytes= bytes (Host.host_outstanding host)
  }

let create ?(flavour = upstream) host =
  let ( let* ) = Result.bind in
  let* handle =
    protocol (Raw.xenopsd_numa_model flavour.name (description host))
  in
  let address = Nativeint.of_int (Raw.xenopsd_numa_model_table handle) in
  Hypervisor.of_table address
  |> Result.map (fun hypervisor -> {handle; hypervisor})
  |> Result.map_error (fun message -> Failure.Internal message)

let hypervisor t = t.hypervisor

let create_domain t ~vcpus ~max =
  protocol (Raw.xenopsd_numa_model_create t.handle vcpus (bytes max))

let set_pool t ~domid size =
  protocol (Raw.xenopsd_numa_model_set_pool t.handle domid (bytes size))

let populate ?exact_node t ~domid size =
  protocol
    (Raw.xenopsd_numa_model_populate t.handle domid (bytes size) exact_node)

let destroy t ~domid =
  protocol (Raw.xenopsd_numa_model_destroy t.handle domid)

let advance t ~seconds =
  protocol (Raw.xenopsd_numa_model_advance t.handle seconds)

let counters t = protocol (Raw.xenopsd_numa_model_counters t.handle)

let free_pages t = Result.map fst (counters t)

let outstanding_pages t = Result.map snd (counters t)

let domain_pages t ~domid =
  Raw.xenopsd_numa_model_domain_pages t.handle domid
  |> Result.map Array.to_list
  |> protocol
