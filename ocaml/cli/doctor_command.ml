open Xenopsd_numa
open Xenopsd_numa_formats
open Cmdliner

let ( let* ) = Result.bind

let print_lines lines = List.iter (fun line -> Output.print (line ^ "\n")) lines

let print_table rows = print_lines (Output.table rows)

let heading text = Output.print (Printf.sprintf "%s\n" text)

(* ---- what is linked ---- *)

let print_build live =
  let declared =
    match live with
    | Live.Elsewhere _ ->
        []
    | Live.Linked {connect= _; declared} ->
        declared
  in
  let has (call, has) = (call, if has then "linked" else "not in its header") in
  heading "Build" ;
  print_table
    (List.map
       (fun (part, what) -> ["  " ^ part; what])
       (Build.info @ List.map has declared)
    )

(* ---- what is switched on ---- *)

let default_config = "/etc/xenopsd.conf"

(** A switch that a file sets, and where: [key, line]. *)
let settings text =
  let setting i line =
    let line =
      match String.index_opt line '#' with
      | Some comment ->
          String.sub line 0 comment
      | None ->
          line
    in
    match String.index_opt line '=' with
    | Some equals ->
        Some (String.trim (String.sub line 0 equals), i + 1)
    | None ->
        None
  in
  String.split_on_char '\n' text
  |> List.mapi setting
  |> List.filter_map Fun.id

type config = {config: Config.t; file: string option; set: (string * int) list}

let read_config file =
  let* text = Result.map_error (fun error -> `File error) (Source.read file) in
  match Config.of_file file with
  | Ok config ->
      Ok {config; file= Some file; set= List.rev (settings text)}
  | Error message ->
      Error (`Config message)

let config_of = function
  | Some file ->
      read_config file
  | None when Sys.file_exists default_config ->
      read_config default_config
  | None ->
      Ok {config= Config.default; file= None; set= []}

let origin {file; set; _} key =
  match (file, List.assoc_opt key set) with
  | Some file, Some line ->
      Printf.sprintf "%s: line %d" file line
  | Some _, None | None, _ ->
      "default"

let has_prefix prefix text =
  String.length text >= String.length prefix
  && String.sub text 0 (String.length prefix) = prefix

(* The file belongs to xenopsd, so unknown keys are passed over; one that looks
   like ours is more likely a slip. *)
let warn_unknown {file; set; _} =
  let ours key =
    (has_prefix "numa-" key || has_prefix "builder-" key)
    && not (List.mem_assoc key Config.keys)
  in
  let warn (key, line) =
    if ours key then
      Logs.warn (fun m ->
          m "%s: line %d: found %s, expected one of %s"
            (Option.value file ~default:"")
            line key
            (String.concat ", " (List.map fst Config.keys))
      )
  in
  List.iter warn (List.rev set)

let print_config config =
  let switch (key, _) =
    let value = Option.value (Config.get config.config ~key) ~default:"" in
    ["  " ^ key; value; origin config key]
  in
  heading "Switches" ;
  print_table (List.map switch Config.keys) ;
  warn_unknown config

(* ---- the Xen at hand ---- *)

let print_no_live () =
  heading "Live host" ;
  print_lines
    [
      ( if Live.is_dom0 () then
          "  this is a Xen dom0, but this program has no live host linked"
        else
          "  none: not a Xen dom0"
      )
    ; "  programs that link the package xenopsd-numa-xenctrl have one"
    ]

let known = function
  | Some true ->
      "yes"
  | Some false ->
      "no"
  | None ->
      "not known yet"

let claims = function Config.Always -> "always" | Config.Never -> "never"

let status_rows (status : Claims.status) =
  [
    ["  claims on several nodes at once"; known status.claim_sets]
  ; [
      "  claims on single nodes"
    ; ( match status.claim_sets with
      | Some true ->
          "not asked: the above are better"
      | Some false | None ->
          known status.node_claims
      )
    ]
  ; ["  claims on the host"; known status.host_claims]
  ; ["  late accounting"; (if status.late_accounting then "yes" else "no")]
  ; ["  numa-claims in force"; claims status.config.claims]
  ; [
      "  pending"
    ; Option.fold ~none:"nothing"
        ~some:(fun change -> "numa-claims = " ^ claims change)
        status.pending
    ]
  ]

let print_live config hypervisor =
  heading "Live host" ;
  let status =
    let* t = Claims.open_ ~config:config.config hypervisor in
    Claims.status t
  in
  match status with
  | Ok status ->
      print_table (status_rows status) ;
      Status.Done
  | Error failure ->
      Status.of_failure failure

let run_live config = function
  | Live.Elsewhere _ ->
      print_no_live () ; Status.Done
  | Live.Linked {connect; declared= _} -> (
    match connect () with
    | Ok hypervisor ->
        print_live config hypervisor
    | Error message ->
        Live.unreachable message
  )

let print_host (file, host) =
  heading (Printf.sprintf "Host %s" file) ;
  print_lines (Host_table.lines host)

let run live () config_file host_file =
  if Live.is_dom0 () then Live.hand_over live ;
  let host =
    match host_file with
    | None ->
        Ok None
    | Some file ->
        Result.map (fun host -> Some (file, host)) (Host_file.read file)
  in
  match (config_of config_file, host) with
  | Error (`Config message), _ ->
      Logs.err (fun m -> m "%s" message) ;
      Status.Bad_input
  | Error (`File error), _ | Ok _, Error error ->
      Status.of_error error
  | Ok config, Ok host ->
      print_build live ;
      print_config config ;
      Option.iter print_host host ;
      run_live config live

let config =
  let doc =
    Printf.sprintf
      "The file with the switches; %s unless given, if there is one."
      default_config
  in
  Arg.(
    value
    & opt (some (Convert.text ~docv:"FILE")) None
    & info ["config"] ~docv:"FILE" ~doc
  )

let host =
  let doc =
    "Say what the host in $(docv) looks like: a snapshot in JSON, what $(b,xl \
     info -n) printed, or a directory laid out like Linux's /sys."
  in
  Arg.(
    value
    & opt (some (Convert.text ~docv:"FILE")) None
    & info ["host"] ~docv:"FILE" ~doc
  )

let man =
  [
    `S Manpage.s_description
  ; `P
      "Prints what this program is made of, every switch with its value and \
       the line that it comes from, and whether there is a live Xen. A key of \
       the file that looks like a switch and is none is warned of."
  ; `S Manpage.s_examples
  ; `P "What xenopsd would do with a file of switches:"
  ; `Pre "  $(mname) $(tname) --config xenopsd.conf"
  ; `P "Whether a snapshot is well-formed, and what is in it:"
  ; `Pre "  $(mname) $(tname) --host host.json"
  ]

let command ~live =
  let doc =
    "say what is linked, what is switched on, and what a host is like"
  in
  Cmd.v
    (Cmd.info "doctor" ~doc ~man ~exits:Status.exits)
    Term.(const (run live) $ Convert.verbose $ config $ host)
