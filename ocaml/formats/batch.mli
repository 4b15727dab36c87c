(** Many plans at once: a line of JSON in, a line of JSON out.

    {v
    {"host": <snapshot or path>, "requests": [<request>, …],
     "independent": false, "together": false,
     "reserve_bytes": 0, "node_reserve_bytes": 0}
    v}

    is answered by [{"answers": [<plan>, …]}], in the order of the requests, or
    by [{"error": {"line": …, "field": …, "message": …}}]. Lines count from 1;
    blank ones count and are not answered. [field] is a path such as
    [requests[1].vcpus], or null where the line is not JSON. The last four keys
    may be left out. A line has at most 65,536 requests; later ones see what
    earlier ones took, unless [independent]. With [together] they are placed by
    {!Xenopsd_numa.plan_batch}, and the answer has what {!Plan_json.together}
    shows too. Where nodes of the host are left out, it has what
    {!Plan_json.left_out} shows.

    A path names what {!Host_file.read_regular} reads, relative to the working
    directory, and is read once in a run. *)

type t
(** Remembers the hosts that were read. *)

val create : unit -> t

(** What became of a line. *)
type outcome =
  | Answered
  | Bad_line
  | Failed  (** the core failed *)

val answer : t -> line:int -> string -> (Yojson.Safe.t * outcome) option
(** [answer t ~line text] is the answer to the line [text], whose number is
    [line]; [None] if it is blank. *)

val run :
     input:Unix.file_descr
  -> write:(string -> unit)
  -> flush:(unit -> unit)
  -> (outcome, string) result
(** [run ~input ~write ~flush] answers the lines of [input] by lines given to
    [write], flushed whenever there is no input left to read at once. It is the
    worst outcome of a line; the error says why [input] could not be read on. *)
