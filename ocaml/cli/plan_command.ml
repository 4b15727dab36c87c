open Xenopsd_numa
open Xenopsd_numa_formats
open Cmdliner

let ( let* ) = Result.bind

let src = Logs.Src.create "xenopsd-numa.plan"

module Log = (val Logs.src_log src : Logs.LOG)

(** The options of a single VM. *)
type single = {
    host: string option
  ; name: string option
  ; memory: Size.t option
  ; overhead: Size.t option
  ; vcpus: int option
  ; cores: int option
  ; policy: Request.policy option
  ; strategy: Request.strategy option
  ; reserve: Size.t option
  ; node_reserve: Size.t option
  ; allowed_cpus: int list option
  ; allowed_nodes: int list option
  ; explain: bool
}

let print_lines lines = List.iter (fun line -> Output.print (line ^ "\n")) lines

let share (node, pages) =
  [
    Printf.sprintf "  node %d" node
  ; Fmt.str "%a, %d pages" Size.pp (Size.pages pages) pages
  ]

let distance plan =
  match (Plan.max_distance plan, Plan.average_distance plan) with
  | Some maximum, Some average ->
      [
        [
          "  distance"
        ; Printf.sprintf "%d at most, %.6f on average" maximum average
        ]
      ]
  | Some _, None | None, Some _ | None, None ->
      []

let nearest plan =
  match (Plan.optimal plan, Plan.gap plan) with
  | true, _ ->
      []
  | false, Some gap ->
      [
        [
          "  nearest"
        ; Printf.sprintf "not proven: within %.2f %% on average" (100. *. gap)
        ]
      ]
  | false, None ->
      [["  nearest"; "not proven"]]

let plan_lines name plan =
  let nodes =
    match Plan.nodes plan with
    | [node] ->
        Printf.sprintf "node %d" node
    | nodes ->
        "nodes " ^ String.concat ", " (List.map string_of_int nodes)
  in
  let cpus = match Plan.cpus plan with "" -> "none" | cpus -> cpus in
  Printf.sprintf "%s fits on %s" name nodes
  :: Output.table
       ([["  CPUs"; cpus]]
       @ List.map share (Plan.pages_per_node plan)
       @ distance plan @ nearest plan
       )

let refusal_lines name refusal =
  [Fmt.str "%s does not fit: %a" name Refusal.pp refusal]

let answer_lines request (answer : answer) explanation =
  let name =
    match Request.name request with "" -> "The VM" | name -> name
  in
  let why =
    match Option.fold ~none:[] ~some:Explanation.lines explanation with
    | [] ->
        []
    | lines ->
        "Why:" :: List.map (fun line -> "  " ^ line) lines
  in
  match answer with
  | Ok plan ->
      plan_lines name plan @ why
  | Error refusal ->
      refusal_lines name refusal @ why

(* The options are named after the fields: allowed_cpus[0] is --allowed-cpus. *)
let option_of_field field =
  let name =
    match String.index_opt field '[' with
    | Some bracket ->
        String.sub field 0 bracket
    | None ->
        field
  in
  match name with
  | "memory_bytes" ->
      "--memory"
  | "overhead_bytes" ->
      "--overhead"
  | "reserve_bytes" ->
      "--reserve"
  | "node_reserve_bytes" ->
      "--node-reserve"
  | name ->
      "--" ^ String.map (fun c -> if c = '_' then '-' else c) name

let of_option = function
  | Invalid {field; found; expected} ->
      Error.fault ~file:(option_of_field field) Error.Whole ~found ~expected
  | Internal message ->
      Error.Internal message

let request single memory vcpus =
  let {name; overhead; cores; policy; strategy; _} = single in
  let {allowed_cpus; allowed_nodes; _} = single in
  Request.v ?name ?overhead ?cores ?policy ?strategy ?allowed_cpus
    ?allowed_nodes ~memory ~vcpus ()

let answer single host request =
  let {reserve; node_reserve; explain= explained; _} = single in
  if explained then
    let* answer, explanation = explain ?reserve ?node_reserve host request in
    Ok (answer, Some explanation)
  else
    let* answer = plan ?reserve ?node_reserve host request in
    Ok (answer, None)

let warn_of_left_out (left_out : Host.Left_out.t) =
  Log.warn (fun m -> m "%s" left_out.sentence)

let run_on single ~json host memory vcpus =
  let result =
    Result.map_error of_option
      (let* request = request single memory vcpus in
       let* answer, explanation = answer single host request in
       Ok (request, answer, explanation)
      )
  in
  match result with
  | Error error ->
      Status.of_error error
  | Ok (request, answer, explanation) -> (
      if json then
        let json =
          Plan_json.v ?explanation ~host ~name:(Request.name request) answer
        in
        Output.print (Yojson.Safe.to_string ~std:true json ^ "\n")
      else (
        print_lines (answer_lines request answer explanation) ;
        List.iter warn_of_left_out (Host.left_out host)
      ) ;
      match answer with Ok _ -> Status.Done | Error _ -> Status.Refused
    )

