(* The command as a library: what a program with a live host linked gets. *)

open Xenopsd_numa
open Xenopsd_numa_cli
open Xenopsd_numa_model
open Test_support

(* What [f] prints on standard output, and its result. *)
let captured f =
  Files.with_directory (fun directory ->
      let path = Filename.concat directory "out" in
      let file = Unix.openfile path Unix.[O_WRONLY; O_CREAT] 0o600 in
      let saved = Unix.dup Unix.stdout in
      Unix.dup2 file Unix.stdout ;
      let restore () =
        Unix.dup2 saved Unix.stdout ;
        List.iter Unix.close [file; saved]
      in
      let code = Fun.protect ~finally:restore f in
      (code, Files.read path)
  )

let main ?live ?declared arguments =
  let argv = Array.of_list ("xenopsd-numa" :: arguments) in
  captured (fun () -> Command.main ~argv ?live ?declared ())

(* A row of a table, however wide its columns are. *)
let has_row out words =
  let words_of line =
    List.filter (( <> ) "") (String.split_on_char ' ' line)
  in
  let lines = List.map words_of (String.split_on_char '\n' out) in
  let row = List.concat_map words_of words in
  if not (List.mem row lines) then
    Alcotest.failf "no row %s in %s" (String.concat " | " words) out

let model flavour =
  match Xenopsd_numa_formats.Host_file.read "../hosts/xeon-2n.json" with
  | Error _ ->
      Alcotest.fail "the host was refused"
  | Ok host -> (
    match Model.create ~flavour host with
    | Ok model ->
        Model.hypervisor model
    | Error failure ->
        Alcotest.failf "%a" Failure.pp failure
  )

let without () =
  let code, out = main ["doctor"] in
  Alcotest.(check int) "code" 0 code ;
  Alcotest.(check bool)
    "says where" true
    (Files.contains out "xenopsd-numa-xenctrl")

(* Which kinds of claims there are is asked of the Xen: on the host, on single nodes,
   on several; and when they are accounted for. *)
let kinds () =
  let check flavour (on_host, on_single, on_several) late =
    let name = flavour in
    let hypervisor = model (Result.get_ok (Model.flavour_of_string name)) in
    let code, out = main ~live:(fun () -> Ok hypervisor) ["doctor"] in
    Alcotest.(check int) name 0 code ;
    let row what there = has_row out [what; (if there then "yes" else "no")] in
    row "claims on the host" on_host ;
    row "claims on single nodes" on_single ;
    row "claims on several nodes at once" on_several ;
    row "late accounting" late
  in
  check "4.17" (true, false, false) true ;
  check "upstream" (true, false, false) false ;
  check "4.22" (true, false, false) false ;
  check "xs9" (true, true, false) false ;
  check "xs9-2025" (true, true, false) true ;
  check "v4" (true, true, false) false ;
  check "v4-fixed" (true, true, false) false ;
  check "v5" (true, true, true) false ;
  check "v7" (true, true, true) false ;
  check "v8" (true, true, true) false

(* What a xenopsd has in force is not known, as none was asked. *)
let no_xenopsd_was_asked () =
  Files.with_file "numa-claims = never\n" (fun path ->
      let live () = Ok (model Model.upstream) in
      let code, out = main ~live ["doctor"; "--config"; path] in
      Alcotest.(check int) "code" 0 code ;
      has_row out ["Switches in"; path] ;
      List.iter
        (fun text ->
          if Files.contains out text then Alcotest.failf "%s in %s" text out
        )
        ["in force"; "pending"; "not known"]
  )

(* Asking changes nothing: a claim is there afterwards, and as large. *)
let asking_changes_nothing () =
  let check (flavour : Model.flavour) =
    match Xenopsd_numa_formats.Host_file.read "../hosts/xeon-2n.json" with
    | Error _ ->
        Alcotest.fail "the host was refused"
    | Ok host -> (
        let ( let* ) = Result.bind in
        let result =
          let* model = Model.create ~flavour host in
          let* t = Claims.open_ (Model.hypervisor model) in
          let* domid =
            Model.create_domain model ~vcpus:1 ~max:(Size.gib 2)
          in
          let* request =
            Request.v ~memory:(Size.gib 2) ~vcpus:1 ()
            |> Result.map_error Failure.of_error
          in
          let* _ = Claims.place t ~domid request in
          let seen () =
            let* free = Model.free_pages model in
            let* outstanding = Model.outstanding_pages model in
            let* claims = Claims.claims t in
            Ok (free, outstanding, claims)
          in
          let* before = seen () in
          let* _ = Claims.probe t in
          let* after = seen () in
          Ok (before = after)
        in
        match result with
        | Ok same ->
            Alcotest.(check bool) flavour.name true same
        | Error failure ->
            Alcotest.failf "%s: %a" flavour.name Failure.pp failure
      )
  in
  List.iter check Model.flavours

