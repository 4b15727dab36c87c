open Xenopsd_numa
open Xenopsd_numa_formats
open Cmdliner

let ( let* ) = Result.bind

let src = Logs.Src.create "xenopsd-numa.plan"

module Log = (val Logs.src_log src : Logs.LOG)

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

(** What is asked of a host, with what the switches say where no option does. *)
type question = {
    request: Request.t
  ; policy: Request.policy
  ; left: Plan_json.left_alone
}

let question (single : Plan_options.single) (config : Config.t) host memory
    vcpus =
  let policy = Option.value single.policy ~default:(Config.policy config) in
  let request overhead = single.request config ~overhead ~memory ~vcpus in
  let overhead = Claims.overhead ~vcpus ~memory in
  let* asked = request (Option.value single.overhead ~default:overhead) in
  let enforced = Claims.enforces ~claims:(Config.claims config) ~policy in
  let default size = if enforced then size else Size.zero in
  let least = Claims.least_reserve ~vcpus in
  let reserve = Config.reserve config in
  let reserve = if Size.compare reserve least < 0 then least else reserve in
  let reserve = Option.value single.reserve ~default:(default reserve) in
  let node_reserve =
    let configured = default (Config.node_reserve config) in
    Option.value single.node_reserve ~default:configured
  in
  let* overhead =
    match single.overhead with
    | Some overhead ->
        Ok overhead
    | None when not enforced ->
        Ok Size.zero
    | None ->
        Claims.planned_overhead ~reserve ~node_reserve
          ~budget_steps:(Config.plan_budget_steps config) host asked
  in
  let* asked = request overhead in
  let claimed = Host.host_outstanding host in
  let left = {Plan_json.overhead; reserve; node_reserve; claimed} in
  Ok {request= asked; policy; left}

let answer ~explained (config : Config.t) host question =
  let {Plan_json.reserve; node_reserve; _} = question.left in
  let budget_steps = Config.plan_budget_steps config in
  if explained then
    let* answer, explanation =
      explain ~reserve ~node_reserve ~budget_steps host question.request
    in
    Ok (answer, Some explanation)
  else
    let* answer =
      plan ~reserve ~node_reserve ~budget_steps host question.request
    in
    Ok (answer, None)

let warn_of_left_out (left_out : Host.Left_out.t) =
  Log.warn (fun m -> m "%s" left_out.sentence)

let print ~json host question ~starts answer explanation =
  let name = Request.name question.request in
  if json then
    let json =
      Plan_json.single ?explanation ~starts ~name question.left host answer
    in
    Output.print (Yojson.Safe.to_string ~std:true json ^ "\n")
  else (
    Output.print_lines
      (Plan_text.lines ~name ~starts ~host question.left answer explanation) ;
    List.iter warn_of_left_out (Host.left_out host)
  )

let run_on (single : Plan_options.single) (config : Config.t) ~json host memory
    vcpus =
  let result =
    Result.map_error of_option
      (let* question = question single config host memory vcpus in
       let* answer, explanation =
         answer ~explained:single.explain config host question
       in
       Ok (question, answer, explanation)
      )
  in
  match result with
  | Error error ->
      Status.of_error error
  | Ok (question, answer, explanation) -> (
      let policy = question.policy in
      let starts =
        match answer with
        | Ok _ ->
            true
        | Error refusal ->
            let claims = Config.claims config in
            Claims.starts_unplaced ~claims ~policy refusal
      in
      print ~json host question ~starts answer explanation ;
      match starts with true -> Status.Done | false -> Status.Refused
    )

let run_single single config ~json file memory vcpus =
  match Host_file.read file with
  | Error error ->
      Status.of_error error
  | Ok host ->
      Log.debug (fun m ->
          m "%s: %d nodes, %d CPUs" file
            (Array.length (Host.nodes host))
            (Array.length (Host.cpus host))
      ) ;
      run_on single config ~json host memory vcpus

