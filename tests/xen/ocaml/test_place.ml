open Xenopsd_numa

let ( let* ) = Result.bind

let threads = 4

let rounds = 3

let pages = 30_000

let number = Atomic.make 0

let failed = Atomic.make 0

let check what result =
  let n = 1 + Atomic.fetch_and_add number 1 in
  match result with
  | Ok "" ->
      Printf.printf "ok %d - %s\n%!" n what
  | Ok figures ->
      Printf.printf "ok %d - %s: %s\n%!" n what figures
  | Error why ->
      Atomic.incr failed ;
      Printf.printf "FAIL %d - %s: %s\n%!" n what why

let failure result =
  Result.map_error (fun failure -> Format.asprintf "%a" Failure.pp failure) result

let holds condition why = if condition then Ok () else Error why

(* ---- the toolstack's hands: a process a thread ---- *)

let with_hands program f =
  let from_it, to_it = Unix.open_process_args program [|program; "--helper"|] in
  let ask line =
    output_string to_it (line ^ "\n") ;
    flush to_it ;
    match input_line from_it with
    | exception End_of_file ->
        Error (line ^ ": the helper is gone")
    | answer ->
        Option.to_result (int_of_string_opt answer)
          ~none:(Printf.sprintf "%s: %s" line answer)
  in
  let close () = ignore (Unix.close_process (from_it, to_it)) in
  Fun.protect ~finally:close (fun () -> f ask)

let request () =
  let memory = Size.pages pages in
  let overhead = Claims.overhead ~vcpus:2 ~memory in
  Request.v ~memory ~overhead ~vcpus:2 ()
  |> Result.map_error (Format.asprintf "%a" pp_error)

(* ---- one round ---- *)

let build claims ask domid =
  let* request = request () in
  let* placed = failure (Claims.place claims ~domid request) in
  let outcome = Claims.outcome placed in
  let* () =
    holds
      (outcome.claimed_pages = pages)
      (Printf.sprintf "d%d: %d pages claimed" domid outcome.claimed_pages)
  in
  let* _ = ask (Printf.sprintf "equip %d" pages) in
  let* pinned = failure (Claims.pin claims placed) in
  let* had = ask (Printf.sprintf "populate %d" pages) in
  let* report = failure (Claims.finish claims pinned) in
  holds
    (had = pages && report.unused_pages = 0)
    (Printf.sprintf "d%d: %d pages had, %d left over" domid had
       report.unused_pages
    )

let round claims ask =
  let* domid = ask (Printf.sprintf "create %d" pages) in
  let built = build claims ask domid in
  let abandoned = failure (Claims.abandon claims ~domid) in
  let* _ = ask "destroy" in
  let* () = built in
  abandoned

let rec repeat n f =
  if n = 0 then
    Ok ()
  else
    let* () = f () in
    repeat (n - 1) f

let at_once program claims =
  let results = Array.make threads (Error "it did not end") in
  let run i =
    results.(i) <-
      ( match
          with_hands program (fun ask ->
              repeat rounds (fun () -> round claims ask)
          )
        with
      | result ->
          result
      | exception exn ->
          Error (Printexc.to_string exn)
      )
  in
  let started = List.init threads (Thread.create run) in
  List.iter Thread.join started ;
  let* () = Array.fold_left (fun all r -> Result.bind all (fun () -> r)) (Ok ()) results in
  Ok (Printf.sprintf "%d threads, %d rounds each" threads rounds)

(* Others run while one waits for memory that does not come. *)
let the_lock_is_released program hypervisor =
  let config = Config.v [("numa-memory-wait-seconds", "2")] in
  let* config = Result.map_error (Format.asprintf "%a" pp_invalid) config in
  let* claims = failure (Claims.open_ ~config hypervisor) in
  let* host = failure (Claims.host claims) in
  let memory = Host.host_free host in
  let* request =
    Request.v ~policy:Request.Any ~memory ~vcpus:1 ()
    |> Result.map_error (Format.asprintf "%a" pp_error)
  in
  let ticks = ref 0 and stop = ref false in
  let rec tick () =
    if not !stop then (
      incr ticks ; Thread.delay 0.01 ; tick ()
    )
  in
  with_hands program (fun ask ->
      let pages = Size.to_pages_up memory in
      let* domid = ask (Printf.sprintf "create %d" pages) in
      let ticker = Thread.create tick () in
      let placed = Claims.place claims ~domid request in
      stop := true ;
      Thread.join ticker ;
      let* () =
        match placed with
        | Error {Failure.cause= Failure.Host_full _; _} ->
            Ok ()
        | Error other ->
            failure (Error other)
        | Ok _ ->
            Error "all of the host was had"
      in
      let* () =
        holds (!ticks > 5) (Printf.sprintf "another thread ran %d times" !ticks)
      in
      Ok (Printf.sprintf "another thread ran %d times" !ticks)
  )

let nothing_left claims =
  let* left = failure (Claims.claims claims) in
  let* status = failure (Claims.status claims) in
  let* () =
    holds (left = [] && status.builds = []) "claims or builds are left over"
  in
  holds (status.panics = 0) "there was a panic"
  |> Result.map (fun () -> "")

let run program =
  match Xenopsd_numa_xenctrl.hypervisor () with
  | Error why ->
      check "OCaml: there is a Xen" (Error why)
  | Ok hypervisor -> (
    match failure (Claims.open_ hypervisor) with
    | Error why ->
        check "OCaml: the host is opened" (Error why)
    | Ok claims ->
        check "OCaml: threads place and build at once" (at_once program claims) ;
        check "OCaml: other threads run while one waits"
          (the_lock_is_released program hypervisor) ;
        check "OCaml: nothing is left" (nothing_left claims)
  )

let () =
  (match Sys.argv with
  | [|_; program|] ->
      run program
  | _ ->
      check "OCaml: the arguments" (Error "one is expected: the helper")) ;
  exit (if Atomic.get failed = 0 then 0 else 1)
