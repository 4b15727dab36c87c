open Xenopsd_numa
open Xenopsd_numa_formats
open Xenopsd_numa_model
open Timeline
open Simulate_tables

let ( ++ ) = Svg.( ++ )

let width = 1200.

let left = 96.

let right = 24.

let room = width -. left -. right

let last_second (timeline : Simulation.timeline) =
  let samples =
    List.fold_left
      (fun most (s : Simulation.sample) -> max most s.at_seconds)
      0. timeline.samples
  in
  List.fold_left
    (fun most (e : Simulation.event) -> max most e.at_seconds)
    samples timeline.events

let marks frame ~y0 ~y1 (timeline : Simulation.timeline) ~until =
  let phases =
    List.filter
      (fun (event : Simulation.event) -> event.happened = Phase)
      timeline.events
  in
  let rec phase i = function
    | [] ->
        []
    | (event : Simulation.event) :: rest ->
        let until =
          match rest with
          | [] ->
              until
          | (next : Simulation.event) :: _ ->
              next.at_seconds
        in
        let x = x_of frame event.at_seconds in
        let text = Printf.sprintf "%d %s" i (Shown.name event.what) in
        let label =
          Svg.text ~size:11 ~fill:faint ~x:(x +. 3.) ~y:(y0 -. 5.)
            ~most:(x_of frame until -. x -. 5.)
            text
        in
        let mark =
          Svg.line ~dashed:true ~stroke:"#8c959f" (x, y0 -. 16.) (x, y1)
        in
        (mark ++ label) :: phase (i + 1) rest
  in
  let restart drawn (event : Simulation.event) =
    match event.happened with
    | Restart ->
        let x = x_of frame event.at_seconds in
        drawn
        ++ Svg.line ~width:1.5 ~dashed:true ~stroke:Timeline.wrong (x, y0)
             (x, y1)
    | Phase | Destroy | Create | Set_maximum | Look_for_memory | Place
    | Fill_pool | Create_vcpus | Plan_and_claim | Pin | Build | End_of_build
    | Start_devices | Runs | Fails | Gone ->
        drawn
  in
  Svg.all (phase 1 phases) ++ List.fold_left restart Svg.empty timeline.events

let figures (run : Simulation.run) =
  Fmt.str
    "%d starts, %d failed, %d on one node; %a remote; %.0f GiB s over-claimed; \
     all running after %.1f s"
    (List.length run.starts) run.failed_starts run.starts_on_one_node Size.pp
    (Size.pages run.remote_pages)
    (gib run.overclaimed_page_seconds)
    run.seconds_to_all_running

let phases (timeline : Simulation.timeline) =
  let names =
    List.filter_map
      (fun (event : Simulation.event) ->
        if event.happened = Phase then Some (Shown.name event.what) else None
      )
      timeline.events
  in
  "phases: "
  ^ String.concat ", "
      (List.mapi (fun i name -> Printf.sprintf "%d %s" (i + 1) name) names)

(** Notes on a run, in which colour: what Xen gets wrong is not the
    toolstack's fault. *)
let notes (run : Simulation.run) =
  let badly = badly_ended run and found = wrong_in_xen run in
  let xen = run.flavour.name in
  (if badly = "" then [] else [(Timeline.wrong, badly)])
  @
  if found = "" then
    []
  else
    [(faint, Printf.sprintf "what Xen %s itself gets wrong: %s" xen found)]

let panel ~seconds ~y0 (run : Simulation.run) (timeline : Simulation.timeline) =
  let frame = {x0= left; x1= width -. right; seconds} in
  let notes = notes run in
  let heading =
    Svg.text ~bold:true ~size:14 ~x:left ~y:y0 ~most:room
      (Printf.sprintf "%s, %s" run.toolstack.name
         (name_of Simulation.variants run.variant)
      )
    ++ Svg.text ~x:left ~y:(y0 +. 17.) ~most:room (figures run)
    ++ Svg.text ~fill:faint ~x:left ~y:(y0 +. 33.) ~most:room (phases timeline)
    ++ Svg.all
         (List.mapi
            (fun i (fill, text) ->
              let y = y0 +. 49. +. (16. *. float_of_int i) in
              Svg.text ~fill ~x:left ~y ~most:room text
            )
            notes
         )
  in
  let y0 = y0 +. 76. +. (16. *. float_of_int (List.length notes)) in
  let until = last_second timeline in
  let memory, bottom = Memory_panels.draw frame ~y0 ~until timeline in
  let lanes, y1 = Vm_lanes.draw frame ~y0:(bottom +. 12.) ~until timeline in
  let y1 = y1 +. 4. in
  let time = axis frame ~y0 ~y1 in
  let marks = marks frame ~y0:(y0 -. 18.) ~y1 timeline ~until in
  (heading ++ time ++ memory ++ lanes ++ marks, y1 +. 24.)

let legend_row ~y entries =
  let add (drawn, x) (fill, name) =
    let text_x = x +. 18. in
    ( drawn
      ++ Svg.rect ~stroke:"#8c959f" ~fill ~x ~y:(y -. 10.) ~width:12.
           ~height:12. ()
      ++ Svg.text ~size:11 ~x:text_x ~y name
    , text_x +. Svg.text_width ~size:11 name +. 14.
    )
  in
  fst (List.fold_left add (Svg.empty, left) entries)

(** The lines of a text that are not wider than [most], but for long words. *)
let wrapped ~size ~most text =
  let add lines word =
    match lines with
    | line :: rest when Svg.text_width ~size (line ^ " " ^ word) <= most ->
        (line ^ " " ^ word) :: rest
    | lines ->
        word :: lines
  in
  List.rev (List.fold_left add [] (String.split_on_char ' ' text))

let title (runs : Simulation.run list) =
  match runs with
  | [] ->
      "no run"
  | run :: _ ->
      let toolstacks =
        List.sort_uniq compare
          (List.map (fun (r : Simulation.run) -> r.toolstack.name) runs)
      in
      let who =
        match toolstacks with
        | [only] ->
            only
        | several ->
            Printf.sprintf "%d toolstacks" (List.length several)
      in
      Printf.sprintf "%s on Xen %s, %s, seed %d" (Shown.name run.scenario)
        run.flavour.name
        who run.seed

let svg ~about (runs : Simulation.run list) =
  let recorded =
    List.filter_map
      (fun (run : Simulation.run) ->
        Option.map (fun timeline -> (run, timeline)) run.timeline
      )
      runs
  in
  let seconds =
    List.fold_left
      (fun most (_, timeline) -> max most (last_second timeline))
      0.001 recorded
  in
  let title = title runs in
  let about = wrapped ~size:12 ~most:room (Shown.plain about) in
  let line i =
    Svg.text ~fill:faint ~x:left ~y:(50. +. (16. *. float_of_int i))
  in
  let y = 58. +. (16. *. float_of_int (List.length about)) in
  let head =
    Svg.all
      [
        Memory_panels.patterns
      ; Svg.text ~bold:true ~size:18 ~x:left ~y:30. ~most:room title
      ; Svg.all (List.mapi (fun i text -> line i ~most:room text) about)
      ; legend_row ~y Memory_panels.legend
      ; legend_row ~y:(y +. 20.) Vm_lanes.legend
      ]
  in
  let add (drawn, y0) (run, timeline) =
    let one, bottom = panel ~seconds ~y0 run timeline in
    (drawn ++ one, bottom +. 40.)
  in
  let panels, height = List.fold_left add (Svg.empty, y +. 60.) recorded in
  Svg.document ~width ~height ~title (head ++ panels)
