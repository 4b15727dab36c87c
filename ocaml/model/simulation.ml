open Xenopsd_numa

type scenario = {handle: Raw.Scenario_handle.t; about: Raw.About.t}

type fault =
  | Wrong of {position: (int * int) option; invalid: invalid}
  | Internal of string

let of_json text =
  Raw.model_scenario text
  |> Result.map (fun handle ->
         {handle; about= Raw.model_scenario_about handle}
     )
  |> Result.map_error (function
       | Raw.Scenario_fault.Wrong (position, invalid) ->
           Wrong {position; invalid}
       | Raw.Scenario_fault.Broken message ->
           Internal message
       )

let name {about; _} = about.name

let about {about; _} = about.about

let has_variants {about; _} = about.has_variants

let texts = Raw.model_scenarios ()

let text name = List.assoc_opt name texts

let read_all =
  let read (name, text) =
    match of_json text with
    | Ok scenario ->
        Some (name, scenario)
    | Error (Wrong _ | Internal _) ->
        None
  in
  List.filter_map read texts

let built_in name = List.assoc_opt name read_all

let scenarios =
  List.map (fun (name, scenario) -> (name, about scenario)) read_all

type toolstack = named

let toolstacks = Raw.model_toolstacks ()

let ours = List.hd toolstacks

type variant = Raw.Variant.t = Unaligned | Aligned

let variants = [("unaligned", Unaligned); ("aligned", Aligned)]

type choice = Raw.Choice.t = {event: int; actor: int}

type schedule = Raw.Schedule.t =
  | Timed
  | Round_robin
  | Random of int
  | Trace of choice array

type start = Raw.Start.t = {
    vm: string
  ; variant: variant
  ; phase: string
  ; nodes: int array
  ; requested_pages: int
  ; claimed_pages: int
  ; claim: string
  ; pages_on: (int * int) array
  ; remote_pages: int
  ; started: bool
  ; reason: string
  ; queued_seconds: float
  ; waited_seconds: float
  ; build_seconds: float
  ; began_seconds: float
  ; ended_seconds: float
}

let on_one_node (start : start) = start.started && start.remote_pages = 0

type finding = named

let findings = Raw.model_findings ()

type ending = Raw.Ending.t =
  | As_before
  | Left of string
  | Crashed of string
  | Violated of string
  | Stuck of string

let pp_ending ppf = function
  | As_before ->
      Format.pp_print_string ppf "the host is what it was"
  | Left sentence | Crashed sentence | Violated sentence | Stuck sentence ->
      Format.pp_print_string ppf sentence

type happening = Raw.Happening.t =
  | Phase
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

type event = Raw.Event.t = {
    at_seconds: float
  ; what: string
  ; happened: happening
}

type sample = Raw.Sample.t = {
    at_seconds: float
  ; free_pages: int array
  ; claimed_pages: int array
  ; outstanding_pages: int
}

type timeline = Raw.Timeline.t = {
    node_pages: int array
  ; samples: sample list
  ; events: event list
}

type run = {
    scenario: string
  ; seed: int
  ; flavour: Model.flavour
  ; toolstack: toolstack
  ; variant: variant
  ; strategy: Request.strategy
  ; starts: start list
  ; failed_starts: int
  ; starts_on_one_node: int
  ; remote_pages: int
  ; overclaimed_page_seconds: int
  ; seconds_to_all_running: float
  ; found: (finding * int) list
  ; ending: ending
  ; choices: choice array
  ; timeline: timeline option
}

let run ?(seed = 1) ?(flavour = Model.upstream) ?(toolstack = ours)
    ?(variant = Unaligned) ?strategy ?(schedule = Timed) ?(timeline = false)
    scenario =
  Raw.model_run scenario.handle
    {
      seed
    ; flavour= flavour.name
    ; toolstack= toolstack.name
    ; strategy
    ; variant
    ; schedule
    ; timeline
    }
  |> Result.map (fun (value : Raw.Run.t) ->
         {
           scenario= name scenario
         ; seed
         ; flavour
         ; toolstack
         ; variant
         ; strategy= value.strategy
         ; starts= value.starts
         ; failed_starts= value.failed_starts
         ; starts_on_one_node= value.starts_on_one_node
         ; remote_pages= value.remote_pages
         ; overclaimed_page_seconds= value.overclaimed_page_seconds
         ; seconds_to_all_running= value.seconds_to_all_running
         ; found= value.found
         ; ending= value.ending
         ; choices= value.choices
         ; timeline= (if timeline then Some value.timeline else None)
         }
     )

let minimal_trace (run : run) scenario =
  Raw.model_minimal_trace scenario.handle
    {
      seed= run.seed
    ; flavour= run.flavour.name
    ; toolstack= run.toolstack.name
    ; strategy= Some run.strategy
    ; variant= run.variant
    ; schedule= Trace run.choices
    ; timeline= false
    }
