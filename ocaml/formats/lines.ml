type t = {
    fd: Unix.file_descr
  ; max_bytes: int
  ; chunk: bytes
  ; mutable first: int  (** what is unread in [chunk] begins here … *)
  ; mutable last: int  (** … and ends before here *)
  ; line: Buffer.t
}

let of_fd ?(max_bytes = Source.max_bytes) fd =
  {
    fd
  ; max_bytes
  ; chunk= Bytes.create 65536
  ; first= 0
  ; last= 0
  ; line= Buffer.create 65536
  }

type line = Line of string | Too_long | End | Unreadable of string

(* A single huge line must not keep its memory for all that follow. *)
let taken t =
  let line = Buffer.contents t.line in
  if Buffer.length t.line > 1024 * 1024 then
    Buffer.reset t.line
  else
    Buffer.clear t.line ;
  Line line

let rec next_part ~before_waiting ~fits t =
  if t.first < t.last then
    let newline = Bytes.index_from_opt t.chunk t.first '\n' in
    let until, ended =
      match newline with
      | Some newline when newline < t.last ->
          (newline, true)
      | Some _ | None ->
          (t.last, false)
    in
    let length = until - t.first in
    let fits = fits && Buffer.length t.line + length <= t.max_bytes in
    if fits then
      Buffer.add_subbytes t.line t.chunk t.first length
    else
      Buffer.reset t.line ;
    t.first <- (if ended then until + 1 else until) ;
    match (ended, fits) with
    | true, true ->
        taken t
    | true, false ->
        Too_long
    | false, fits ->
        next_part ~before_waiting ~fits t
  else (
    before_waiting () ;
    match Source.read_some t.fd t.chunk with
    | Error message ->
        Unreadable message
    | Ok 0 when not fits ->
        Too_long
    | Ok 0 when Buffer.length t.line > 0 ->
        taken t
    | Ok 0 ->
        End
    | Ok read ->
        t.first <- 0 ;
        t.last <- read ;
        next_part ~before_waiting ~fits t
  )

let next ~before_waiting t = next_part ~before_waiting ~fits:true t
