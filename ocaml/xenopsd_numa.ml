module Size = Size

type invalid = Raw.invalid_value = {
    field: string
  ; found: string
  ; expected: string
}

let pp_invalid ppf {field; found; expected} =
  Format.fprintf ppf "%s: found %s, expected %s" field found expected

type error = Invalid of invalid | Internal of string

let pp_internal ppf message =
  Format.fprintf ppf "internal error: %s; please report it" message

let pp_error ppf = function
  | Invalid invalid ->
      pp_invalid ppf invalid
  | Internal message ->
      pp_internal ppf message

(* Planning has nothing else that can fail. *)
let error_of_raw : Raw.failure_value -> error = function
  | Raw.Invalid invalid ->
      Invalid invalid
  | Raw.Internal message ->
      Internal message
  | Raw.Host_full _
  | Raw.Refused _
  | Raw.Call _
  | Raw.Must_destroy _
  | Raw.Cancelled _
  | Raw.Too_late _
  | Raw.Busy _ ->
      Internal "a failure of the protocol in planning"

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

  let invalid field found expected = Error (Invalid {field; found; expected})

  let least field least n =
    if n < least then
      invalid field (string_of_int n) (Printf.sprintf "at least %d" least)
    else
      Ok ()

  let ids field = function
    | None ->
        Ok ()
    | Some [] ->
        invalid field "an empty list" "at least one, or no such field"
    | Some ids -> (
      match List.find_opt (fun id -> id < 0) ids with
      | Some id ->
          invalid field (string_of_int id) "at least 0"
      | None ->
          Ok ()
    )

  let v ?(name = "") ?(overhead = Size.zero) ?cores ?policy ?strategy
      ?allowed_cpus ?allowed_nodes ~memory ~vcpus () =
    let ( let* ) = Result.bind in
    let* () = least "memory_bytes" 1 (memory : Size.t :> int) in
    let* () = least "vcpus" 1 vcpus in
    let* () = least "cores" 0 (Option.value cores ~default:0) in
    let* () = ids "allowed_cpus" allowed_cpus in
    let* () = ids "allowed_nodes" allowed_nodes in
    Ok
      {
        name
      ; value=
          {
            memory_bytes= (memory :> int)
          ; overhead_bytes= (overhead :> int)
          ; vcpus
          ; cores
          ; policy
          ; strategy
          ; allowed_cpus= Option.map Array.of_list allowed_cpus
          ; allowed_nodes= Option.map Array.of_list allowed_nodes
          }
      }

  let name t = t.name

  let memory t = Size.clamp t.value.memory_bytes

  let overhead t = Size.clamp t.value.overhead_bytes

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

  let strategies = Config.strategies
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
  let bytes size = Option.fold ~none:0 ~some:Host.to_bytes size in
  {
    reserve_bytes= bytes reserve
  ; node_reserve_bytes= bytes node_reserve
  ; budget_steps=
      Option.value budget_steps ~default:Config.default.plan_budget_steps
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
  |> Result.map (fun (value : Raw.explained_value) ->
         let answer = answer_of_raw value.answer in
         (answer, Explanation.of_raw answer value)
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
  type t =
    | Invalid of invalid
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
    | Must_destroy of {domid: int; why: string}
    | Cancelled of {domid: int}
    | Too_late of {domid: int; asked: Size.t; outstanding: Size.t}
    | Busy of {domid: int; builds: int list; waiters: int list; why: string}
    | Internal of string

  let of_raw : Raw.failure_value -> t = function
    | Raw.Invalid invalid ->
        Invalid invalid
    | Raw.Host_full value ->
        Host_full
          {
            domid= value.full_domid
          ; needed= Size.clamp value.needed_bytes
          ; available= Size.clamp value.available_bytes
          ; waited_seconds= value.full_waited_seconds
          }
    | Raw.Refused (domid, refusal) ->
        Refused {domid; refusal= Refusal.of_raw refusal}
    | Raw.Call {call; errno; call_domid; doing} ->
        Call {call; errno; domid= call_domid; doing}
    | Raw.Must_destroy (domid, why) ->
        Must_destroy {domid; why}
    | Raw.Cancelled domid ->
        Cancelled {domid}
    | Raw.Too_late (domid, asked, outstanding) ->
        Too_late
          {
            domid
          ; asked= Size.clamp asked
          ; outstanding= Size.clamp outstanding
          }
    | Raw.Busy {busy_domid; busy_builds; busy_waiters; why} ->
        Busy
          {
            domid= busy_domid
          ; builds= Array.to_list busy_builds
          ; waiters= Array.to_list busy_waiters
          ; why
          }
    | Raw.Internal message ->
        Internal message

  let of_error : error -> t = function
    | Invalid invalid ->
        Invalid invalid
    | Internal message ->
        Internal message

  let pp ppf = function
    | Invalid invalid ->
        pp_invalid ppf invalid
    | Host_full {domid; needed; available; waited_seconds} ->
        Format.fprintf ppf
          "domain %d: the host is full: %a needed, %a free and unclaimed after \
           the reserve, waited %.1f s; shut something down or ask for less"
          domid Size.pp needed Size.pp available waited_seconds
    | Refused {domid; refusal} ->
        Format.fprintf ppf
          "domain %d: %a; make room on a node, or relax the policy" domid
          Refusal.pp refusal
    | Call {call; errno; domid; doing} ->
        Option.iter (Format.fprintf ppf "domain %d: ") domid ;
        Format.fprintf ppf "%s: %s: %s" doing call errno
    | Must_destroy {domid; why} ->
        Format.fprintf ppf "domain %d: %s; destroy it" domid why
    | Cancelled {domid} ->
        Format.fprintf ppf
          "domain %d: it was abandoned while it was being placed; nothing is \
           claimed for it"
          domid
    | Too_late {domid; asked; outstanding} ->
        Format.fprintf ppf
          "domain %d: a claim of %a left %a outstanding, because it had taken \
           pages before; place it right after its maximum memory is set"
          domid Size.pp asked Size.pp outstanding
    | Busy {domid; builds; waiters; why} ->
        let pp_waited_for ppf () =
          match (builds, waiters) with
          | [], [] ->
              Format.pp_print_string ppf "what other processes build or claim"
          | builds, [] ->
              Format.fprintf ppf "the builds of domains %a" Words.pp_set builds
          | [], waiters ->
              Format.fprintf ppf "the waiting domains %a" Words.pp_set waiters
          | builds, waiters ->
              Format.fprintf ppf "the builds of domains %a and the waiting %a"
                Words.pp_set builds Words.pp_set waiters
        in
        Format.fprintf ppf "domain %d: waited in vain for %a: %s" domid
          pp_waited_for () why
    | Internal message ->
        pp_internal ppf message
end

let protocol result = Result.map_error Failure.of_raw result

module Claims = struct
  type t = {handle: Raw.claims_handle; config: Config.t Atomic.t}

  type placed = {placed: Raw.placed_handle; outcome: outcome}

  and outcome = {
      rung: rung
    ; plan: Plan.t option
    ; claimed_pages: int
    ; replans: int
    ; waited_seconds: float
    ; queued_seconds: float
  }

  and rung = Raw.rung_value =
    | Node_claim of int
    | Claim_set
    | Host_claim
    | Anywhere
    | Unplaced of string
    | Claimed_by_builder
    | Unclaimed

  type pinned = Raw.pinned_handle

  type report = Raw.report_value = {
      unused_pages: int
    ; pages_by_node: int array option
    ; elsewhere_pages: int option
  }

  type builder = Pv_builder | Hvm_builder

  let open_ ?(config = Config.default) hypervisor =
    Raw.xenopsd_numa_claims_open hypervisor (Config.to_raw config)
    |> Result.map (fun handle -> {handle; config= Atomic.make config})
    |> protocol

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

  let starts_unplaced ?(claims = Config.Always) ~policy (refusal : Refusal.t) =
    let always =
      match claims with Config.Always -> true | Config.Never -> false
    in
    Raw.xenopsd_numa_starts_unplaced refusal.reason policy always

  let outcome_of_raw (value : Raw.outcome_value) =
    {
      rung= value.rung
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
      (let* placed = Raw.xenopsd_numa_place t.handle placement in
       let* outcome = Raw.xenopsd_numa_outcome placed in
       Ok {placed; outcome= outcome_of_raw outcome}
      )

  let outcome t = t.outcome

  let pin t {placed; outcome= _} =
    protocol (Raw.xenopsd_numa_pin t.handle placed)

  let built t pinned =
    protocol (Raw.xenopsd_numa_built t.handle pinned)

  let abandoned t ~domid = protocol (Raw.xenopsd_numa_abandoned t.handle domid)

  let configure t config =
    Raw.xenopsd_numa_configure t.handle (Config.to_raw config)
    |> Result.map (fun () -> Atomic.set t.config config)
    |> protocol

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

  let status (t : t) =
    Raw.xenopsd_numa_status t.handle
    |> Result.map (fun (value : Raw.status_value) ->
           let like = Atomic.get t.config in
           let claims = claims_of_bool value.in_force in
           {
             config= Result.value (Config.v ~like ~claims ()) ~default:like
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

  let probe (t : t) =
    Raw.xenopsd_numa_probe t.handle
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
    Raw.xenopsd_numa_domain_claims t.handle
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
    Raw.xenopsd_numa_audit t.handle
    |> Result.map (fun audits -> List.map audit (Array.to_list audits))
    |> protocol

  let host ?name t =
    Result.bind
      (protocol (Raw.xenopsd_numa_claims_host t.handle))
      (fun value ->
        Result.map_error Failure.of_error
          (Host.of_raw ?name ~source:"the hypervisor" value)
      )
end

module Build = struct
  let info =
    [
      ("xenopsd-numa", Raw.xenopsd_numa_version ())
    ; ("hypervisors", "a table of C functions")
    ]
end

module Config = Config
