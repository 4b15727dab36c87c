module Size = Size

type invalid = Raw.invalid_value = {
    field: string
  ; found: string
  ; expected: string
}

let pp_invalid ppf {field; found; expected} =
  Format.fprintf ppf "%s: found %s, expected %s" field found expected

type named = Raw.named_value = {name: string; about: string}

type error = Invalid of invalid | Internal of string

let pp_error ppf = function
  | Invalid invalid ->
      pp_invalid ppf invalid
  | Internal message ->
      Format.pp_print_string ppf message

(* Planning has nothing else that can fail. *)
let error_of_raw : Raw.failure_value -> error = function
  | {cause= Raw.Invalid invalid; message= _} ->
      Invalid invalid
  | {message; cause= _} ->
      Internal message

module Host = struct
  type cpu = {node: int option; core: int option; socket: int option}

  type node = {size: Size.t option; free: Size.t option; claimed: Size.t}

  type t = {
      handle: Raw.host_handle
    ; name: string
    ; source: string
    ; distances: int option array array
    ; cpus: cpu array
    ; nodes: node array
    ; host_free: Size.t
    ; host_outstanding: Size.t
  }

  let cpu ~node ~core ~socket =
    {node= Some node; core= Some core; socket= Some socket}

  let unknown_cpu ?node ?core ?socket () = {node; core; socket}

  let node ?(claimed = Size.zero) ~size ~free () =
    {size= Some size; free= Some free; claimed}

  let offline_node = {size= None; free= None; claimed= Size.zero}

  let to_bytes size = (size : Size.t :> int)

  let sum f nodes =
    let add total node =
      let total = total + f node in
      if total < 0 then Size.max_bytes else total
    in
    Size.clamp (Array.fold_left add 0 nodes)

  let v ?(name = "") ?(source = "") ?host_free ?host_outstanding ~distances
      ~cpus ~nodes () =
    let free node = Option.fold ~none:0 ~some:to_bytes node.free in
    let host_free = Option.value host_free ~default:(sum free nodes) in
    let host_outstanding =
      Option.value host_outstanding
        ~default:(sum (fun node -> to_bytes node.claimed) nodes)
    in
    let value : Raw.host_value =
      {
        distances
      ; cpu_to_node= Array.map (fun cpu -> cpu.node) cpus
      ; cpu_to_core= Array.map (fun cpu -> cpu.core) cpus
      ; cpu_to_socket= Array.map (fun cpu -> cpu.socket) cpus
      ; size_bytes= Array.map (fun n -> Option.map to_bytes n.size) nodes
      ; free_bytes= Array.map (fun n -> Option.map to_bytes n.free) nodes
      ; claimed_bytes= Array.map (fun n -> to_bytes n.claimed) nodes
      ; host_free_bytes= to_bytes host_free
      ; host_outstanding_bytes= to_bytes host_outstanding
      }
    in
    Raw.xenopsd_numa_host value
    |> Result.map (fun handle ->
           {
             handle
           ; name
           ; source
           ; distances= Array.map Array.copy distances
           ; cpus= Array.copy cpus
           ; nodes= Array.copy nodes
           ; host_free
           ; host_outstanding
           }
       )
    |> Result.map_error error_of_raw

  let of_raw ?name ~source (value : Raw.host_value) =
    let size bytes = Size.clamp bytes in
    let cpu i node =
      {node; core= value.cpu_to_core.(i); socket= value.cpu_to_socket.(i)}
    in
    let node i bytes =
      {
        size= Option.map size bytes
      ; free= Option.map size value.free_bytes.(i)
      ; claimed= size value.claimed_bytes.(i)
      }
    in
    v ?name ~source
      ~host_free:(size value.host_free_bytes)
      ~host_outstanding:(size value.host_outstanding_bytes)
      ~distances:value.distances
      ~cpus:(Array.mapi cpu value.cpu_to_node)
      ~nodes:(Array.mapi node value.size_bytes)
      ()

  let name t = t.name

  let source t = t.source

  let distances t = Array.map Array.copy t.distances

  let cpus t = Array.copy t.cpus

  let nodes t = Array.copy t.nodes

  let host_free t = t.host_free

  let host_outstanding t = t.host_outstanding

  module Left_out = struct
    type t = Raw.left_out_value = {node: int; why: string; sentence: string}
  end

  let left_out t = Array.to_list (Raw.xenopsd_numa_host_left_out t.handle)
