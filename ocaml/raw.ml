(* Made from rust/ by xenopsd-numa-sig: not to be edited. *)

module Named = struct
  type t = {
    name : string
  ; about : string
  }
end

module Invalid = struct
  type t = {
    field : string
  ; found : string
  ; expected : string
  }
end

module Refusal = struct
  type t = {
    reason : Named.t
  ; short_by_bytes : int
  ; short_by_cpus : int
  ; short_by_cores : int
  ; nearest : int list
  }
end

module Error = struct
  type t = Invalid of Invalid.t
    | Internal of string
end

module Failure = struct
  type host_full = {
    domid : int
  ; needed : Size.t
  ; available : Size.t
  ; waited_seconds : float
  }

  type refused = {
    domid : int
  ; refusal : Refusal.t
  }

  type call = {
    call : string
  ; errno : string
  ; domid : int option
  ; doing : string
  }

  type too_late = {
    domid : int
  ; asked : Size.t
  ; outstanding : Size.t
  }

  type busy = {
    domid : int
  ; builds : int list
  ; waiters : int list
  }

  type cause = Invalid of Invalid.t
    | Conflict of int
    | Host_full of host_full
    | Refused of refused
    | Call of call
    | Must_destroy of int
    | Cancelled of int
    | Too_late of too_late
    | Busy of busy
    | Internal

  type t = {
    message : string
  ; cause : cause
  }
end

module Request = struct
  type strategy = Pack
    | Spread
    | Balance

  type policy = Any
    | Best_effort
    | Best_effort_hard
    | Prio_mem_only
    | Strict

  type description = {
    memory : Size.t
  ; overhead : Size.t option
  ; vcpus : int
  ; cores : int option
  ; policy : policy option
  ; strategy : strategy option
  ; allowed_cpus : int list option
  ; allowed_nodes : int list option
  }
end

module Host = struct
  type t = {
    distances : int option array array
  ; cpu_to_node : int option array
  ; cpu_to_core : int option array
  ; cpu_to_socket : int option array
  ; size_bytes : int option array
  ; free_bytes : int option array
  ; claimed_bytes : int array
  ; host_free_bytes : int
  ; host_outstanding_bytes : int
  }
end

module Host_handle = struct
  type t
end

module Hypervisor_handle = struct
  type t
end

module Left_out = struct
  type t = {
    node : int
  ; why : string
  ; sentence : string
  }
end

module Limits = struct
  type t = {
    reserve : Size.t option
  ; node_reserve : Size.t option
  ; budget_steps : int option
  }
end

module Plan = struct
  type t = {
    nodes : int list
  ; pages : int list
  ; cpus : string
  ; max_distance : int option
  ; average_distance : float option
  ; optimal : bool
  ; gap : float option
  }
end

module Explanation = struct
  type words

  type rejected = {
    max_distance : int
  ; size : int option
  ; bound : Refusal.t
  }

  type weighed = {
    room_bytes : int
  ; emptiest_bytes : int
  ; used_share : float
  ; ended_holes : int option
  }

  type runner_up = {
    plan : Plan.t
  ; behind : Named.t
  ; weighed : weighed
  }

  type alone = {
    node : int
  ; verdict : (Named.t, Refusal.t) result
  }

  type t = {
    answer : (Plan.t, Refusal.t) result
  ; rejected : rejected list
  ; alone : alone list
  ; compared : int
  ; steps : int
  ; strategy : Request.strategy
  ; weighed : weighed option
  ; runner_up : runner_up option
  ; words : words
  }
end

module Batch = struct
  type score = {
    left_out : int
  ; left_out_bytes : int
  ; average_distance : float option
  ; on_several_nodes : int
  }

  type t = {
    answers : (Plan.t, Refusal.t) result list
  ; order : int list
  ; score : score
  ; one_by_one : score
  ; orders_tried : int
  ; optimal : bool
  ; complete : bool
  }
end

module Words = struct
  type t = {
    alone : string list
  ; wider : (int * string) list
  ; choice : string list
  ; lines : string list
  ; log_line : string
  }
end

module Config = struct
  type claims = Always
    | Never

  type t = {
    settings : (string * string) list
  ; claims : claims
  ; policy : Request.policy
  ; strategy : Request.strategy
  ; reserve : Size.t
  ; node_reserve : Size.t
  ; plan_budget_steps : int
  }
end

