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

include Raw.Simulation

type toolstack = named

let toolstacks = Raw.model_toolstacks ()

let ours = Raw.model_our_toolstack ()

let variants = [("unaligned", Unaligned); ("aligned", Aligned)]

let on_one_node (start : start) = start.started && start.remote_pages = 0

type finding = named

let findings = Raw.model_findings ()

let pp_ending ppf = function
  | As_before ->
      Format.pp_print_string ppf "the host is what it was"
  | Left sentence | Crashed sentence | Violated sentence | Stuck sentence ->
      Format.pp_print_string ppf sentence

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
