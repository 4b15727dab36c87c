type scenario = {handle: Raw.scenario_handle; about: Raw.about_value}

type fault =
  | Wrong of {position: (int * int) option; invalid: Raw.invalid_value}
  | Internal of string

let fault_of_raw ({position; wrong} : Raw.scenario_fault_value) =
  match wrong with
  | {cause= Raw.Invalid invalid; message= _} ->
      Wrong {position; invalid}
  | {message; cause= _} ->
      Internal message

let of_json text =
  Raw.xenopsd_numa_scenario text
  |> Result.map (fun handle ->
         {handle; about= Raw.xenopsd_numa_scenario_about handle}
     )
  |> Result.map_error fault_of_raw

let name {about; _} = about.scenario_name

let about {about; _} = about.scenario_about

let has_variants {about; _} = about.scenario_has_variants

let texts = Array.to_list (Raw.xenopsd_numa_scenarios ())

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

type toolstack = {name: string; about: string}

let toolstacks =
  Raw.xenopsd_numa_toolstacks ()
  |> Array.to_list
  |> List.map (fun (value : Raw.toolstack_value) ->
         {name= value.toolstack_name; about= value.toolstack_about}
     )

let ours =
  match toolstacks with
  | ours :: _ ->
      ours
  | [] ->
      {name= "xenopsd-numa"; about= ""}

type variant = Unaligned | Aligned

let variants = [("unaligned", Unaligned); ("aligned", Aligned)]

let is_aligned = function Aligned -> true | Unaligned -> false

let variant_of_bool = function true -> Aligned | false -> Unaligned

type choice = {event: int; actor: int}

type schedule = Timed | Round_robin | Random of int | Trace of choice list

(* Through arrays, since List.map needs stack for each. *)
let list_of f values = Array.to_list (Array.map f values)

let choices_of_raw choices =
  list_of (fun (event, actor) -> {event; actor}) choices

let schedule_to_raw : schedule -> Raw.schedule_value = function
  | Timed ->
      Raw.Timed
  | Round_robin ->
      Raw.Round_robin
  | Random one_in ->
      Raw.Random one_in
  | Trace choices ->
      let pair {event; actor} = (event, actor) in
      Raw.Trace (Array.map pair (Array.of_list choices))

type start = {
    vm: string
  ; variant: variant
  ; phase: string
  ; nodes: int list
  ; requested_pages: int
  ; claimed_pages: int
  ; claim: string
  ; pages_on: (int * int) list
  ; remote_pages: int
  ; started: bool
  ; reason: string
  ; queued_seconds: float
  ; waited_seconds: float
  ; build_seconds: float
  ; began_seconds: float
  ; ended_seconds: float
}

let start_of_raw (value : Raw.start_value) =
  {
    vm= value.vm
  ; variant= variant_of_bool value.is_aligned
  ; phase= value.phase
  ; nodes= Array.to_list value.start_nodes
  ; requested_pages= value.requested_pages
  ; claimed_pages= value.start_claimed_pages
  ; claim= value.claim
  ; pages_on= Array.to_list value.pages_on
  ; remote_pages= value.start_remote_pages
  ; started= value.started
  ; reason= value.reason
  ; queued_seconds= value.start_queued_seconds
  ; waited_seconds= value.start_waited_seconds
  ; build_seconds= value.build_seconds
  ; began_seconds= value.began_seconds
  ; ended_seconds= value.ended_seconds
  }

let on_one_node (start : start) = start.started && start.remote_pages = 0

type finding = Raw.finding_value =
  | Host_overclaimed
  | Node_overclaimed
  | Sticky_node
  | Beyond_maximum
  | Claim_not_honoured
  | Refilled
  | Leaked

let findings =
  [
    ("host-overclaimed", Host_overclaimed)
  ; ("node-overclaimed", Node_overclaimed)
  ; ("sticky-node", Sticky_node)
  ; ("beyond-maximum", Beyond_maximum)
  ; ("claim-not-honoured", Claim_not_honoured)
  ; ("refilled", Refilled)
  ; ("leaked", Leaked)
  ]

type ending =
  | As_before
  | Left of {outstanding_pages: int; missing_pages: int; builds: int}
  | Crashed of string
  | Violated of string
  | Stuck of {who: string; why: string; events: int}