let run_single single ~json file memory vcpus =
  match Host_file.read file with
  | Error error ->
      Status.of_error error
  | Ok host ->
      Log.debug (fun m ->
          m "%s: %d nodes, %d CPUs" file
            (Array.length (Host.nodes host))
            (Array.length (Host.cpus host))
      ) ;
      run_on single ~json host memory vcpus

let run_live live single ~json memory vcpus =
  Live.run live (fun t ->
      Result.map
        (fun host -> run_on single ~json host memory vcpus)
        (Claims.host t)
  )

let run_lines file input =
  match Batch.run ~input ~write:Output.print ~flush:Output.flush with
  | Ok Batch.Answered ->
      Status.Done
  | Ok Batch.Bad_line ->
      Log.debug (fun m -> m "%s: not every line could be read" file) ;
      Status.Bad_input
  | Ok Batch.Failed ->
      Status.Internal_error
  | Error found ->
      Error.fault ~file:(Source.name file) Error.Whole ~found
        ~expected:"a readable file"
      |> Status.of_error

let run_batch file =
  match Source.open_ file with
  | Error error ->
      Status.of_error error
  | Ok input ->
      let close () = if input <> Unix.stdin then Unix.close input in
      Fun.protect ~finally:close (fun () -> run_lines file input)

(** The options that were given, for [--batch] goes with none of them. *)
let given single =
  let name option = Option.map (fun _ -> option) in
  List.filter_map Fun.id
    [
      name "--host" single.host
    ; name "--name" single.name
    ; name "--memory" single.memory
    ; name "--overhead" single.overhead
    ; name "--vcpus" single.vcpus
    ; name "--cores" single.cores
    ; name "--policy" single.policy
    ; name "--strategy" single.strategy
    ; name "--reserve" single.reserve
    ; name "--node-reserve" single.node_reserve
    ; name "--allowed-cpus" single.allowed_cpus
    ; name "--allowed-nodes" single.allowed_nodes
    ; (if single.explain then Some "--explain" else None)
    ]

(* Without a file it is the live host, where there may be one. *)
let may_be_live live =
  match live with
  | Live.Linked _ ->
      true
  | Live.Elsewhere _ ->
      Live.is_dom0 ()

