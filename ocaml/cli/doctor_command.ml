open Xenopsd_numa
open Xenopsd_numa_formats
open Cmdliner

let ( let* ) = Result.bind

let print_table rows = Output.print_lines (Output.table rows)

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

let config_of = function
  | Some file ->
      Config_file.read file
  | None when Sys.file_exists default_config ->
      Config_file.read default_config
  | None ->
      Ok Config_file.none

(* No xenopsd is asked: one that runs has what it read when it started. *)
let print_config (read : Config_file.t) =
  let switch (key, _) =
    let value = Option.value (Config.get read.config ~key) ~default:"" in
    ["  " ^ key; value; Config_file.origin read key]
  in
  heading
    ( match read.file with
    | Some file ->
        Printf.sprintf "Switches in %s" file
    | None ->
        "Switches without a file"
    ) ;
  print_table (List.map switch Config.keys)

(* ---- the Xen at hand ---- *)

let print_no_live () =
  heading "Live host" ;
  Output.print_lines
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
      "no answer"

let live_rows (probed : Claims.probed) (status : Claims.status) =
  [
    ["  claims on several nodes at once"; known probed.on_several_nodes]
  ; ["  claims on single nodes"; known probed.on_single_nodes]
  ; ["  claims on the host"; known probed.on_host]
  ; ["  late accounting"; (if status.late_accounting then "yes" else "no")]
  ]

let print_live hypervisor =
  heading "Live host" ;
  let rows =
    let* t = Claims.open_ hypervisor in
    let* probed = Claims.probe t in
    let* status = Claims.status t in
    Ok (live_rows probed status)
  in
  match rows with
  | Ok rows ->
      print_table rows ; Status.Done
  | Error failure ->
      Status.of_failure failure

let run_live = function
  | Live.Elsewhere _ ->
      print_no_live () ; Status.Done
  | Live.Linked {connect; declared= _} -> (
    match connect () with
    | Ok hypervisor ->
        print_live hypervisor
    | Error message ->
        Live.unreachable message
  )

let print_host (file, host) =
  heading (Printf.sprintf "Host %s" file) ;
  Output.print_lines (Host_table.lines host)

let report live ~strict config host =
  print_build live ;
  print_config config ;
  let warned = Config_file.warn config in
  Option.iter print_host host ;
  match run_live live with
  | Status.Done when strict && warned ->
      Status.Bad_input
  | status ->
      status

let run live () config_file host_file strict =
  let is_piped = Option.fold ~none:false ~some:(( = ) Source.standard_input) in
  if is_piped config_file && is_piped host_file then
    `Error (true, "--host and --config cannot both be standard input")
  else (
    if Live.is_dom0 () then Live.hand_over live ;
    let host =
      match host_file with
      | None ->
          Ok None
      | Some file ->
          Host_file.read file
          |> Result.map (fun host -> Some (file, host))
          |> Result.map_error Status.of_error
    in
    match (config_of config_file, host) with
    | Error status, _ | Ok _, Error status ->
        `Ok status
    | Ok config, Ok host ->
        `Ok (report live ~strict config host)
  )

let config =
  let doc =
    Printf.sprintf
      "The file with the switches, $(b,-) for standard input; %s unless given, \
       if there is one."
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

let strict =
  let doc = "Fail, with exit status 2, if there is anything to warn of." in
  Arg.(value & flag & info ["strict"] ~doc)

let man =
  [
    `S Manpage.s_description
  ; `P
      "Prints what this program is made of, every switch with its value and \
       the line that it comes from, and which kinds of claims the Xen at hand \
       has. A line of the file that looks as if it set a switch and sets none \
       is warned of, such as NUMA-CLAIMS = never or numa-claims: never."
  ; `P
      "No xenopsd is asked: one that runs has what it read when it started. \
       The Xen is asked by releasing claims that the control domain has not \
       got, which changes nothing."
  ; `S Manpage.s_examples
  ; `P "What a file of switches says, and whether it is what was meant:"
  ; `Pre "  $(mname) $(tname) --config xenopsd.conf --strict"
  ; `P "Whether a snapshot is well-formed, and what is in it:"
  ; `Pre "  $(mname) $(tname) --host host.json"
  ]

let command ~live =
  let doc =
    "say what is linked, what is switched on, and what this Xen is like"
  in
  Cmd.v
    (Cmd.info "doctor" ~doc ~man ~exits:Status.exits)
    Term.(ret (const (run live) $ Convert.verbose $ config $ host $ strict))