module Claims = struct
  type t

  type placed

  type pinned

  type builder = Pv_builder
    | Hvm_builder

  type placement = {
    domid : int
  ; request : Request.description
  ; builder : builder
  ; hard_pinned : bool
  }

  type outcome = {
    kind : Named.t
  ; node : int option
  ; unplaced_because : string option
  ; plan : Plan.t option
  ; claimed_pages : int
  ; replans : int
  ; waited_seconds : float
  ; queued_seconds : float
  }

  type report = {
    unused_pages : int
  ; pages_by_node : int array option
  ; elsewhere_pages : int option
  }

  type status = {
    config : Config.t
  ; pending : Config.claims option
  ; builds : int list
  ; host_claims : bool option
  ; node_claims : bool option
  ; claim_sets : bool option
  ; late_accounting : bool
  ; degraded : string list
  ; panics : int
  }

  type probed = {
    on_host : bool option
  ; on_single_nodes : bool option
  ; on_several_nodes : bool option
  }

  type claim = {
    domid : int
  ; outstanding_pages : int
  ; nodes : int list
  ; being_built : bool
  }

  type audit = {
    domid : int
  ; nodes : int list
  ; tot_pages : int
  ; outstanding_pages : int
  ; pages_by_node : int array option
  ; elsewhere_pages : int option
  ; being_built : bool
  }
end

external host :
     Host.t
  -> (Host_handle.t, Error.t) result
  = "xenopsd_numa_host"

external host_left_out :
     Host_handle.t
  -> Left_out.t list
  = "xenopsd_numa_host_left_out"

external check_request :
     Request.description
  -> (unit, Error.t) result
  = "xenopsd_numa_check_request"

external plan :
     Host_handle.t
  -> Limits.t
  -> Request.description
  -> ((Plan.t, Refusal.t) result, Error.t) result
  = "xenopsd_numa_plan"

external explain :
     Host_handle.t
  -> Limits.t
  -> Request.description
  -> (Explanation.t, Error.t) result
  = "xenopsd_numa_explain"

external explanation_words :
     Explanation.words
  -> Words.t
  = "xenopsd_numa_explanation_words"

external refusal_text :
     Refusal.t
  -> string
  = "xenopsd_numa_refusal_text"

external reasons :
     unit
  -> Named.t list
  = "xenopsd_numa_reasons"

external behinds :
     unit
  -> Named.t list
  = "xenopsd_numa_behinds"

external planned_overhead :
     Host_handle.t
  -> Limits.t
  -> Request.description
  -> (Size.t, Error.t) result
  = "xenopsd_numa_planned_overhead"

external plan_all :
     Host_handle.t
  -> Limits.t
  -> bool
  -> Request.description list
  -> ((Plan.t, Refusal.t) result list, (int * Error.t)) result
  = "xenopsd_numa_plan_all"

external plan_batch :
     Host_handle.t
  -> Limits.t
  -> int option
  -> Request.description list
  -> (Batch.t, (int * Error.t)) result
  = "xenopsd_numa_plan_batch"

external claim_kinds :
     unit
  -> Named.t list
  = "xenopsd_numa_claim_kinds"

external switches :
     unit
  -> Named.t list
  = "xenopsd_numa_switches"

external default_config :
     unit
  -> Config.t
  = "xenopsd_numa_default_config"

external set_switch :
     Config.t
  -> string
  -> string
  -> (Config.t, Error.t) result
  = "xenopsd_numa_set_switch"

external of_table :
     int
  -> (Hypervisor_handle.t, Error.t) result
  = "xenopsd_numa_of_table"

external claims_open :
     Hypervisor_handle.t
  -> Config.t
  -> (Claims.t, Failure.t) result
  = "xenopsd_numa_claims_open"

external place :
     Claims.t
  -> Claims.placement
  -> (Claims.placed, Failure.t) result
  = "xenopsd_numa_place"

external outcome :
     Claims.placed
  -> Claims.outcome
  = "xenopsd_numa_outcome"

external pin :
     Claims.t
  -> Claims.placed
  -> (Claims.pinned, Failure.t) result
  = "xenopsd_numa_pin"

external finish :
     Claims.t
  -> Claims.pinned
  -> (Claims.report, Failure.t) result
  = "xenopsd_numa_finish"

external abandon :
     Claims.t
  -> int
  -> (unit, Failure.t) result
  = "xenopsd_numa_abandon"

external configure :
     Claims.t
  -> Config.t
  -> (unit, Failure.t) result
  = "xenopsd_numa_configure"

external status :
     Claims.t
  -> (Claims.status, Failure.t) result
  = "xenopsd_numa_status"

external probe :
     Claims.t
  -> (Claims.probed, Failure.t) result
  = "xenopsd_numa_probe"

external domain_claims :
     Claims.t
  -> (Claims.claim list, Failure.t) result
  = "xenopsd_numa_domain_claims"

external audit :
     Claims.t
  -> (Claims.audit list, Failure.t) result
  = "xenopsd_numa_audit"

external claims_host :
     Claims.t
  -> (Host.t, Failure.t) result
  = "xenopsd_numa_claims_host"

external starts_unplaced :
     Refusal.t
  -> Request.policy
  -> Config.claims
  -> bool
  = "xenopsd_numa_starts_unplaced"

external overhead :
     int
  -> Size.t
  -> Size.t
  = "xenopsd_numa_overhead"

external least_reserve :
     int
  -> Size.t
  = "xenopsd_numa_least_reserve"

external version :
     unit
  -> string
  = "xenopsd_numa_version"
