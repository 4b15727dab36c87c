open Xenopsd_numa
open Xenopsd_numa_model
open Cmdliner

type toolstacks = One of Simulation.toolstack | All

type settings = {
    seed: int option
  ; seeds: int list option
  ; flavour: Model.flavour
  ; variants: Simulation.variant list
  ; strategy: Request.strategy option
  ; toolstacks: toolstacks
  ; schedule: Simulation.schedule
  ; json: bool
  ; drawing: string option
}

let scenario =
  let doc =
    "What happens: a scenario that is built in (see $(b,--list)), the file of \
     one, or $(b,-) for standard input."
  in
  Arg.(value & pos 0 (some string) None & info [] ~docv:"SCENARIO" ~doc)

let list =
  let doc = "List the scenarios that are built in, and what each shows." in
  Arg.(value & flag & info ["list"] ~doc)

let seed =
  let doc =
    "The same seed gives the same result: it decides sizes, durations and \
     whatever comes of chance. 1 unless given."
  in
  Arg.(
    value
    & opt (some (Convert.number ~least:0)) None
    & info ["seed"] ~docv:"N" ~doc
  )

let seeds =
  let doc =
    "Run with each of these seeds, such as 1-20, and print what all runs of a \
     toolstack come to: sums, of the memory away from its vCPUs the mean of a \
     start, of the times until all run the mean of a run."
  in
  Arg.(
    value & opt (some Convert.ids) None & info ["seeds"] ~docv:"LIST" ~doc
  )

let flavours =
  let named (flavour : Model.flavour) = (flavour.name, flavour) in
  List.map named Model.flavours

let flavour =
  let doc =
    Printf.sprintf
      "How the modelled Xen accounts claims: %s. See $(b,FLAVOURS)."
      (Arg.doc_alts_enum flavours)
  in
  Arg.(
    value
    & opt (enum flavours) Model.upstream
    & info ["flavour"] ~docv:"FLAVOUR" ~doc
  )

let variant =
  let one (name, variant) = (name, [variant]) in
  let both = List.map snd Simulation.variants in
  let choices = List.map one Simulation.variants @ [("both", both)] in
  let doc =
    Printf.sprintf
      "Whether VM memory that is a share of the host is a multiple of 2 MiB: \
       %s. Without such a VM it makes no difference."
      (Arg.doc_alts_enum choices)
  in
  Arg.(value & opt (enum choices) both & info ["variant"] ~docv:"VARIANT" ~doc)

let strategy =
  let doc =
    Printf.sprintf
      "Which of equally near sets of nodes VMs take, with this project's \
       protocol: %s. The scenario's own unless given, or the default where it \
       has none."
      (Arg.doc_alts_enum Request.strategies)
  in
  Arg.(
    value
    & opt (some (enum Request.strategies)) None
    & info ["strategy"] ~docv:"STRATEGY" ~doc
  )

let toolstack_names =
  let one (toolstack : Simulation.toolstack) =
    (toolstack.name, One toolstack)
  in
  List.map one Simulation.toolstacks @ [("all", All)]

let toolstack =
  let doc =
    Printf.sprintf "Who starts the VMs: %s. See $(b,TOOLSTACKS)."
      (Arg.doc_alts_enum toolstack_names)
  in
  Arg.(
    value
    & opt (enum toolstack_names) (One Simulation.ours)
    & info ["toolstack"] ~docv:"NAME" ~doc
  )

let json =
  let doc = "Print one line of JSON." in
  Arg.(value & flag & info ["json"] ~doc)

let drawing =
  let doc =
    "Draw used, claimed and free memory of the host and of each node over \
     time, and what each VM's toolstack is at, into $(docv), which is tried \
     before anything is run and replaced when the drawing is done; with \
     $(b,-) the drawing is all that is printed."
  in
  Arg.(
    value
    & opt (some (Convert.text ~docv:"FILE")) None
    & info ["svg"] ~docv:"FILE" ~doc
  )

(** How seldom another actor goes next than the one that is due: one in … *)
let random_one_in = 4

let schedules =
  Simulation.
    [
      ("timed", Timed)
    ; ("round-robin", Round_robin)
    ; ("random", Random random_one_in)
    ]

let schedule =
  let doc =
    Printf.sprintf
      "Who goes next: %s. $(b,timed) is the actor that is due first, \
       $(b,round-robin) one after the other, $(b,random) one time in %d any \
       other, so that the others are late; of a run that fails it prints the \
       choices that it takes to fail."
      (Arg.doc_alts_enum schedules)
      random_one_in
  in
  Arg.(
    value
    & opt (enum schedules) Simulation.Timed
    & info ["schedule"] ~docv:"SCHEDULE" ~doc
  )

let trace =
  let doc =
    "The actor that is due first goes next, but for the choices in $(docv), \
     which $(b,--schedule random) printed; with the same other options it is \
     the same failure."
  in
  Arg.(
    value
    & opt (some (Convert.text ~docv:"FILE")) None
    & info ["trace"] ~docv:"FILE" ~doc
  )

let settings =
  let v seed seeds flavour variants strategy toolstacks schedule json drawing =
    {
      seed
    ; seeds
    ; flavour
    ; variants
    ; strategy
    ; toolstacks
    ; schedule
    ; json
    ; drawing
    }
  in
  Term.(
    const v
    $ seed
    $ seeds
    $ flavour
    $ variant
    $ strategy
    $ toolstack
    $ schedule
    $ json
    $ drawing
  )
