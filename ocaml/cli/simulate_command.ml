open Xenopsd_numa
open Cmdliner

let print_lines lines = List.iter (fun line -> Output.print (line ^ "\n")) lines

let name_of choices value =
  List.find_map
    (fun (name, choice) -> if choice = value then Some name else None)
    choices
  |> Option.value ~default:""

let variants = Simulation.[("unaligned", Unaligned); ("aligned", Aligned)]

let outcome (start : Simulation.start) =
  if start.started then "started" else "failed"

(* ---- for people ---- *)

let ints = function
  | [] ->
      "-"
  | ids ->
      String.concat "," (List.map string_of_int ids)

let seconds value = Printf.sprintf "%.1f s" value

let size pages = Fmt.str "%a" Size.pp (Size.pages pages)

let on pages_on =
  match List.filter (fun (_, pages) -> pages > 0) pages_on with
  | [] ->
      "-"
  | shares ->
      let share (node, pages) = Printf.sprintf "%d: %s" node (size pages) in
      String.concat ", " (List.map share shares)

let heads =
  [
    "variant"
  ; "phase"
  ; "VM"
  ; "nodes"
  ; "claim"
  ; "claimed"
  ; "memory on"
  ; "queued"
  ; "waited"
  ; "outcome"
  ; "reason"
  ]

let row (start : Simulation.start) =
  [
    name_of variants start.variant
  ; start.phase
  ; start.vm
  ; ints start.nodes
  ; start.claim
  ; size start.claimed_pages
  ; on start.pages_on
  ; seconds start.queued_seconds
  ; seconds start.waited_seconds
  ; outcome start
  ; start.reason
  ]

let lines (result : Simulation.result) =
  Printf.sprintf "%s, Xen %s, seed %d" result.scenario
    (name_of Model.flavours result.flavour)
    result.seed
  :: Output.table (heads :: List.map row result.vms)
  @ [Printf.sprintf "%d starts, %d failed" result.starts result.failed_starts]

(* ---- for programs ---- *)

let int i : Yojson.Safe.t = `Int i

let float f : Yojson.Safe.t = `Intlit (Printf.sprintf "%.6f" f)

let start_to_json (start : Simulation.start) : Yojson.Safe.t =
  let share (node, pages) = (string_of_int node, int pages) in
  `Assoc
    [
      ("name", `String start.vm)
    ; ("variant", `String (name_of variants start.variant))
    ; ("phase", `String start.phase)
    ; ("nodes", `List (List.map int start.nodes))
    ; ("requested_pages", int start.requested_pages)
    ; ("claimed_pages", int start.claimed_pages)
    ; ("claim", `String start.claim)
    ; ("pages_per_node", `Assoc (List.map share start.pages_on))
    ; ("outcome", `String (outcome start))
    ; ("reason", `String start.reason)
    ; ("queued_seconds", float start.queued_seconds)
    ; ("waited_seconds", float start.waited_seconds)
    ; ("build_seconds", float start.build_seconds)
    ]

let to_json (result : Simulation.result) : Yojson.Safe.t =
  `Assoc
    [
      ("scenario", `String result.scenario)
    ; ("seed", int result.seed)
    ; ("flavour", `String (name_of Model.flavours result.flavour))
    ; ("starts", int result.starts)
    ; ("failed_starts", int result.failed_starts)
    ; ("vms", `List (List.map start_to_json result.vms))
    ]

(* ---- the command ---- *)

type scenario = Boot_storm

let run () scenario seed flavour variants strategy json =
  let result =
    match scenario with
    | Boot_storm ->
        Simulation.boot_storm ?seed ?strategy ~variants flavour
  in
  match result with
  | Error failure ->
      Status.of_failure failure
  | Ok result ->
      if json then
        Output.print (Yojson.Safe.to_string ~std:true (to_json result) ^ "\n")
      else
        print_lines (lines result) ;
      if result.failed_starts > 0 then Status.Refused else Status.Done

let scenario =
  let choices = [("boot-storm", Boot_storm)] in
  let doc = Printf.sprintf "What happens: %s." (Arg.doc_alts_enum choices) in
  Arg.(
    required & pos 0 (some (enum choices)) None & info [] ~docv:"SCENARIO" ~doc
  )

let seed =
  let doc = "The same seed gives the same result." in
  Arg.(
    value
    & opt (some (Convert.number ~least:0)) None
    & info ["seed"] ~docv:"N" ~doc
  )

let flavour =
  let doc =
    Printf.sprintf "How the modelled Xen accounts claims: %s."
      (Arg.doc_alts_enum Model.flavours)
  in
  Arg.(
    value
    & opt (enum Model.flavours) Model.Upstream
    & info ["flavour"] ~docv:"FLAVOUR" ~doc
  )

let variant =
  let one (name, variant) = (name, [variant]) in
  let choices = List.map one variants @ [("both", List.map snd variants)] in
  let doc =
    Printf.sprintf "Whether the memory of the VMs is a multiple of 2 MiB: %s."
      (Arg.doc_alts_enum choices)
  in
  Arg.(
    value
    & opt (enum choices) (List.map snd variants)
    & info ["variant"] ~docv:"VARIANT" ~doc
  )

let strategy =
  let doc =
    Printf.sprintf "Which of equally near sets of nodes VMs take: %s."
      (Arg.doc_alts_enum Request.strategies)
  in
  Arg.(
    value
    & opt (some (enum Request.strategies)) None
    & info ["strategy"] ~docv:"STRATEGY" ~doc
  )

let json =
  let doc = "Print one line of JSON." in
  Arg.(value & flag & info ["json"] ~doc)

let man =
  [
    `S Manpage.s_description
  ; `P
      "Runs a scenario on a model of Xen's page accounting, in virtual time, \
       and tells of each start on which nodes the VM was placed, what was \
       claimed for it and how, where its memory really is, how long it was \
       queued behind earlier builds and waited for memory, and if it failed, \
       why."
  ; `P
      "$(b,boot-storm): three VMs of a host of 1 TiB and two nodes, each of a \
       third of what can be claimed, are started one after the other, shut \
       down by force, started all at once, one of them rebooted, and all of \
       them rebooted at once."
  ; `S Manpage.s_examples
  ; `P "A storm on a Xen that has claims on single nodes:"
  ; `Pre "  $(mname) $(tname) boot-storm --flavour xs9"
  ; `P "The starts that failed, with another seed:"
  ; `Pre
      "  $(mname) $(tname) boot-storm --seed 7 --json | jq '.vms[] | \
       select(.outcome == \"failed\")'"
  ]

let command =
  let doc = "run a scenario on a model of Xen" in
  Cmd.v
    (Cmd.info "simulate" ~doc ~man ~exits:Status.exits)
    Term.(
      const run
      $ Convert.verbose
      $ scenario
      $ seed
      $ flavour
      $ variant
      $ strategy
      $ json
    )