let strict () =
  let check text code =
    Files.with_file text (fun path ->
        let live () = Ok (model Model.upstream) in
        let found, out =
          main ~live ["doctor"; "--strict"; "--config"; path]
        in
        Alcotest.(check int) text code found ;
        has_row out ["claims on the host"; "yes"]
    )
  in
  check "numa-claims = never\n" 0 ;
  check "numa-claim = never\n" 2

let what_is_linked () =
  let live () = Ok (model Model.upstream) in
  let declared = [("xc_numa_meminfo", true); ("xc_else", false)] in
  let _, out = main ~live ~declared ["doctor"] in
  has_row out ["xc_numa_meminfo"; "linked"] ;
  has_row out ["xc_else"; "not in its header"]

let unreachable () =
  let live () = Error "no privileged command interface" in
  let code, _ = main ~live ["doctor"] in
  Alcotest.(check int) "code" 3 code

let raising () =
  let live () = raise Not_found in
  let code, _ = main ~live ["doctor"] in
  Alcotest.(check int) "code" 4 code

(* The live subcommands, on the model. *)
let live_commands () =
  let live () = Ok (model Model.upstream) in
  let check arguments code text =
    let what = String.concat " " arguments in
    let found, out = main ~live arguments in
    Alcotest.(check int) what code found ;
    if not (Files.contains out text) then
      Alcotest.failf "%s: no %S in %s" what text out
  in
  check ["status"] 0 "  node  size" ;
  check ["claims"] 0 "No domain has memory claimed" ;
  check ["audit"] 0 "claim left" ;
  check ["claims"; "--abandon"; "3"] 0 "d3 has nothing claimed" ;
  check ["plan"; "--memory"; "1GiB"; "--vcpus"; "1"] 0 "fits on node" ;
  check ["plan"; "--memory"; "9TiB"; "--vcpus"; "1"] 1 "does not fit" ;
  Files.with_directory (fun directory ->
      let file = Filename.concat directory "host.json" in
      let plan = ["--memory"; "1GiB"; "--vcpus"; "1"; "--json"] in
      check ["snapshot"; "--name"; "model"; "--output"; file] 0 "" ;
      let _, offline = main (["plan"; "--host"; file] @ plan) in
      let _, live = main ~live ("plan" :: plan) in
      Alcotest.(check string) "a snapshot plans as the host" live offline ;
      check ["snapshot"; "--output"; Filename.concat directory "no/where"] 2 ""
  ) ;
  let gone () = Error "no way" in
  List.iter
    (fun command ->
      let code, _ = main ~live:gone [command] in
      Alcotest.(check int) command 3 code
    )
    ["status"; "audit"; "claims"; "snapshot"]

(* What [place] does with the request on a Xen of its own, as [plan] says it. *)
let placed_as hypervisor model ~memory ~vcpus ~policy =
  let ( let* ) = Result.bind in
  let overhead = Claims.overhead ~vcpus ~memory in
  let result =
    let* t = Claims.open_ hypervisor in
    let* domid = Model.create_domain model ~vcpus ~max:memory in
    let* request =
      Request.v ~overhead ~policy ~memory ~vcpus ()
      |> Result.map_error Failure.of_error
    in
    Claims.place t ~domid request
  in
  match result with
  | Error {Failure.cause= Failure.Host_full _ | Failure.Refused _; _} ->
      "refused"
  | Error failure ->
      Alcotest.failf "%a" Failure.pp failure
  | Ok placed -> (
      let outcome = Claims.outcome placed in
      match (outcome.unplaced_because, outcome.plan) with
      | Some _, _ ->
          "unplaced"
      | _, Some plan ->
          String.concat "," (List.map string_of_int (Plan.nodes plan))
      | _, None ->
          "anywhere"
    )

