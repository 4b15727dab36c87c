(** What the parts of a chart share: the scale of time, ticks, colours. *)

val ink : string

val faint : string

val grid : string

val wrong : string
(** The colour of what should not be. *)

val gib : int -> float
(** [gib pages]. *)

type frame = {x0: float; x1: float; seconds: float}
(** Where time 0 and [seconds] are, in pixels. *)

val x_of : frame -> float -> float

val ticks : parts:float -> float -> float list
(** [ticks ~parts most] is 0 to [most] in about [parts] round steps. *)

val tick_text : float -> string

val axis : frame -> y0:float -> y1:float -> Svg.t
(** Lines from [y0] to [y1], and seconds below. *)
