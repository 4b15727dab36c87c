open Xenopsd_numa
open Xenopsd_numa_model
open Bench

let flavour name =
  match Model.flavour_of_string name with
  | Ok flavour ->
      flavour
  | Error message ->
      Alcotest.fail message

let on flavour =
  let model = ok_claims (Model.create ~flavour (two_nodes ())) in
  (model, ok_claims (Claims.open_ (Model.hypervisor model)))

let domain model memory =
  ok_claims (Model.create_domain model ~vcpus:2 ~max:memory)

let boot_storm = Option.get (Simulation.built_in "boot-storm")