(* What [plan] says of it. *)
let planned_as ~live ~memory ~vcpus ~policy =
  let code, out =
    main ~live
      [
        "plan"
      ; "--json"
      ; "--memory"
      ; Size.to_string memory
      ; "--vcpus"
      ; string_of_int vcpus
      ; "--policy"
      ; policy
      ]
  in
  let member key = Yojson.Safe.Util.member key (Yojson.Safe.from_string out) in
  let nodes =
    List.map Yojson.Safe.Util.to_int (Yojson.Safe.Util.to_list (member "nodes"))
  in
  match (code, member "refused", member "unplaced") with
  | 1, `Assoc _, `Null ->
      "refused"
  | 0, `Null, `Assoc _ ->
      "unplaced"
  | 0, `Null, `Null when policy = "any" ->
      "anywhere"
  | 0, `Null, `Null ->
      String.concat "," (List.map string_of_int nodes)
  | code, _, _ ->
      Alcotest.failf "exit code %d: %s" code out

(* [plan] says what [place] does, also where memory, reserve or overhead just suffice
   and just do not. *)
let plan_is_place () =
  let seen = Hashtbl.create 8 in
  let check (policy, of_policy) memory vcpus =
    let fresh () =
      match Xenopsd_numa_formats.Host_file.read "../hosts/xeon-2n.json" with
      | Error _ ->
          Alcotest.fail "the host was refused"
      | Ok host -> (
        match Model.create ~flavour:Model.upstream host with
        | Ok model ->
            model
        | Error failure ->
            Alcotest.failf "%a" Failure.pp failure
      )
    in
    let model = fresh () in
    let hypervisor = Model.hypervisor model in
    let said =
      planned_as ~live:(fun () -> Ok hypervisor) ~memory ~vcpus ~policy
    in
    let done_ = placed_as hypervisor model ~memory ~vcpus ~policy:of_policy in
    let what =
      Printf.sprintf "%s, %d vCPUs, %s" (Size.to_string memory) vcpus policy
    in
    Alcotest.(check string) what done_ said ;
    Hashtbl.replace seen said ()
  in
  let mib = List.init 24 (fun i -> Size.mib (23_200 + (40 * i))) in
  let whole = List.init 24 (fun i -> Size.mib (33_800 + (40 * i))) in
  let sizes = (Size.gib 1 :: Size.gib 12 :: mib) @ whole @ [Size.gib 64] in
  let each policy =
    List.iter (fun memory -> check policy memory 4) sizes ;
    check policy (Size.gib 1) 40 ;
    check policy (Size.gib 64) 40
  in
  List.iter each Request.policies ;
  List.iter
    (fun kind ->
      if not (Hashtbl.mem seen kind) then Alcotest.failf "none was %s" kind
    )
    ["0"; "0,1"; "unplaced"; "refused"; "anywhere"]

let codes () =
  let check arguments expected =
    let code, _ = main arguments in
    Alcotest.(check int) (String.concat " " arguments) expected code
  in
  let plan memory =
    [
      "plan"
    ; "--host"
    ; "../hosts/xeon-2n.json"
    ; "--memory"
    ; memory
    ; "--vcpus"
    ; "1"
    ]
  in
  check (plan "1GiB") 0 ;
  check (plan "1TiB") 1 ;
  check (plan "0") 2 ;
  check ["nonsense"] 2

let case name f = Alcotest.test_case name `Quick f

let () =
  Alcotest.run "live"
    [
      ( "doctor"
      , [
          case "without a live host" without
        ; case "kinds of claims" kinds
        ; case "no xenopsd was asked" no_xenopsd_was_asked
        ; case "asking changes nothing" asking_changes_nothing
        ; case "strict" strict
        ; case "what is linked" what_is_linked
        ; case "with one that is not there" unreachable
        ; case "with one that raises" raising
        ]
      )
    ; ( "live"
      , [
          case "every subcommand" live_commands
        ; case "plan says what place does" plan_is_place
        ]
      )
    ; ("exit codes", [case "one by one" codes])
    ]
