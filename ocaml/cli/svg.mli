(** Pieces of an SVG drawing, as text. Coordinates are in pixels. *)

type t
(** Some elements, one after the other. *)

val empty : t

val ( ++ ) : t -> t -> t
(** The second one is drawn over the first. *)

val all : t list -> t

(** Where a text stands from its coordinates. *)
type anchor = Start | Middle | End

val text :
     ?anchor:anchor
  -> ?size:int
  -> ?bold:bool
  -> ?fill:string
  -> ?most:float
  -> x:float
  -> y:float
  -> string
  -> t
(** One line; cut where it would be wider than [most], and nothing if hardly
    anything were left of it. What XML cannot have in
    it becomes U+FFFD. *)

val text_width : size:int -> string -> float
(** At least as wide as it will be. *)

val rect :
     ?stroke:string
  -> ?title:string
  -> fill:string
  -> x:float
  -> y:float
  -> width:float
  -> height:float
  -> unit
  -> t
(** [title] is shown when the mouse is over it. *)

val line :
     ?dashed:bool
  -> ?width:float
  -> stroke:string
  -> float * float
  -> float * float
  -> t

val polygon : fill:string -> (float * float) list -> t

val hatched : id:string -> colour:string -> t
(** A pattern, to be filled with [url(#id)]. *)

val document : width:float -> height:float -> title:string -> t -> string
(** A whole file, on white. *)
