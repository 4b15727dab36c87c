(* Threads, the runtime lock, the garbage collector. *)

open Xenopsd_numa
open Xenopsd_numa_model
open Bench
open Modelled

(* Other threads run while a call that may block is under way. One that may not run is let in
   between calls only, and then for a turn: who runs beside a call has many. *)
let the_runtime_lock_is_released () =
  let running = Atomic.make true in
  let turns = Atomic.make 0 in
  let other =
    Thread.create
      (fun () ->
        while Atomic.get running do
          Atomic.incr turns ; Thread.yield ()
        done
      )
      ()
  in
  let turns_beside seed =
    let before = Atomic.get turns in
    ignore (ok_claims (Simulation.run ~seed ~flavour:(flavour "4.17") boot_storm)) ;
    Atomic.get turns - before
  in
  (* A machine that has other things to do may give it none beside one call. *)
  let rec beside_any seed =
    seed <= 1_000 && (turns_beside seed > 1_000 || beside_any (seed + 1))
  in
  let beside = beside_any 1 in
  Atomic.set running false ;
  Thread.join other ;
  Alcotest.(check bool) "others ran" true beside

let many_threads () =
  let model, claims = on Model.upstream in
  let failures = Atomic.make 0 in
  let one _ =
    Thread.create
      (fun () ->
        for _ = 1 to 20 do
          let memory = Size.mib 64 in
          let domid = domain model memory in
          match Claims.place claims ~domid (request memory) with
          | Error _ ->
              Atomic.incr failures
          | Ok placed ->
              ok_claims (Model.set_pool model ~domid (Size.mib 2)) ;
              let pinned = ok_claims (Claims.pin claims placed) in
              ignore (ok_claims (Model.populate model ~domid memory)) ;
              ignore (ok_claims (Claims.finish claims pinned)) ;
              Gc.minor ()
        done
      )
      ()
  in
  List.iter Thread.join (List.init 8 one) ;
  Alcotest.(check int) "failures" 0 (Atomic.get failures) ;
  Alcotest.(check int) "nothing outstanding" 0
    (ok_claims (Model.outstanding_pages model))

let values_survive_the_collector () =
  let host = two_nodes () in
  for _ = 1 to 2000 do
    let (_ : Host.t) = two_nodes () in
    ignore (answer (plan host (request (Size.gib 80))))
  done ;
  Gc.compact () ;
  Alcotest.check ints "nodes" [0; 1]
    (Plan.nodes (answer (plan host (request (Size.gib 80)))))

let suite =
  ( "runtime"
  , [
      case "lock released" the_runtime_lock_is_released
    ; case "threads" many_threads
    ; case "collector" values_survive_the_collector
    ]
  )
