open Xenopsd_numa
open Xenopsd_numa_formats

type t = {
    config: Config.t
  ; file: string option
  ; lines: (string * int) list
  ; slips: (int * string) list
}

let none = {config= Config.default; file= None; lines= []; slips= []}

(* No xenopsd.conf is nearly as large. *)
let max_bytes = 1 lsl 20

let read path =
  match Source.read ~max_bytes path with
  | Error error ->
      Error (Status.of_error error)
  | Ok text -> (
      let file = Shown.name (Source.name path) in
      match Config.of_text ~file text with
      | Ok config ->
          Ok
            {
              config
            ; file= Some file
            ; lines= Config.lines text
            ; slips= Config.slips text
            }
      | Error message ->
          Logs.err (fun m -> m "%s" message) ;
          Error Status.Bad_input
    )

let warn {file; slips; _} =
  let file = Option.value file ~default:"" in
  List.iter
    (fun (line, what) ->
      Logs.warn (fun m -> m "%s: line %d: %s" file line what)
    )
    slips ;
  slips <> []

(* The last line of a switch counts. *)
let origin {file; lines; _} key =
  match (file, List.assoc_opt key (List.rev lines)) with
  | Some file, Some line ->
      Printf.sprintf "%s: line %d" file line
  | Some _, None | None, _ ->
      "default"
