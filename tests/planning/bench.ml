open Xenopsd_numa

let ok pp = function
  | Ok value ->
      value
  | Error error ->
      Alcotest.failf "%a" pp error

let ok_host result = ok pp_error result

let ok_claims result = ok Failure.pp result

let two_nodes ?(free0 = 64) ?(free1 = 64) () =
  let cpu id = Host.cpu ~node:(id / 8) ~core:(id mod 8) ~socket:(id / 8) in
  let node free = Host.node ~size:(Size.gib 64) ~free:(Size.gib free) () in
  ok_host
    (Host.v ~name:"two"
       ~distances:[|[|Some 10; Some 21|]; [|Some 21; Some 10|]|]
       ~cpus:(Array.init 16 cpu)
       ~nodes:[|node free0; node free1|]
       ()
    )

let request ?overhead ?policy ?strategy ?allowed_cpus ?allowed_nodes
    ?(vcpus = 2) memory =
  ok_host
    (Request.v ?overhead ?policy ?strategy ?allowed_cpus ?allowed_nodes ~memory
       ~vcpus ()
    )

let answer = function
  | Ok (Ok plan) ->
      plan
  | Ok (Error refusal) ->
      Alcotest.failf "%a" Refusal.pp refusal
  | Error error ->
      Alcotest.failf "%a" pp_error error

let refusal = function
  | Ok (Ok plan) ->
      Alcotest.failf "placed: %a" Plan.pp plan
  | Ok (Error refusal) ->
      refusal
  | Error error ->
      Alcotest.failf "%a" pp_error error

let ints = Alcotest.(list int)

let case name test = Alcotest.test_case name `Quick test