end

module Request = struct
  type policy = Raw.policy_value =
    | Any
    | Best_effort
    | Best_effort_hard
    | Prio_mem_only
    | Strict

  type strategy = Raw.strategy_value = Pack | Spread | Balance

  type t = {name: string; value: Raw.request_value}

  let v ?(name = "") ?overhead ?cores ?policy ?strategy ?allowed_cpus
      ?allowed_nodes ~memory ~vcpus () =
    let value : Raw.request_value =
      {
        memory_bytes= (memory : Size.t :> int)
      ; overhead_bytes= (overhead : Size.t option :> int option)
      ; vcpus
      ; cores
      ; policy
      ; strategy
      ; allowed_cpus= Option.map Array.of_list allowed_cpus
      ; allowed_nodes= Option.map Array.of_list allowed_nodes
      }
    in
    Raw.xenopsd_numa_check_request value
    |> Result.map (fun () -> {name; value})
    |> Result.map_error error_of_raw

  let name t = t.name

  let memory t = Size.clamp t.value.memory_bytes

  let overhead t = Size.clamp (Option.value t.value.overhead_bytes ~default:0)

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

module Plan = Plan
module Refusal = Refusal

type answer = (Plan.t, Refusal.t) result

module Explanation = Explanation

let answer_of_raw : Raw.answer_value -> answer = function
  | Raw.Planned plan ->
      Ok plan
  | Raw.Not_planned refusal ->
      Error (Refusal.of_raw refusal)

let limits reserve node_reserve budget_steps : Raw.limits_value =
  {
    reserve_bytes= (reserve : Size.t option :> int option)
  ; node_reserve_bytes= (node_reserve : Size.t option :> int option)
  ; budget_steps
  }

let plan ?reserve ?node_reserve ?budget_steps (host : Host.t)
    (request : Request.t) =
  let limits = limits reserve node_reserve budget_steps in
  Raw.xenopsd_numa_plan host.handle limits request.value
  |> Result.map answer_of_raw
  |> Result.map_error error_of_raw

let explain ?reserve ?node_reserve ?budget_steps (host : Host.t)
    (request : Request.t) =
  let limits = limits reserve node_reserve budget_steps in
  Raw.xenopsd_numa_explain host.handle limits request.value
  |> Result.map (fun ((value : Raw.explained_value), words) ->
         let answer = answer_of_raw value.answer in
         (answer, Explanation.of_raw answer (value, words))
     )
  |> Result.map_error error_of_raw

(* Through arrays, since List.map needs stack for each request. *)
let values requests =
  Array.map
    (fun (request : Request.t) -> request.value)
    (Array.of_list requests)

let answers_of_raw answers = Array.to_list (Array.map answer_of_raw answers)

let batch_error {Raw.at; failure} = (at, error_of_raw failure)

let plan_all ?reserve ?node_reserve ?budget_steps ?(independent = false)
    (host : Host.t) requests =
  let limits = limits reserve node_reserve budget_steps in
  Raw.xenopsd_numa_plan_all host.handle limits independent (values requests)
  |> Result.map answers_of_raw
  |> Result.map_error batch_error

