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

module Host_full = struct
  type t = {
    domid : int
  ; needed : Size.t
  ; available : Size.t
  ; waited_seconds : float
  }
end

module Refused = struct
  type t = {
    domid : int
  ; refusal : Refusal.t
  }
end

module Call = struct
  type t = {
    call : string
  ; errno : string
  ; domid : int option
  ; doing : string
  }
end

module Too_late = struct
  type t = {
    domid : int
  ; asked : Size.t
  ; outstanding : Size.t
  }
end

module Busy = struct
  type t = {
    domid : int
  ; builds : int list
  ; waiters : int list
  }
end

module Cause = struct
  type t = Invalid of Invalid.t
    | Conflict of int
    | Host_full of Host_full.t
    | Refused of Refused.t
    | Call of Call.t
    | Must_destroy of int
    | Cancelled of int
    | Too_late of Too_late.t
    | Busy of Busy.t
    | Internal
end

module Failure = struct
  type t = {
    message : string
  ; cause : Cause.t
  }
end

module Strategy = struct
  type t = Pack
    | Spread
    | Balance
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

module Explained_handle = struct
  type t
end

module Hypervisor_handle = struct
  type t
end

module Claims_handle = struct
  type t
end

module Placed_handle = struct
  type t
end

module Pinned_handle = struct
  type t
end

module Policy = struct
  type t = Any
    | Best_effort
    | Best_effort_hard
    | Prio_mem_only
    | Strict
end

module Left_out = struct
  type t = {
    node : int
  ; why : string
  ; sentence : string
  }
end

