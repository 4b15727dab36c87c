let ( ++ ) = Svg.( ++ )

let ink = "#1f2328"

let faint = "#656d76"

let grid = "#d8dee4"

let wrong = "#d1242f"

let gib pages = float_of_int pages /. 262144.

type frame = {x0: float; x1: float; seconds: float}

let x_of frame at =
  frame.x0 +. ((frame.x1 -. frame.x0) *. at /. frame.seconds)

(** The multiple of 1, 2 or 5 times a power of ten of which about [parts] make
    [most]. *)
let step ~parts most =
  let rough = most /. parts in
  let power = 10. ** Float.of_int (int_of_float (floor (log10 rough))) in
  let nice = List.find_opt (fun n -> n *. power >= rough) [1.; 2.; 5.] in
  Option.value nice ~default:10. *. power

let ticks ~parts most =
  if most <= 0. then
    [0.]
  else
    let step = step ~parts most in
    let count = int_of_float (most /. step *. 1.000001) in
    List.init (count + 1) (fun i -> float_of_int i *. step)

let tick_text value = Printf.sprintf "%g" value

let axis frame ~y0 ~y1 =
  let tick at =
    let x = x_of frame at in
    Svg.line ~stroke:grid (x, y0) (x, y1)
    ++ Svg.line ~stroke:faint (x, y1) (x, y1 +. 4.)
    ++ Svg.text ~anchor:Middle ~size:10 ~fill:faint ~x ~y:(y1 +. 15.)
         (tick_text at ^ " s")
  in
  Svg.all (List.map tick (ticks ~parts:12. frame.seconds))
  ++ Svg.line ~stroke:faint (frame.x0, y1) (frame.x1, y1)

