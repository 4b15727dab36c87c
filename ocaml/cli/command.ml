open Cmdliner

let version =
  Option.value
    (List.assoc_opt "xenopsd-numa" Xenopsd_numa.Build.info)
    ~default:"unknown"

let man =
  [
    `S Manpage.s_description
  ; `P
      "$(mname) answers questions about where VMs live on NUMA hosts: from \
       files, from a model of Xen, and from the Xen that it runs on."
  ; `S Manpage.s_examples
  ; `P "Where would a VM of 64 GiB go, and why?"
  ; `Pre
      "  xl info -n | $(mname) plan --host - --memory 64GiB --vcpus 8 --explain"
  ; `P "What is switched on?"
  ; `Pre "  $(mname) doctor --config /etc/xenopsd.conf"
  ; `P "What is free and claimed on this Xen?"
  ; `Pre "  $(mname) status"
  ; `P "What happens if three large VMs boot at once?"
  ; `Pre "  $(mname) simulate boot-storm"
  ]

let command ~live =
  let doc = "NUMA placement and memory claims for a Xen toolstack" in
  let info = Cmd.info "xenopsd-numa" ~version ~doc ~man ~exits:Status.exits in
  Cmd.group info
    ([
       Plan_command.command ~live
     ; Doctor_command.command ~live
     ; Simulate_command.command
     ]
    @ Live_commands.commands ~live
    )

let evaluate ?argv ~live () =
  match
    Cmd.eval_value ~help:Output.formatter ~err:Output.err_formatter
      ~catch:false ?argv (command ~live)
  with
  | Ok (`Ok status) ->
      status
  | Ok (`Help | `Version) ->
      Status.Done
  | Error (`Parse | `Term) ->
      Status.Bad_input
  | Error `Exn ->
      Status.internal "an exception"

let guarded f =
  match f () with
  | status ->
      status
  | exception Output.Closed ->
      Status.Reader_gone
  | exception Output.Unwritable message ->
      Logs.err (fun m -> m "standard output: %s" message) ;
      Status.Bad_input
  | exception Stack_overflow ->
      Status.internal "out of stack"
  | exception Out_of_memory ->
      Logs.err (fun m -> m "out of memory") ;
      Status.Bad_input
  | exception exn ->
      Status.internal (Printexc.to_string exn)

let main ?argv ?live ?(declared = []) () =
  let live =
    match live with
    | Some connect ->
        Live.Linked {connect; declared}
    | None ->
        Live.Elsewhere (Option.value argv ~default:Sys.argv)
  in
  Logs.set_reporter Status.reporter ;
  Sys.set_signal Sys.sigpipe Sys.Signal_ignore ;
  let interrupted _ = Unix._exit (Status.code Interrupted) in
  Sys.set_signal Sys.sigint (Sys.Signal_handle interrupted) ;
  let status =
    guarded (fun () ->
        let status = evaluate ?argv ~live () in
        Format.pp_print_flush Output.formatter () ;
        Output.flush () ;
        status
    )
  in
  Status.code status