module Batch = struct
  type score = {
      left_out: int
    ; left_out_bytes: int
    ; average_distance: float option
    ; on_several_nodes: int
  }

  type t = {
      answers: answer list
    ; order: int list
    ; score: score
    ; one_by_one: score
    ; orders_tried: int
    ; optimal: bool
    ; complete: bool
  }

  let score_of_raw (value : Raw.score_value) =
    {
      left_out= value.left_out
    ; left_out_bytes= value.left_out_bytes
    ; average_distance= value.mean_distance
    ; on_several_nodes= value.on_several_nodes
    }

  let of_raw (value : Raw.batch_value) =
    {
      answers= answers_of_raw value.batch_answers
    ; order= Array.to_list value.order
    ; score= score_of_raw value.score
    ; one_by_one= score_of_raw value.one_by_one
    ; orders_tried= value.orders_tried
    ; optimal= value.best_of_orders
    ; complete= value.complete
    }
end

let plan_batch ?reserve ?node_reserve ?budget_steps ?budget_plans
    (host : Host.t) requests =
  let limits = limits reserve node_reserve budget_steps in
  Raw.xenopsd_numa_plan_batch host.handle limits budget_plans (values requests)
  |> Result.map Batch.of_raw
  |> Result.map_error batch_error

module Hypervisor = struct
  type t = Raw.hypervisor_handle

  let of_table address =
    Raw.xenopsd_numa_of_table (Nativeint.to_int address)
    |> Result.map_error (fun failure ->
           Format.asprintf "%a" pp_error (error_of_raw failure)
       )
end

module Failure = struct
  type cause =
    | Invalid of invalid
    | Conflict of {domid: int}
    | Host_full of {
          domid: int
        ; needed: Size.t
        ; available: Size.t
        ; waited_seconds: float
      }
    | Refused of {domid: int; refusal: Refusal.t}
    | Call of {
          call: string
        ; errno: string
        ; domid: int option
        ; doing: string
      }
    | Must_destroy of {domid: int}
    | Cancelled of {domid: int}
    | Too_late of {domid: int; asked: Size.t; outstanding: Size.t}
    | Busy of {domid: int; builds: int list; waiters: int list}
    | Internal

  type t = {message: string; cause: cause}

  let cause_of_raw : Raw.cause_value -> cause = function
    | Raw.Invalid invalid ->
        Invalid invalid
    | Raw.Conflict domid ->
        Conflict {domid}
    | Raw.Host_full (domid, needed, available, waited_seconds) ->
        let needed = Size.clamp needed and available = Size.clamp available in
        Host_full {domid; needed; available; waited_seconds}
    | Raw.Refused (domid, refusal) ->
        Refused {domid; refusal= Refusal.of_raw refusal}
    | Raw.Call (call, errno, domid, doing) ->
        Call {call; errno; domid; doing}
    | Raw.Must_destroy domid ->
        Must_destroy {domid}
    | Raw.Cancelled domid ->
        Cancelled {domid}
    | Raw.Too_late (domid, asked, outstanding) ->
        let asked = Size.clamp asked and outstanding = Size.clamp outstanding in
        Too_late {domid; asked; outstanding}
    | Raw.Busy (domid, builds, waiters) ->
        let builds = Array.to_list builds and waiters = Array.to_list waiters in
        Busy {domid; builds; waiters}
    | Raw.Internal ->
        Internal

  let of_raw ({message; cause} : Raw.failure_value) =
    {message; cause= cause_of_raw cause}

  let of_error (error : error) =
    let cause : cause =
      match error with
      | Invalid invalid ->
          Invalid invalid
      | Internal _ ->
          Internal
    in
    {message= Format.asprintf "%a" pp_error error; cause}

  let pp ppf {message; cause= _} = Format.pp_print_string ppf message
end

let protocol result = Result.map_error Failure.of_raw result

