(* Made from rust/ by xenopsd-numa-sig: not to be edited. *)

open Shared

module Model_handle = struct
  type t
end

module Scenario_handle = struct
  type t
end

module Scenario_fault = struct
  type t = Wrong of (int * int) option * Invalid.t
    | Broken of string
end

module About = struct
  type t = {
    name : string
  ; about : string
  ; has_variants : bool
  }
end

module Simulation = struct
  type variant = Unaligned
    | Aligned

  type choice = {
    event : int
  ; actor : int
  }

  type schedule = Timed
    | Round_robin
    | Random of int
    | Trace of choice array

  type start = {
    vm : string
  ; variant : variant
  ; phase : string
  ; nodes : int array
  ; requested_pages : int
  ; claimed_pages : int
  ; claim : string
  ; pages_on : (int * int) array
  ; remote_pages : int
  ; started : bool
  ; reason : string
  ; queued_seconds : float
  ; waited_seconds : float
  ; build_seconds : float
  ; began_seconds : float
  ; ended_seconds : float
  }

  type ending = As_before
    | Left of string
    | Crashed of string
    | Violated of string
    | Stuck of string

  type happening = Phase
    | Restart
    | Destroy
    | Create
    | Set_maximum
    | Look_for_memory
    | Place
    | Fill_pool
    | Create_vcpus
    | Plan_and_claim
    | Pin
    | Build
    | End_of_build
    | Start_devices
    | Runs
    | Fails
    | Gone

  type sample = {
    at_seconds : float
  ; free_pages : int array
  ; claimed_pages : int array
  ; outstanding_pages : int
  }

  type event = {
    at_seconds : float
  ; what : string
  ; happened : happening
  }

  type timeline = {
    node_pages : int array
  ; samples : sample list
  ; events : event list
  }

  type run = {
    scenario : string
  ; seed : int
  ; flavour : Named.t
  ; toolstack : Named.t
  ; variant : variant
  ; strategy : Strategy.t
  ; starts : start list
  ; failed_starts : int
  ; starts_on_one_node : int
  ; remote_pages : int
  ; overclaimed_page_seconds : int
  ; seconds_to_all_running : float
  ; found : (Named.t * int) list
  ; ending : ending
  ; choices : choice array
  ; timeline : timeline option
  }
end

module Settings = struct
  type t = {
    seed : int
  ; flavour : string
  ; toolstack : string
  ; strategy : Strategy.t option
  ; variant : Simulation.variant
  ; schedule : Simulation.schedule
  ; timeline : bool
  }
end

external model_flavours :
     unit
  -> Named.t list
  = "xenopsd_numa_model_flavours"

external model_upstream :
     unit
  -> Named.t
  = "xenopsd_numa_model_upstream"

external model_new :
     string
  -> Host.t
  -> (Model_handle.t, Failure.t) result
  = "xenopsd_numa_model_new"

external model_table :
     Model_handle.t
  -> int
  = "xenopsd_numa_model_table"

external model_create :
     Model_handle.t
  -> int
  -> Size.t
  -> (int, Failure.t) result
  = "xenopsd_numa_model_create"

external model_set_pool :
     Model_handle.t
  -> int
  -> Size.t
  -> (unit, Failure.t) result
  = "xenopsd_numa_model_set_pool"

external model_populate :
     Model_handle.t
  -> int
  -> Size.t
  -> int option
  -> (int, Failure.t) result
  = "xenopsd_numa_model_populate"

external model_destroy :
     Model_handle.t
  -> int
  -> (unit, Failure.t) result
  = "xenopsd_numa_model_destroy"

external model_advance :
     Model_handle.t
  -> float
  -> (unit, Failure.t) result
  = "xenopsd_numa_model_advance"

external model_counters :
     Model_handle.t
  -> ((int * int), Failure.t) result
  = "xenopsd_numa_model_counters"

external model_domain_pages :
     Model_handle.t
  -> int
  -> ((int * int) list, Failure.t) result
  = "xenopsd_numa_model_domain_pages"

external model_scenarios :
     unit
  -> (string * string) list
  = "xenopsd_numa_model_scenarios"

external model_toolstacks :
     unit
  -> Named.t list
  = "xenopsd_numa_model_toolstacks"

external model_our_toolstack :
     unit
  -> Named.t
  = "xenopsd_numa_model_our_toolstack"

external model_findings :
     unit
  -> Named.t list
  = "xenopsd_numa_model_findings"

external model_scenario :
     string
  -> (Scenario_handle.t, Scenario_fault.t) result
  = "xenopsd_numa_model_scenario"

external model_scenario_about :
     Scenario_handle.t
  -> About.t
  = "xenopsd_numa_model_scenario_about"

external model_run :
     Scenario_handle.t
  -> Settings.t
  -> (Simulation.run, Failure.t) result
  = "xenopsd_numa_model_run"

external model_minimal_trace :
     Scenario_handle.t
  -> Settings.t
  -> (Simulation.choice array, Failure.t) result
  = "xenopsd_numa_model_minimal_trace"