module Request = struct
  type t = {
    memory : Size.t
  ; overhead : Size.t option
  ; vcpus : int
  ; cores : int option
  ; policy : Policy.t option
  ; strategy : Strategy.t option
  ; allowed_cpus : int list option
  ; allowed_nodes : int list option
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

module Score = struct
  type t = {
    left_out : int
  ; left_out_bytes : int
  ; average_distance : float option
  ; on_several_nodes : int
  }
end

module Batch = struct
  type t = {
    answers : (Plan.t, Refusal.t) result list
  ; order : int list
  ; score : Score.t
  ; one_by_one : Score.t
  ; orders_tried : int
  ; optimal : bool
  ; complete : bool
  }
end

module Rejected = struct
  type t = {
    max_distance : int
  ; size : int option
  ; bound : Refusal.t
  }
end

module Weighed = struct
  type t = {
    room_bytes : int
  ; emptiest_bytes : int
  ; used_share : float
  ; ended_holes : int option
  }
end

module Runner_up = struct
  type t = {
    plan : Plan.t
  ; behind : Named.t
  ; weighed : Weighed.t
  }
end

module Alone = struct
  type t = {
    node : int
  ; verdict : (Named.t, Refusal.t) result
  }
end

module Explanation = struct
  type t = {
    answer : (Plan.t, Refusal.t) result
  ; rejected : Rejected.t list
  ; alone : Alone.t list
  ; compared : int
  ; steps : int
  ; strategy : Strategy.t
  ; weighed : Weighed.t option
  ; runner_up : Runner_up.t option
  ; words : Explained_handle.t
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

module Claim_mode = struct
  type t = Always
    | Never
end

module Config = struct
  type t = {
    settings : (string * string) list
  ; claims : Claim_mode.t
  ; policy : Policy.t
  ; strategy : Strategy.t
  ; reserve : Size.t
  ; node_reserve : Size.t
  ; plan_budget_steps : int
  }
end

module Builder = struct
  type t = Pv_builder
    | Hvm_builder
end

module Placement = struct
  type t = {
    domid : int
  ; request : Request.t
  ; builder : Builder.t
  ; hard_pinned : bool
  }
end

module Outcome = struct
  type t = {
    kind : Named.t
  ; node : int option
  ; unplaced_because : string option
  ; plan : Plan.t option
  ; claimed_pages : int
  ; replans : int
  ; waited_seconds : float
  ; queued_seconds : float
  }
end

module Report = struct
  type t = {
    unused_pages : int
  ; pages_by_node : int array option
  ; elsewhere_pages : int option
  }
end

module Status = struct
  type t = {
    config : Config.t
  ; pending : Claim_mode.t option
  ; builds : int list
  ; host_claims : bool option
  ; node_claims : bool option
  ; claim_sets : bool option
  ; late_accounting : bool
  ; degraded : string list
  ; panics : int
  }
end

module Probed = struct
  type t = {
    on_host : bool option
  ; on_single_nodes : bool option
  ; on_several_nodes : bool option
  }
end

module Domain_claim = struct
  type t = {
    domid : int
  ; outstanding_pages : int
  ; nodes : int list
  ; being_built : bool
  }
end

module Domain_audit = struct
  type t = {
    domid : int
  ; nodes : int list
  ; tot_pages : int
  ; outstanding_pages : int
  ; pages_by_node : int array option
  ; elsewhere_pages : int option
  ; being_built : bool
  }
end

external host: Host.t -> (Host_handle.t, Error.t) result = "xenopsd_numa_host"

external host_left_out: Host_handle.t -> Left_out.t list = "xenopsd_numa_host_left_out"

external check_request: Request.t -> (unit, Error.t) result = "xenopsd_numa_check_request"

external plan: Host_handle.t -> Limits.t -> Request.t -> ((Plan.t, Refusal.t) result, Error.t) result = "xenopsd_numa_plan"

external explain: Host_handle.t -> Limits.t -> Request.t -> (Explanation.t, Error.t) result = "xenopsd_numa_explain"

external explanation_words: Explained_handle.t -> Words.t = "xenopsd_numa_explanation_words"

external refusal_text: Refusal.t -> string = "xenopsd_numa_refusal_text"

external reasons: unit -> Named.t list = "xenopsd_numa_reasons"

external behinds: unit -> Named.t list = "xenopsd_numa_behinds"

external planned_overhead: Host_handle.t -> Limits.t -> Request.t -> (Size.t, Error.t) result = "xenopsd_numa_planned_overhead"

external plan_all: Host_handle.t -> Limits.t -> bool -> Request.t list -> ((Plan.t, Refusal.t) result list, (int * Error.t)) result = "xenopsd_numa_plan_all"

external plan_batch: Host_handle.t -> Limits.t -> int option -> Request.t list -> (Batch.t, (int * Error.t)) result = "xenopsd_numa_plan_batch"

external claim_kinds: unit -> Named.t list = "xenopsd_numa_claim_kinds"

external switches: unit -> Named.t list = "xenopsd_numa_switches"

external default_config: unit -> Config.t = "xenopsd_numa_default_config"

external set_switch: Config.t -> string -> string -> (Config.t, Error.t) result = "xenopsd_numa_set_switch"

external of_table: int -> (Hypervisor_handle.t, Error.t) result = "xenopsd_numa_of_table"

external claims_open: Hypervisor_handle.t -> Config.t -> (Claims_handle.t, Failure.t) result = "xenopsd_numa_claims_open"

external place: Claims_handle.t -> Placement.t -> (Placed_handle.t, Failure.t) result = "xenopsd_numa_place"

external outcome: Placed_handle.t -> Outcome.t = "xenopsd_numa_outcome"

external pin: Claims_handle.t -> Placed_handle.t -> (Pinned_handle.t, Failure.t) result = "xenopsd_numa_pin"

external finish: Claims_handle.t -> Pinned_handle.t -> (Report.t, Failure.t) result = "xenopsd_numa_finish"

external abandon: Claims_handle.t -> int -> (unit, Failure.t) result = "xenopsd_numa_abandon"

external configure: Claims_handle.t -> Config.t -> (unit, Failure.t) result = "xenopsd_numa_configure"

external status: Claims_handle.t -> (Status.t, Failure.t) result = "xenopsd_numa_status"

external probe: Claims_handle.t -> (Probed.t, Failure.t) result = "xenopsd_numa_probe"

external domain_claims: Claims_handle.t -> (Domain_claim.t list, Failure.t) result = "xenopsd_numa_domain_claims"

external audit: Claims_handle.t -> (Domain_audit.t list, Failure.t) result = "xenopsd_numa_audit"

external claims_host: Claims_handle.t -> (Host.t, Failure.t) result = "xenopsd_numa_claims_host"

external starts_unplaced: Refusal.t -> Policy.t -> Claim_mode.t -> bool = "xenopsd_numa_starts_unplaced"

external overhead: int -> Size.t -> Size.t = "xenopsd_numa_overhead"

external least_reserve: int -> Size.t = "xenopsd_numa_least_reserve"

external version: unit -> string = "xenopsd_numa_version"
