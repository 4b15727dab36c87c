open Xenopsd_numa_formats
open Xenopsd_numa_model
open Timeline

let ( ++ ) = Svg.( ++ )

(** What a VM is at, in as few kinds as colours can show. *)
type stage =
  | Destroyed
  | Created
  | Placed
  | Prepared
  | Built
  | Finished
  | Running

let stage_of : Simulation.happening -> stage option = function
  | Destroy ->
      Some Destroyed
  | Create | Set_maximum ->
      Some Created
  | Look_for_memory | Place | Plan_and_claim ->
      Some Placed
  | Fill_pool | Create_vcpus | Pin ->
      Some Prepared
  | Build ->
      Some Built
  | End_of_build | Start_devices ->
      Some Finished
  | Runs ->
      Some Running
  | Phase | Restart | Fails | Gone ->
      None

let stages =
  [
    (Created, "#b6bec8", "created")
  ; (Placed, "#f0c419", "placed, claimed, waiting")
  ; (Prepared, "#58b5a8", "pool and vCPUs")
  ; (Built, "#2f6fb0", "built")
  ; (Finished, "#9cc3e6", "device model")
  ; (Running, "#4c9f5e", "runs")
  ; (Destroyed, "#a37b5c", "destroyed")
  ]

let look stage =
  List.find_map
    (fun (other, colour, name) ->
      if other = stage then Some (colour, name) else None
    )
    stages
  |> Option.value ~default:(ink, "")

let legend = List.map (fun (_, colour, name) -> (colour, name)) stages

let most_lanes = 64

(** The VMs in the order in which they are first heard of, each with its events,
    the last one first. *)
let lanes_of (events : Simulation.event list) =
  let known = Hashtbl.create 64 in
  let add names (event : Simulation.event) =
    match event.happened with
    | Phase | Restart ->
        names
    | Destroy | Create | Set_maximum | Look_for_memory | Place | Fill_pool
    | Create_vcpus | Plan_and_claim | Pin | Build | End_of_build
    | Start_devices | Runs | Fails | Gone -> (
      match Hashtbl.find_opt known event.what with
      | Some others ->
          others := event :: !others ; names
      | None ->
          let own = ref [event] in
          Hashtbl.add known event.what own ;
          (event.what, own) :: names
    )
  in
  let lanes = List.rev (List.fold_left add [] events) in
  List.map (fun (name, own) -> (name, !own)) lanes

let bar frame ~y ~height (event : Simulation.event) ~until =
  match stage_of event.happened with
  | None ->
      Svg.empty
  | Some stage ->
      let colour, name = look stage in
      let x = x_of frame event.at_seconds in
      let title =
        Printf.sprintf "%s: %s, %.2f s to %.2f s" (Shown.name event.what) name
          event.at_seconds until
      in
      let height, y =
        match stage with
        | Running ->
            (height /. 3., y +. (height /. 3.))
        | Destroyed | Created | Placed | Prepared | Built | Finished ->
            (height, y)
      in
      let width = x_of frame until -. x in
      Svg.rect ~title ~fill:colour ~x ~y ~width ~height ()

let cross ~x ~y ~height =
  let r = min 5. (height /. 2.) and y = y +. (height /. 2.) in
  Svg.line ~width:2.5 ~stroke:wrong (x -. r, y -. r) (x +. r, y +. r)
  ++ Svg.line ~width:2.5 ~stroke:wrong (x -. r, y +. r) (x +. r, y -. r)

let lane frame ~y ~height ~until (name, last_first) =
  let add (drawn, until) (event : Simulation.event) =
    (bar frame ~y ~height event ~until :: drawn, event.at_seconds)
  in
  let bars, _ = List.fold_left add ([], until) last_first in
  let failures =
    List.filter
      (fun (event : Simulation.event) -> event.happened = Fails)
      last_first
  in
  Svg.text ~anchor:End ~size:11 ~most:(frame.x0 -. 12.) ~x:(frame.x0 -. 6.)
    ~y:(y +. (height /. 2.) +. 4.)
    (Shown.name name)
  ++ Svg.line ~stroke:grid
       (frame.x0, y +. (height /. 2.))
       (frame.x1, y +. (height /. 2.))
  ++ Svg.all bars
  ++ Svg.all
       (List.rev_map
          (fun (event : Simulation.event) ->
            cross ~x:(x_of frame event.at_seconds) ~y ~height
          )
          failures
       )

let draw frame ~y0 ~until (timeline : Simulation.timeline) =
  let lanes = lanes_of timeline.events in
  let shown = List.filteri (fun i _ -> i < most_lanes) lanes in
  let pitch = 18. in
  let one i own =
    lane frame ~y:(y0 +. (float_of_int i *. pitch)) ~height:13. ~until own
  in
  let bottom = y0 +. (float_of_int (List.length shown) *. pitch) in
  match List.length lanes - List.length shown with
  | 0 ->
      (Svg.all (List.mapi one shown), bottom)
  | more ->
      let text = Printf.sprintf "and %d more VMs" more in
      ( Svg.all (List.mapi one shown)
        ++ Svg.text ~size:11 ~fill:faint ~x:frame.x0 ~y:(bottom +. 11.) text
      , bottom +. pitch
      )