module Claims = struct
  type t = Raw.claims_handle

  type placed = {placed: Raw.placed_handle; outcome: outcome}

  and outcome = {
      kind: named
    ; node: int option
    ; unplaced_because: string option
    ; plan: Plan.t option
    ; claimed_pages: int
    ; replans: int
    ; waited_seconds: float
    ; queued_seconds: float
  }

  let kinds = Array.to_list (Raw.xenopsd_numa_claim_kinds ())

  type pinned = Raw.pinned_handle

  type report = Raw.report_value = {
      unused_pages: int
    ; pages_by_node: int array option
    ; elsewhere_pages: int option
  }

  type builder = Pv_builder | Hvm_builder

  let open_ ?(config = Config.default) hypervisor =
    protocol (Raw.xenopsd_numa_claims_open hypervisor config)

  let overhead ~vcpus ~memory =
    Size.clamp (Raw.xenopsd_numa_overhead vcpus (Host.to_bytes memory))

  let least_reserve ~vcpus = Size.clamp (Raw.xenopsd_numa_least_reserve vcpus)

  let planned_overhead ?reserve ?node_reserve ?budget_steps (host : Host.t)
      (request : Request.t) =
    let limits = limits reserve node_reserve budget_steps in
    Raw.xenopsd_numa_planned_overhead host.handle limits request.value
    |> Result.map Size.clamp
    |> Result.map_error error_of_raw

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
    let always =
      match claims with Config.Always -> true | Config.Never -> false
    in
    Raw.xenopsd_numa_starts_unplaced (Refusal.to_raw refusal) policy always

  let outcome_of_raw (value : Raw.outcome_value) =
    {
      kind= value.kind
    ; node= value.claimed_node
    ; unplaced_because= value.unplaced_because
    ; plan= value.plan
    ; claimed_pages= value.claimed_pages
    ; replans= value.replans
    ; waited_seconds= value.waited_seconds
    ; queued_seconds= value.queued_seconds
    }

  let place ?(builder = Hvm_builder) ?(hard_pinned = false) t ~domid
      (request : Request.t) =
    let hvm = match builder with Hvm_builder -> true | Pv_builder -> false in
    let placement : Raw.placement_value =
      {domid; request= request.value; hvm; hard_pinned}
    in
    let ( let* ) = Result.bind in
    protocol
      (let* placed = Raw.xenopsd_numa_place t placement in
       let* outcome = Raw.xenopsd_numa_outcome placed in
       Ok {placed; outcome= outcome_of_raw outcome}
      )

  let outcome t = t.outcome

  let pin t {placed; outcome= _} =
    protocol (Raw.xenopsd_numa_pin t placed)

  let built t pinned =
    protocol (Raw.xenopsd_numa_built t pinned)

  let abandoned t ~domid = protocol (Raw.xenopsd_numa_abandoned t domid)

  let configure t config =
    protocol (Raw.xenopsd_numa_configure t config)

  type status = {
      config: Config.t
    ; pending: Config.claims option
    ; builds: int list
    ; host_claims: bool option
    ; node_claims: bool option
    ; claim_sets: bool option
    ; late_accounting: bool
    ; degraded: string list
    ; panics: int
  }

  let claims_of_bool = function true -> Config.Always | false -> Config.Never

  let status t =
    Raw.xenopsd_numa_status t
    |> Result.map (fun (value : Raw.status_value) ->
           {
             config= value.in_force
           ; pending= Option.map claims_of_bool value.pending
           ; builds= Array.to_list value.builds
           ; host_claims= value.host_claims
           ; node_claims= value.node_claims
           ; claim_sets= value.claim_sets
           ; late_accounting= value.late_accounting
           ; degraded= Array.to_list value.degraded
           ; panics= value.panics
           }
       )
    |> protocol

  type probed = {
      on_host: bool option
    ; on_single_nodes: bool option
    ; on_several_nodes: bool option
  }

  let probe t =
    Raw.xenopsd_numa_probe t
    |> Result.map (fun (value : Raw.probed_value) ->
           {
             on_host= value.claims_on_host
           ; on_single_nodes= value.claims_on_node
           ; on_several_nodes= value.claims_on_several
           }
       )
    |> protocol

  type claim = {
      domid: int
    ; outstanding_pages: int
    ; nodes: int list
    ; being_built: bool
  }

  let claims t =
    let claim (value : Raw.domain_claim_value) =
      {
        domid= value.claim_domid
      ; outstanding_pages= value.outstanding_pages
      ; nodes= Array.to_list value.claim_nodes
      ; being_built= value.being_built
      }
    in
    Raw.xenopsd_numa_domain_claims t
    |> Result.map (fun claims -> List.map claim (Array.to_list claims))
    |> protocol

  type audit = {
      domid: int
    ; nodes: int list
    ; tot_pages: int
    ; outstanding_pages: int
    ; pages_by_node: int array option
    ; elsewhere_pages: int option
    ; being_built: bool
  }

  let audit t =
    let audit (value : Raw.domain_audit_value) =
      {
        domid= value.audit_domid
      ; nodes= Array.to_list value.audit_nodes
      ; tot_pages= value.tot_pages
      ; outstanding_pages= value.claimed_left_pages
      ; pages_by_node= value.on_nodes
      ; elsewhere_pages= value.away_pages
      ; being_built= value.in_build
      }
    in
    Raw.xenopsd_numa_audit t
    |> Result.map (fun audits -> List.map audit (Array.to_list audits))
    |> protocol

  let host ?name t =
    Result.bind
      (protocol (Raw.xenopsd_numa_claims_host t))
      (fun value ->
        Result.map_error Failure.of_error
          (Host.of_raw ?name ~source:"the hypervisor" value)
      )