let run live () single json batch =
  match (batch, given single, single) with
  | Some file, [], _ ->
      `Ok (run_batch file)
  | Some _, option :: _, _ ->
      `Error (true, Printf.sprintf "%s does not go with --batch" option)
  | None, _, {host= Some host; memory= Some memory; vcpus= Some vcpus; _} ->
      `Ok (run_single single ~json host memory vcpus)
  | None, _, {host= None; _} when not (may_be_live live) ->
      `Error (true, "--host FILE is missing (or --batch FILE)")
  | None, _, {host= None; memory= Some memory; vcpus= Some vcpus; _} ->
      `Ok (run_live live single ~json memory vcpus)
  | None, _, {memory= None; _} ->
      `Error (true, "--memory SIZE is missing")
  | None, _, {vcpus= None; _} ->
      `Error (true, "--vcpus N is missing")

let option names converter ~docv doc =
  Arg.(value & opt (some converter) None & info names ~docv ~doc)

let enum docv choices names doc =
  let doc = Printf.sprintf "%s: %s." doc (Arg.doc_alts_enum choices) in
  option names (Arg.enum choices) ~docv doc

let single =
  let make host name memory overhead vcpus cores policy strategy reserve
      node_reserve allowed_cpus allowed_nodes explain =
    {
      host
    ; name
    ; memory
    ; overhead
    ; vcpus
    ; cores
    ; policy
    ; strategy
    ; reserve
    ; node_reserve
    ; allowed_cpus
    ; allowed_nodes
    ; explain
    }
  in
  let size names doc = option names Convert.size ~docv:"SIZE" doc in
  Term.(
    const make
    $ option ["host"] (Convert.text ~docv:"FILE") ~docv:"FILE"
        "The host: a snapshot in JSON, what $(b,xl info -n) printed, or a \
         directory laid out like Linux's /sys. $(b,-) is standard input. In a \
         Xen's control domain, that Xen unless given."
    $ option ["name"] (Convert.text ~docv:"NAME") ~docv:"NAME"
        "What to call the VM."
    $ option ["memory"] Convert.memory ~docv:"SIZE"
        "The VM's memory: what its builder will populate."
    $ size ["overhead"]
        "What the VM needs beside its memory: pool, vCPUs, structures. \
         Nothing unless given."
    $ option ["vcpus"] (Convert.number ~least:1) ~docv:"N" "The VM's vCPUs."
    $ option ["cores"] (Convert.number ~least:0) ~docv:"N"
        "The cores that its nodes must have; as many as vCPUs unless given, \
         or none for the policies any and prio_mem_only."
    $ enum "POLICY" Request.policies ["policy"] "How strictly it is placed"
    $ enum "STRATEGY" Request.strategies ["strategy"]
        "Which of equally near sets of nodes it takes"
    $ size ["reserve"] "What is left alone on the host; nothing unless given."
    $ size ["node-reserve"]
        "What is left alone on each node; nothing unless given."
    $ option ["allowed-cpus"] Convert.ids ~docv:"LIST"
        "The CPUs that the VM may use, such as 0-7,16; all unless given."
    $ option ["allowed-nodes"] Convert.ids ~docv:"LIST"
        "The nodes that the VM may use, such as 0,1; all unless given."
    $ Arg.(
        value & flag
        & info ["explain"]
            ~doc:
              "Say which nearer or smaller sets of nodes did not do, and by \
               how much; what chose the nodes; and which would be taken if not \
               for these, how much farther they are, and how much room they \
               have. See REASONS."
      )
  )

let json =
  let doc = "Print one line of JSON. A batch is always JSON." in
  Arg.(value & flag & info ["json"] ~doc)

let batch =
  option ["batch"] (Convert.text ~docv:"FILE") ~docv:"FILE"
    "Answer each line of $(docv), $(b,-) for standard input, by a line; see \
     BATCHES."

let man =
  [
    `S Manpage.s_description
  ; `P
      "Says on which NUMA nodes of a host a VM would live, how much memory \
       each node would give, and which CPUs are near; or that the VM does not \
       fit, and by how much. Nothing is changed anywhere. The host is a file, \
       or the Xen at hand."
  ; `P
      "A $(i,SIZE) is an integer and a unit, B, KiB, MiB, GiB or TiB; no unit \
       means B."
  ; `S "REASONS"
  ; `P
      "With $(b,--explain) each kind of set that did not do has its line, with \
       what the nearest such set, in brackets, is short of. Where that is the \
       same for a wider kind, only the wider one is told, and of many the first \
       and the last ones. The next best set is what would be taken if not for \
       the plan's own nodes. A large hole is a node of which the whole, half, a \
       quarter or an eighth of the largest node's memory is free, each counted; \
       the strategy balance ends as few as it can."
  ; `P
      "With $(b,--json) all kinds are told, and the object has one more key, \
       reasons, with the same as data: rejected, compared, steps, strategy, \
       weighed and runner_up."
  ; `S "BATCHES"
  ; `P "Each line of the batch is a JSON object, answered by one line:"
  ; `Pre
      "  {\"host\": <snapshot or path>, \"requests\": [<request>, ...],\n\
      \   \"independent\": false, \"together\": false,\n\
      \   \"reserve_bytes\": 0, \"node_reserve_bytes\": 0}"
  ; `P
      "The answer is {\"answers\": [<plan>, ...]}, in the order of the \
       requests. Each request sees what earlier ones took, unless they are \
       independent. A line that cannot be read is answered by {\"error\": \
       {\"line\": ..., \"field\": ..., \"message\": ...}}, and the exit status \
       is then 2, after all lines. Blank lines are passed over, but counted. A \
       request is an object with memory_bytes and vcpus, and, if wanted, name, \
       overhead_bytes, cores, policy, strategy, allowed_cpus and \
       allowed_nodes."
  ; `P
      "With \"together\": true the requests are placed in the order that serves \
       them best, as far as one is found: fewest left out, then least memory \
       left out, then the smallest average distance, weighted by memory, then \
       fewest on several nodes; never worse than in their own order. It does \
       not go with independent. Beside the answers there are then the order in \
       which to place them, by position from 0, those left out last, and what \
       was gained:"
  ; `Pre
      "  {\"answers\": [<plan>, ...], \"order\": [1, 0],\n\
      \   \"together\": {\"left_out\": 0, \"left_out_bytes\": 0,\n\
      \    \"average_distance\": 10.000000, \"on_several_nodes\": 0,\n\
      \    \"one_by_one\": {\"left_out\": 1, ...}, \"orders_tried\": 3,\n\
      \    \"optimal\": true, \"complete\": true}}"
  ; `S Manpage.s_examples
  ; `P "A VM of 64 GiB and 8 vCPUs, on a saved host:"
  ; `Pre "  $(mname) $(tname) --host host.json --memory 64GiB --vcpus 8"
  ; `P "The same, on the Xen host at hand, with reasons:"
  ; `Pre
      "  $(mname) $(tname) --memory 64GiB --vcpus 8 --explain"
  ; `P "On a single node or not at all, for a script:"
  ; `Pre
      "  $(mname) $(tname) --host host.json --memory 64GiB --vcpus 8 --policy \
       strict --json"
  ]

let command ~live =
  let doc = "say on which NUMA nodes a VM would live" in
  Cmd.v
    (Cmd.info "plan" ~doc ~man ~exits:Status.exits)
    Term.(ret (const (run live) $ Convert.verbose $ single $ json $ batch))