let run_live live single config ~json memory vcpus =
  Live.run live (fun t ->
      Result.map
        (fun host -> run_on single config ~json host memory vcpus)
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

(* The switches are read first: the other program that the command may become
   reads them again, and from a pipe it could not. *)
let with_config live (single : Plan_options.single) f =
  let is_piped =
    Option.fold ~none:false ~some:(( = ) Source.standard_input)
  in
  match single.config with
  | Some _ when is_piped single.config && is_piped single.host ->
      `Error (true, "--host and --config cannot both be standard input")
  | None ->
      `Ok (f Config.default)
  | Some file -> (
      if single.host = None then Live.hand_over live ;
      match Config_file.read file with
      | Error status ->
          `Ok status
      | Ok read ->
          let (_ : bool) = Config_file.warn read in
          `Ok (f read.config)
    )

(* Without a file it is the live host, where there may be one. *)
let may_be_live live =
  match live with
  | Live.Linked _ ->
      true
  | Live.Elsewhere _ ->
      Live.is_dom0 ()

let run live () (single : Plan_options.single) json batch =
  match (batch, single.Plan_options.given, single) with
  | Some file, [], _ ->
      `Ok (run_batch file)
  | Some _, option :: _, _ ->
      `Error (true, Printf.sprintf "%s does not go with --batch" option)
  | None, _, {host= Some host; memory= Some memory; vcpus= Some vcpus; _} ->
      with_config live single (fun config ->
          run_single single config ~json host memory vcpus
      )
  | None, _, {host= None; _} when not (may_be_live live) ->
      `Error (true, "--host FILE is missing (or --batch FILE)")
  | None, _, {host= None; memory= Some memory; vcpus= Some vcpus; _} ->
      with_config live single (fun config ->
          run_live live single config ~json memory vcpus
      )
  | None, _, {memory= None; _} ->
      `Error (true, "--memory SIZE is missing")
  | None, _, {vcpus= None; _} ->
      `Error (true, "--vcpus N is missing")

let man =
  [
    `S Manpage.s_description
  ; `P
      "Says on which NUMA nodes of a host a VM would live, how much memory \
       each node would give, and which CPUs are near; that it would start \
       without a place, and why; or that it does not fit, and by how much. \
       Nothing is changed anywhere. The host is a file, or the Xen at hand."
  ; `P
      "It says what a placement would do: what a toolstack leaves alone is \
       left alone, by the switches of $(b,--config) or their defaults, and \
       shown. $(b,--reserve 0 --overhead 0) is the question alone."
  ; `P
      "A $(i,SIZE) is an integer and a unit, B, KiB, MiB, GiB or TiB; no unit \
       means B."
  ; `S "REASONS"
  ; `P
      "With $(b,--explain) each other node has its line: what it is short of \
       by itself, or that it would do. Then each kind of set that did not do, \
       with what the nearest such set, in brackets, is short of. Where that is \
       the same for a wider kind, only the wider one is given, and of many the \
       first and the last ones. The next best set is what would be taken if \
       not for the plan's own nodes. A large hole is a node of which the \
       whole, half, a quarter or an eighth of the largest node's memory is \
       free, each counted; the strategy balance ends as few as it can."
  ; `P
      "With $(b,--json) all kinds are given, and the object has one more key, \
       reasons, with the same as data: rejected, alone, compared, steps, \
       strategy, weighed and runner_up."
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
      "With \"together\": true the requests are placed in the order that \
       serves them best, as far as one is found: fewest left out, then least \
       memory left out, then the smallest average distance, weighted by \
       memory, then fewest on several nodes; never worse than in their own \
       order. It does not go with independent. Beside the answers there are \
       then the order in which to place them, by position from 0, those left \
       out last, and what was gained:"
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
  ; `P "What a placement would do on this host, with its own switches:"
  ; `Pre
      "  $(mname) $(tname) --memory 64GiB --vcpus 8 --config /etc/xenopsd.conf"
  ; `P "On a single node or not at all, for a script:"
  ; `Pre
      "  $(mname) $(tname) --host host.json --memory 64GiB --vcpus 8 --policy \
       strict --json"
  ]

let command ~live =
  let doc = "say on which NUMA nodes a VM would live" in
  Cmd.v
    (Cmd.info "plan" ~doc ~man ~exits:Status.exits)
    Term.(
      ret
        (const (run live)
        $ Convert.verbose
        $ Plan_options.single
        $ Plan_options.json
        $ Plan_options.batch
        )
    )
