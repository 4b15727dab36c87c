open Xenopsd_numa
open Cmdliner

(** The options of a single VM. *)
type single = {
    host: string option
  ; memory: Size.t option
  ; overhead: Size.t option
  ; vcpus: int option
  ; policy: Request.policy option
  ; reserve: Size.t option
  ; node_reserve: Size.t option
  ; explain: bool
  ; config: string option
  ; request:
         Config.t
      -> overhead:Size.t
      -> memory:Size.t
      -> vcpus:int
      -> (Request.t, error) result
  ; given: string list
}

let option names converter ~docv doc =
  Arg.(value & opt (some converter) None & info names ~docv ~doc)

let enum docv choices names doc =
  let doc = Printf.sprintf "%s: %s." doc (Arg.doc_alts_enum choices) in
  option names (Arg.enum choices) ~docv doc

let single =
  let make host name memory overhead vcpus cores policy strategy reserve
      node_reserve allowed_cpus allowed_nodes explain config =
    let given name option = Option.map (fun _ -> name) option in
    let request switched ~overhead ~memory ~vcpus =
      let or_switched value of_switches =
        Option.value value ~default:(of_switches switched)
      in
      let policy = or_switched policy Config.policy in
      let strategy = or_switched strategy Config.strategy in
      Request.v ?name ?cores ?allowed_cpus ?allowed_nodes ~overhead ~policy
        ~strategy ~memory ~vcpus ()
    in
    {
      host
    ; memory
    ; overhead
    ; vcpus
    ; policy
    ; reserve
    ; node_reserve
    ; explain
    ; config
    ; request
    ; given=
        List.filter_map Fun.id
          [
            given "--host" host
          ; given "--name" name
          ; given "--memory" memory
          ; given "--overhead" overhead
          ; given "--vcpus" vcpus
          ; given "--cores" cores
          ; given "--policy" policy
          ; given "--strategy" strategy
          ; given "--reserve" reserve
          ; given "--node-reserve" node_reserve
          ; given "--allowed-cpus" allowed_cpus
          ; given "--allowed-nodes" allowed_nodes
          ; given "--config" config
          ; (if explain then Some "--explain" else None)
          ]
    }
  in
  let size names doc = option names Convert.size ~docv:"SIZE" doc in
  Term.(
    const make
    $ option ["host"] (Convert.text ~docv:"FILE") ~docv:"FILE"
        "The host: a snapshot in JSON, what $(b,xl info -n) printed, or a \
         directory laid out like Linux's /sys. $(b,-) is standard input. In a \
         Xen's control domain, that Xen unless given."
    $ option ["name"] (Convert.text ~docv:"NAME") ~docv:"NAME"
        "What to call the VM."
    $ option ["memory"] Convert.memory ~docv:"SIZE"
        "The VM's memory: what its builder will populate."
    $ size ["overhead"]
        "What the VM needs beside its memory: its pool, and vCPUs and \
         structures where there is room for them. What a placement leaves \
         unless given."
    $ option ["vcpus"] (Convert.number ~least:1) ~docv:"N" "The VM's vCPUs."
    $ option ["cores"] (Convert.number ~least:0) ~docv:"N"
        "The cores that its nodes must have; as many as vCPUs unless given, \
         or none for the policies any and prio_mem_only."
    $ enum "POLICY" Request.policies ["policy"]
        "How strictly it is placed, as switched unless given"
    $ enum "STRATEGY" Request.strategies ["strategy"]
        "Which of equally near sets of nodes it takes, as switched unless \
         given: spread by default, the least used one, as balance and pack \
         look at memory only and put VMs on one socket beside an idle one"
    $ size ["reserve"]
        "What is left alone on the host; as switched unless given."
    $ size ["node-reserve"]
        "What is left alone on each node; as switched unless given."
    $ option ["allowed-cpus"] Convert.ids ~docv:"LIST"
        "The CPUs that the VM may use, such as 0-7,16; all unless given."
    $ option ["allowed-nodes"] Convert.ids ~docv:"LIST"
        "The nodes that the VM may use, such as 0,1; all unless given."
    $ Arg.(
        value & flag
        & info ["explain"]
            ~doc:
              "Say what each other node is short of by itself; which closer or \
               smaller sets of nodes did not do, and by how much; what chose \
               the nodes; and which would be taken if not for these, how much \
               farther they are, and how much room they have. See REASONS."
      )
    $ option ["config"] (Convert.text ~docv:"FILE") ~docv:"FILE"
        "The file with the switches, such as /etc/xenopsd.conf, $(b,-) for \
         standard input; the defaults unless given."
  )

let json =
  let doc = "Print one line of JSON. A batch is always JSON." in
  Arg.(value & flag & info ["json"] ~doc)

let batch =
  option ["batch"] (Convert.text ~docv:"FILE") ~docv:"FILE"
    "Answer each line of $(docv), $(b,-) for standard input, by a line; see \
     BATCHES."
