open Xenopsd_numa

let ( let* ) = Result.bind

let keys =
  [
    "name"
  ; "memory_bytes"
  ; "overhead_bytes"
  ; "vcpus"
  ; "cores"
  ; "policy"
  ; "strategy"
  ; "allowed_cpus"
  ; "allowed_nodes"
  ]

let of_json ~path json =
  let open Json_field in
  let* fields = fields ~path json in
  let* () = only keys fields in
  let* name = optional fields "name" string in
  let* memory = required fields "memory_bytes" size in
  let* overhead = optional fields "overhead_bytes" size in
  let* vcpus = required fields "vcpus" count in
  let* cores = optional fields "cores" count in
  let* policy = optional fields "policy" (one_of Request.policies) in
  let* strategy = optional fields "strategy" (one_of Request.strategies) in
  let* allowed_cpus = optional fields "allowed_cpus" (list count) in
  let* allowed_nodes = optional fields "allowed_nodes" (list count) in
  Request.v ?name ?overhead ?cores ?policy ?strategy ?allowed_cpus
    ?allowed_nodes ~memory ~vcpus ()
  |> Result.map_error (under path)
