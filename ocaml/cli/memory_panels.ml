open Xenopsd_numa
open Xenopsd_numa_model
open Timeline

let ( ++ ) = Svg.( ++ )

let used_colour = "#6b7f99"

let node_claim_colour = "#e8a33d"

let host_claim_colour = "#8e6bbf"

let host_claims = "url(#host)"

let free_colour = "#edf5ec"

let patterns = Svg.hatched ~id:"host" ~colour:host_claim_colour

let legend =
  [
    (used_colour, "used")
  ; (node_claim_colour, "claimed on a node")
  ; (host_claims, "claimed on the host")
  ; (free_colour, "free and not claimed")
  ; ( wrong
    , "more claimed than free, as this Xen counts; a start that failed (cross)"
    )
  ]

(** One instant of a panel: pages from the bottom to the top. *)
type level = {x: float; used: int; on_node: int; on_host: int}

let top level = level.used + level.on_node + level.on_host

let column_width = 1.

(** Of the samples of a column of pixels the one with most above the memory is
    kept, so that a short excess is seen. *)
let thinned levels =
  let column level = int_of_float (level.x /. column_width) in
  let add kept level =
    match kept with
    | last :: rest when column last = column level ->
        if top level >= top last then
          {level with x= last.x} :: rest
        else
          kept
    | kept ->
        level :: kept
  in
  List.rev (List.fold_left add [] levels)

let same a b =
  a.used = b.used && a.on_node = b.on_node && a.on_host = b.on_host

let rec without_repeats = function
  | first :: second :: rest when same first second ->
      without_repeats (first :: rest)
  | first :: rest ->
      first :: without_repeats rest
  | [] ->
      []

(** What is between [low] and [high], each held until the next level. *)
let area ~fill ~end_x ~y levels ~low ~high =
  let rec edge bound = function
    | [] ->
        []
    | [last] ->
        [(last.x, y (bound last)); (end_x, y (bound last))]
    | level :: (next :: _ as rest) ->
        (level.x, y (bound level))
        :: (next.x, y (bound level))
        :: edge bound rest
  in
  if List.for_all (fun level -> low level = high level) levels then
    Svg.empty
  else
    Svg.polygon ~fill (edge high levels @ List.rev (edge low levels))

(* What lasts or measures less could not be seen. *)
let least_excess = 3.

let memory_panel frame ~y0 ~height ~until ~name ~size levels =
  let levels = without_repeats (thinned levels) in
  let most = List.fold_left (fun most l -> max most (top l)) size levels in
  let scale = height /. (float_of_int (max 1 most) *. 1.04) in
  let y pages = y0 +. height -. (float_of_int pages *. scale) in
  let end_x = x_of frame until in
  let area fill low high = area ~fill ~end_x ~y levels ~low ~high in
  let used l = l.used in
  let on_node l = l.used + l.on_node in
  let within bound l = min size (bound l) in
  let excess l =
    if top l > size then
      max (top l) (size + int_of_float (least_excess /. scale))
    else
      size
  in
  let gib_line value =
    let at = y (int_of_float (value *. 262144.)) in
    Svg.line ~stroke:grid (frame.x0, at) (frame.x1, at)
    ++ Svg.text ~anchor:End ~size:10 ~fill:faint ~x:(frame.x0 -. 6.)
         ~y:(at +. 3.5) (tick_text value)
  in
  let capacity = y size in
  Svg.all
    [
      Svg.text ~bold:true ~size:11 ~x:(frame.x0 +. 4.) ~y:(y0 -. 4.)
        (Fmt.str "%s, %a" name Size.pp (Size.pages size))
    ; Svg.rect ~fill:free_colour ~x:frame.x0 ~y:capacity
        ~width:(end_x -. frame.x0)
        ~height:(y0 +. height -. capacity)
        ()
    ; Svg.all (List.map gib_line (ticks ~parts:3. (gib size)))
    ; area used_colour (fun _ -> 0) (within used)
    ; area node_claim_colour (within used) (within on_node)
    ; area host_claims (within on_node) (within top)
    ; area wrong (fun _ -> size) excess
    ; Svg.line ~stroke:ink (frame.x0, capacity) (end_x, capacity)
    ; Svg.line ~stroke:faint (frame.x0, y0) (frame.x0, y0 +. height)
    ; Svg.line ~stroke:faint (frame.x0, y0 +. height) (frame.x1, y0 +. height)
    ; Svg.text ~anchor:End ~size:10 ~fill:faint ~x:(frame.x0 -. 38.)
        ~y:(y0 +. (height /. 2.) +. 4.)
        "GiB"
    ]

let sum = Array.fold_left ( + ) 0

let host_level frame (timeline : Simulation.timeline)
    (sample : Simulation.sample) =
  let on_node = sum sample.claimed_pages in
  {
    x= x_of frame sample.at_seconds
  ; used= sum timeline.node_pages - sum sample.free_pages
  ; on_node
  ; on_host= max 0 (sample.outstanding_pages - on_node)
  }

let node_level frame (timeline : Simulation.timeline) node
    (sample : Simulation.sample) =
  {
    x= x_of frame sample.at_seconds
  ; used= timeline.node_pages.(node) - sample.free_pages.(node)
  ; on_node= sample.claimed_pages.(node)
  ; on_host= 0
  }

let panel_gap = 26.

let host_height = 120.

let node_height nodes = if nodes <= 4 then 84. else 48.

let draw frame ~y0 ~until (timeline : Simulation.timeline) =
  let nodes = Array.length timeline.node_pages in
  let height = node_height nodes in
  let levels of_sample = List.map of_sample timeline.samples in
  let node n =
    let above = host_height +. (float_of_int n *. (height +. panel_gap)) in
    let y0 = y0 +. panel_gap +. above in
    memory_panel frame ~y0 ~height ~until
      ~name:(Printf.sprintf "node %d" n)
      ~size:timeline.node_pages.(n)
      (levels (node_level frame timeline n))
  in
  let host =
    memory_panel frame ~y0 ~height:host_height ~until ~name:"host"
      ~size:(sum timeline.node_pages)
      (levels (host_level frame timeline))
  in
  let bottom =
    y0 +. host_height +. (float_of_int nodes *. (height +. panel_gap))
  in
  (Svg.all (host :: List.init nodes node), bottom)