let ending_of_raw : Raw.ending_value -> ending = function
  | Raw.As_before ->
      As_before
  | Raw.Left (outstanding_pages, missing_pages, builds) ->
      Left {outstanding_pages; missing_pages; builds}
  | Raw.Crashed why ->
      Crashed why
  | Raw.Violated why ->
      Violated why
  | Raw.Stuck (who, why, events) ->
      Stuck {who; why; events}

let pp_ending ppf = function
  | As_before ->
      Format.pp_print_string ppf "the host is what it was"
  | Left {outstanding_pages; missing_pages; builds} ->
      let left =
        List.filter
          (fun (count, _) -> count > 0)
          [
            (outstanding_pages, "pages are claimed by nobody")
          ; (missing_pages, "pages are not free again")
          ; (builds, "builds have not ended")
          ]
      in
      Format.pp_print_list
        ~pp_sep:(fun ppf () -> Format.pp_print_string ppf ", ")
        (fun ppf (count, what) -> Format.fprintf ppf "%d %s" count what)
        ppf left
  | Crashed why ->
      Format.fprintf ppf "the host crashed: %s" why
  | Violated why ->
      Format.fprintf ppf "the model is wrong: %s" why
  | Stuck {who; why; events} ->
      Format.fprintf ppf "%s comes to no end: %s; no progress in %d events" who
        why events

type happening = Raw.happening_value =
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

type event = {at_seconds: float; what: string; happened: happening}

type sample = {
    at_seconds: float
  ; free_pages: int array
  ; claimed_pages: int array
  ; outstanding_pages: int
}

type film = {node_pages: int array; samples: sample list; events: event list}

let film_of_raw (value : Raw.film_value) =
  {
    node_pages= value.film_node_pages
  ; samples=
      list_of
        (fun (value : Raw.sample_value) ->
          {
            at_seconds= value.sample_seconds
          ; free_pages= value.sample_free
          ; claimed_pages= value.sample_claimed
          ; outstanding_pages= value.sample_outstanding
          }
        )
        value.film_samples
  ; events=
      list_of
        (fun (value : Raw.event_value) : event ->
          {
            at_seconds= value.event_seconds
          ; what= value.what
          ; happened= value.happened
          }
        )
        value.film_events
  }

type run = {
    scenario: string
  ; seed: int
  ; flavour: Raw.flavour_value
  ; toolstack: toolstack
  ; variant: variant
  ; strategy: Raw.strategy_value
  ; starts: start list
  ; failed_starts: int
  ; starts_on_one_node: int
  ; remote_pages: int
  ; overclaimed_page_seconds: int
  ; seconds_to_all_running: float
  ; found: (finding * int) list
  ; ending: ending
  ; choices: choice list
  ; film: film option
}

let run ?(seed = 1) ?(flavour = Raw.Upstream) ?(toolstack = ours)
    ?(variant = Unaligned) ?strategy ?(schedule = Timed)
    ?(film = false) scenario =
  let settings : Raw.settings_value =
    {
      seed
    ; flavour
    ; toolstack= toolstack.name
    ; play_strategy= strategy
    ; play_aligned= is_aligned variant
    ; schedule= schedule_to_raw schedule
    ; filmed= film
    }
  in
  Raw.xenopsd_numa_play scenario.handle settings
  |> Result.map (fun (value : Raw.played_value) ->
         {
           scenario= name scenario
         ; seed
         ; flavour
         ; toolstack
         ; variant
         ; strategy= value.played_strategy
         ; starts= list_of start_of_raw value.played_starts
         ; failed_starts= value.played_failed
         ; starts_on_one_node= value.played_one_node
         ; remote_pages= value.played_remote_pages
         ; overclaimed_page_seconds= value.played_overclaimed
         ; seconds_to_all_running= value.played_running_seconds
         ; found= Array.to_list value.played_findings
         ; ending= ending_of_raw value.played_ending
         ; choices= choices_of_raw value.played_choices
         ; film=
             (if film then Some (film_of_raw value.played_film) else None)
         }
     )

let minimal_trace (run : run) scenario =
  let settings : Raw.settings_value =
    {
      seed= run.seed
    ; flavour= run.flavour
    ; toolstack= run.toolstack.name
    ; play_strategy= Some run.strategy
    ; play_aligned= is_aligned run.variant
    ; schedule= schedule_to_raw (Trace run.choices)
    ; filmed= false
    }
  in
  Raw.xenopsd_numa_minimal_trace scenario.handle settings
  |> Result.map choices_of_raw
