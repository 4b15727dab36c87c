module Size = Size

type invalid = Raw.Invalid.t = {field: string; found: string; expected: string}

let pp_invalid ppf {field; found; expected} =
  Format.fprintf ppf "%s: found %s, expected %s" field found expected

type named = Raw.Named.t = {name: string; about: string}

type error = Raw.Error.t = Invalid of invalid | Internal of string

let pp_error ppf = function
  | Invalid invalid ->
      pp_invalid ppf invalid
  | Internal message ->
      Format.pp_print_string ppf message

module Host = struct
  type cpu = {node: int option; core: int option; socket: int option}

  type node = {size: Size.t option; free: Size.t option; claimed: Size.t}

  type plain = Raw.Host.t

  type t = {
      handle: Raw.Host_handle.t
    ; plain: plain
    ; name: string
    ; source: string
  }

  let cpu ~node ~core ~socket =
    {node= Some node; core= Some core; socket= Some socket}

  let unknown_cpu ?node ?core ?socket () = {node; core; socket}

  let node ?(claimed = Size.zero) ~size ~free () =
    {size= Some size; free= Some free; claimed}

  let offline_node = {size= None; free= None; claimed= Size.zero}

  let to_bytes size = (size : Size.t :> int)

  let sum bytes =
    let add total bytes =
      let total = total + bytes in
      if total < 0 then Size.max_bytes else total
    in
    Array.fold_left add 0 bytes

  let of_raw ?(name = "") ?(source = "") plain =
    Result.map
      (fun handle -> {handle; plain; name; source})
      (Raw.host plain)

  let v ?name ?source ?host_free ?host_outstanding ~distances ~cpus ~nodes () =
    let size_bytes = Array.map (fun n -> Option.map to_bytes n.size) nodes in
    let free_bytes = Array.map (fun n -> Option.map to_bytes n.free) nodes in
    let claimed_bytes = Array.map (fun n -> to_bytes n.claimed) nodes in
    let known bytes = Option.value bytes ~default:0 in
    of_raw ?name ?source
      {
        distances= Array.map Array.copy distances
      ; cpu_to_node= Array.map (fun cpu -> cpu.node) cpus
      ; cpu_to_core= Array.map (fun cpu -> cpu.core) cpus
      ; cpu_to_socket= Array.map (fun cpu -> cpu.socket) cpus
      ; size_bytes
      ; free_bytes
      ; claimed_bytes
      ; host_free_bytes=
          Option.fold ~some:to_bytes host_free
            ~none:(sum (Array.map known free_bytes))
      ; host_outstanding_bytes=
          Option.fold ~some:to_bytes host_outstanding ~none:(sum claimed_bytes)
      }

  let plain t = t.plain

  let name t = t.name

  let source t = t.source

  let distances t = Array.map Array.copy t.plain.distances

  let cpus {plain; _} =
    let cpu i node =
      {node; core= plain.cpu_to_core.(i); socket= plain.cpu_to_socket.(i)}
    in
    Array.mapi cpu plain.cpu_to_node

  let nodes {plain; _} =
    let node i bytes =
      {
        size= Option.map Size.clamp bytes
      ; free= Option.map Size.clamp plain.free_bytes.(i)
      ; claimed= Size.clamp plain.claimed_bytes.(i)
      }
    in
    Array.mapi node plain.size_bytes

  let host_free t = Size.clamp t.plain.host_free_bytes

  let host_outstanding t = Size.clamp t.plain.host_outstanding_bytes

  module Left_out = Raw.Left_out

  let left_out t = Raw.host_left_out t.handle
end

module Request = struct
  include Raw.Request

  type t = {name: string; value: description}

  let v ?(name = "") ?overhead ?cores ?policy ?strategy ?allowed_cpus
      ?allowed_nodes ~memory ~vcpus () =
    let value : description =
      {
        memory
      ; overhead
      ; vcpus
      ; cores
      ; policy
      ; strategy
      ; allowed_cpus
      ; allowed_nodes
      }
    in
    Result.map (fun () -> {name; value}) (Raw.check_request value)

  let name t = t.name

  let memory t = t.value.memory

  let overhead t = Option.value t.value.overhead ~default:Size.zero

  let vcpus t = t.value.vcpus

  let cores t = t.value.cores

  let policy t = t.value.policy

  let strategy t = t.value.strategy

  let policies =
    [
      ("any", Any)
    ; ("best_effort", Best_effort)
    ; ("best_effort_hard", Best_effort_hard)
    ; ("prio_mem_only", Prio_mem_only)
    ; ("strict", Strict)
    ]

  let strategies = [("balance", Balance); ("pack", Pack); ("spread", Spread)]
end