end

module Model = struct
  type t = Raw.model_handle

  type flavour = Raw.flavour_value =
    | Xen_4_17
    | Upstream
    | Xen_4_22
    | Xs9
    | Xs9_2025
    | V4
    | V4_fixed
    | V5
    | V7
    | V8

  let flavours =
    [
      ("4.17", Xen_4_17)
    ; ("upstream", Upstream)
    ; ("4.22", Xen_4_22)
    ; ("xs9", Xs9)
    ; ("xs9-2025", Xs9_2025)
    ; ("v4", V4)
    ; ("v4-fixed", V4_fixed)
    ; ("v5", V5)
    ; ("v7", V7)
    ; ("v8", V8)
    ]

  let create ~flavour (host : Host.t) =
    protocol (Raw.xenopsd_numa_model flavour host.handle)

  let hypervisor = Raw.xenopsd_numa_model_hypervisor

  let create_domain t ~vcpus ~max =
    protocol (Raw.xenopsd_numa_model_create t vcpus (Host.to_bytes max))

  let set_pool t ~domid size =
    protocol (Raw.xenopsd_numa_model_set_pool t domid (Host.to_bytes size))

  let populate ?exact_node t ~domid size =
    let bytes = Host.to_bytes size in
    protocol (Raw.xenopsd_numa_model_populate t domid bytes exact_node)

  let destroy t ~domid = protocol (Raw.xenopsd_numa_model_destroy t domid)

  let advance t ~seconds = protocol (Raw.xenopsd_numa_model_advance t seconds)

  let free_pages t = protocol (Result.map fst (Raw.xenopsd_numa_model_counters t))

  let outstanding_pages t =
    protocol (Result.map snd (Raw.xenopsd_numa_model_counters t))

  let domain_pages t ~domid =
    Raw.xenopsd_numa_model_domain_pages t domid
    |> Result.map Array.to_list
    |> protocol
end

module Simulation = struct
  include Simulation

  let run ?seed ?flavour ?toolstack ?variant ?strategy ?schedule ?film which =
    protocol
      (run ?seed ?flavour ?toolstack ?variant ?strategy ?schedule ?film which)

  let minimal_trace played scenario = protocol (minimal_trace played scenario)
end

module Build = struct
  let info =
    [
      ("xenopsd-numa", Raw.xenopsd_numa_version ())
    ; ("hypervisors", "the model; a table of C functions")
    ]
end

module Config = Config
