open Xenopsd_numa
open Xenopsd_numa_formats
open Cmdliner

let ( let* ) = Result.bind

let nodes list = String.concat "," (List.map string_of_int list)

let claim_row (claim : Claims.claim) =
  [
    Printf.sprintf "  d%d" claim.domid
  ; Fmt.str "%a" Size.pp (Size.pages claim.outstanding_pages)
  ; Printf.sprintf "%d pages" claim.outstanding_pages
  ; nodes claim.nodes
  ]

let print_claims = function
  | [] ->
      Output.print_lines ["No domain has memory claimed that it has not taken."]
  | claims ->
      Output.print_lines
        (Output.table
           (["  domain"; "claimed"; "exactly"; "nodes"]
           :: List.map claim_row claims
           )
        )

let status live () =
  Live.run live (fun t ->
      let* host = Claims.host t in
      let* claims = Claims.claims t in
      Output.print_lines ("Host" :: Host_table.lines host) ;
      Output.print_lines ["Claims"] ;
      print_claims claims ;
      Ok Status.Done
  )

let abandon t domid =
  let* claims = Claims.claims t in
  let claimed (claim : Claims.claim) = claim.domid = domid in
  match List.find_opt claimed claims with
  | None ->
      Output.print (Printf.sprintf "d%d has nothing claimed\n" domid) ;
      Ok Status.Done
  | Some claim ->
      let* () = Claims.abandon t ~domid in
      Output.print
        (Printf.sprintf "d%d: a claim of %d pages is released\n" domid
           claim.outstanding_pages
        ) ;
      Ok Status.Done

let claims live () abandoned =
  Live.run live (fun t ->
      match abandoned with
      | Some domid ->
          abandon t domid
      | None ->
          let* claims = Claims.claims t in
          print_claims claims ; Ok Status.Done
  )

let show_pages pages = Fmt.str "%a" Size.pp (Size.pages pages)

let audit_row (audit : Claims.audit) =
  let unavailable = "unavailable" in
  let by_node pages =
    let on node pages = Printf.sprintf "%d: %s" node (show_pages pages) in
    let has text pages = if pages > 0 then Some text else None in
    Array.to_list (Array.mapi (fun node n -> has (on node n) n) pages)
    |> List.filter_map Fun.id |> String.concat ", "
  in
  [
    Printf.sprintf "  d%d" audit.domid
  ; show_pages audit.tot_pages
  ; nodes audit.nodes
  ; Option.fold ~none:unavailable ~some:by_node audit.pages_by_node
  ; Option.fold ~none:unavailable ~some:show_pages audit.elsewhere_pages
  ; show_pages audit.outstanding_pages
  ]

let audit live () =
  Live.run live (fun t ->
      let* audits = Claims.audit t in
      Output.print_lines
        (Output.table
           (["  domain"; "memory"; "nodes"; "is on"; "elsewhere"; "claim left"]
           :: List.map audit_row audits
           )
        ) ;
      Ok Status.Done
  )

let snapshot live () name output =
  let path = Option.value output ~default:Source.standard_input in
  match Out_file.check path with
  | Error error ->
      Status.of_error error
  | Ok () ->
      Live.run live (fun t ->
          let* host = Claims.host ?name t in
          match Out_file.write path (Host_json.to_string host) with
          | Ok () ->
              Ok Status.Done
          | Error error ->
              Ok (Status.of_error error)
      )

let command name ~doc ~man term =
  Cmd.v (Cmd.info name ~doc ~man ~exits:Status.exits) term

let live_only =
  "Needs the package $(b,xenopsd-numa-xenctrl), and a Xen: it is to be run in \
   the control domain, as root."

let status_command live =
  command "status" ~doc:"say what is free and what is claimed on this Xen"
    ~man:
      [
        `S Manpage.s_description
      ; `P
          "Prints the memory of this Xen and of its nodes, as the next \
           placement would see it, and the claims of its domains. What domains \
           have claimed counts as claimed on the nodes of their affinity."
      ; `P live_only
      ]
    Term.(const (status live) $ Convert.verbose)

let claims_command live =
  let domid =
    let doc =
      "Release what domain $(docv) has claimed, and give its node affinity \
       back to Xen: for a domain whose toolstack died while it was building it."
    in
    Arg.(
      value
      & opt (some (Convert.number ~least:1)) None
      & info ["abandon"] ~docv:"DOMID" ~doc
    )
  in
  command "claims" ~doc:"list the domains of this Xen that have memory claimed"
    ~man:
      [
        `S Manpage.s_description
      ; `P
          "Lists every domain that has claimed memory and not taken it, with \
           the nodes of its affinity. Such a domain is being built, or its \
           toolstack is gone."
      ; `P live_only
      ]
    Term.(const (claims live) $ Convert.verbose $ domid)

let snapshot_command live =
  let text names ~docv doc =
    Arg.(value & opt (some (Convert.text ~docv)) None & info names ~docv ~doc)
  in
  command "snapshot" ~doc:"save what this Xen looks like, for $(b,plan --host)"
    ~man:
      [
        `S Manpage.s_description
      ; `P "Prints this host as JSON: nodes, distances, CPUs, free memory."
      ; `P live_only
      ; `S Manpage.s_examples
      ; `Pre "  $(mname) $(tname) --output host.json"
      ]
    Term.(
      const (snapshot live)
      $ Convert.verbose
      $ text ["name"] ~docv:"NAME" "What to call the host."
      $ text ["output"] ~docv:"FILE"
          "Write $(docv) instead; $(b,-) is standard output."
    )

let audit_command live =
  command "audit"
    ~doc:"compare where domains of this Xen are with where they should be"
    ~man:
      [
        `S Manpage.s_description
      ; `P
          "Lists every domain with its memory, the nodes of its affinity, and \
           where Xen reports it, its memory on each node and how much of it is \
           on other nodes. Last, what its claim has left over: nothing, unless \
           it is being built."
      ; `P live_only
      ]
    Term.(const (audit live) $ Convert.verbose)

let commands ~live =
  [
    status_command live
  ; audit_command live
  ; claims_command live
  ; snapshot_command live
  ]