module Plan = struct
  include Raw.Plan

  let nodes t = t.nodes

  let pages_per_node t = List.combine t.nodes t.pages

  let cpus t = t.cpus

  let max_distance t = t.max_distance

  let average_distance t = t.average_distance

  let optimal t = t.optimal

  let gap t = t.gap

  let pp ppf t =
    let numbers = List.map string_of_int (nodes t) in
    Format.fprintf ppf "nodes {%s}" (String.concat "," numbers) ;
    ( match (max_distance t, average_distance t) with
    | Some maximum, Some average ->
        Format.fprintf ppf ", distance at most %d, %.2f on average" maximum
          average
    | Some _, None | None, Some _ | None, None ->
        ()
    ) ;
    if cpus t <> "" then Format.fprintf ppf ", CPUs %s" (cpus t) ;
    let pp_share ppf (node, pages) =
      Format.fprintf ppf "%a on %d" Size.pp (Size.pages pages) node
    in
    let pp_sep ppf () = Format.pp_print_string ppf ", " in
    Format.fprintf ppf ": %a"
      (Format.pp_print_list ~pp_sep pp_share)
      (pages_per_node t) ;
    if not (optimal t) then Format.pp_print_string ppf " (not proven nearest)"
end

module Refusal = struct
  include Raw.Refusal

  let reasons = Raw.reasons ()

  let of_the_host t = t.reason.name = "host_memory"

  let pp ppf t = Format.pp_print_string ppf (Raw.refusal_text t)
end

type answer = (Plan.t, Refusal.t) result

module Explanation = struct
  include Raw.Explanation

  let behinds = Raw.behinds ()

  let words t = Raw.explanation_words t.words

  let alone_lines t = List.combine t.alone (words t).alone

  let wider_lines t =
    let rejected = Array.of_list t.rejected in
    List.map (fun (at, line) -> (rejected.(at), line)) (words t).wider

  let choice_lines t = (words t).choice

  let lines t = (words t).lines

  let log_line t = (words t).log_line
end

let limits reserve node_reserve budget_steps : Raw.Limits.t =
  {reserve; node_reserve; budget_steps}

let plan ?reserve ?node_reserve ?budget_steps (host : Host.t)
    (request : Request.t) =
  let limits = limits reserve node_reserve budget_steps in
  Raw.plan host.handle limits request.value

let explain ?reserve ?node_reserve ?budget_steps (host : Host.t)
    (request : Request.t) =
  let limits = limits reserve node_reserve budget_steps in
  Raw.explain host.handle limits request.value
  |> Result.map (fun (why : Explanation.t) -> (why.answer, why))

(* Safe on long lists. *)
let values requests =
  List.rev (List.rev_map (fun (request : Request.t) -> request.value) requests)

let plan_all ?reserve ?node_reserve ?budget_steps ?(independent = false)
    (host : Host.t) requests =
  let limits = limits reserve node_reserve budget_steps in
  Raw.plan_all host.handle limits independent (values requests)

module Batch = Raw.Batch

let plan_batch ?reserve ?node_reserve ?budget_steps ?budget_plans
    (host : Host.t) requests =
  let limits = limits reserve node_reserve budget_steps in
  Raw.plan_batch host.handle limits budget_plans (values requests)

module Hypervisor = struct
  type t = Raw.Hypervisor_handle.t

  let of_table address =
    Raw.of_table (Nativeint.to_int address)
    |> Result.map_error (Format.asprintf "%a" pp_error)
end

module Failure = struct
  include Raw.Failure

  let v ~message cause = {message; cause}

  let of_error error =
    let cause =
      match error with
      | Raw.Error.Invalid invalid ->
          Invalid invalid
      | Raw.Error.Internal _ ->
          Internal
    in
    v ~message:(Format.asprintf "%a" pp_error error) cause

  let pp ppf {message; cause= _} = Format.pp_print_string ppf message
end

module Claims = struct
  include Raw.Claims

  let kinds = Raw.claim_kinds ()

  let open_ ?(config = Config.default) hypervisor =
    Raw.claims_open hypervisor config

  let overhead ~vcpus ~memory = Raw.overhead vcpus memory

  let least_reserve ~vcpus = Raw.least_reserve vcpus

  let planned_overhead ?reserve ?node_reserve ?budget_steps (host : Host.t)
      (request : Request.t) =
    let limits = limits reserve node_reserve budget_steps in
    Raw.planned_overhead host.handle limits request.value

  let enforces ~claims ~(policy : Request.policy) =
    match (claims, policy) with
    | Config.Never, Request.Any ->
        false
    | Config.Always, _ ->
        true
    | ( Config.Never
      , Request.(Best_effort | Best_effort_hard | Prio_mem_only | Strict) ) ->
        true

  let starts_unplaced ?(claims = Config.Always) ~policy refusal =
    Raw.starts_unplaced refusal policy claims

  let place ?(builder = Hvm_builder) ?(hard_pinned = false) t ~domid
      (request : Request.t) =
    Raw.place t {domid; request= request.value; builder; hard_pinned}

  let outcome = Raw.outcome

  let pin = Raw.pin

  let finish = Raw.finish

  let abandon t ~domid = Raw.abandon t domid

  let configure = Raw.configure

  let status = Raw.status

  let probe = Raw.probe

  let claims = Raw.domain_claims

  let audit = Raw.audit

  let host ?name t =
    Result.bind (Raw.claims_host t) (fun value ->
        Result.map_error Failure.of_error
          (Host.of_raw ?name ~source:"the hypervisor" value)
    )
end

module Build = struct
  let info =
    [
      ("xenopsd-numa", Raw.version ())
    ; ("hypervisors", "a table of C functions")
    ]
end

module Config = Config
