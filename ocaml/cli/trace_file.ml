open Xenopsd_numa_formats
open Xenopsd_numa_model

let ( let* ) = Result.bind

let choice =
  let expected = "[event, actor]" in
  Json_field.v ~expected (fun ~path json ->
      let* numbers = Json_field.(read (list count)) ~path json in
      match numbers with
      | [event; actor] ->
          Ok {Simulation.event; actor}
      | numbers ->
          let found = Printf.sprintf "a list of %d" (List.length numbers) in
          Json_field.invalid ~path ~found ~expected
  )

let read path =
  let file = Source.name path in
  let* text = Source.read path in
  match Json_syntax.parse text with
  | Error {line; found; expected} ->
      Error (Error.fault ~file (Error.Line line) ~found ~expected)
  | Ok json ->
      Json_field.(read (list choice)) ~path:"" json
      |> Result.map Array.of_list
      |> Result.map_error (Error.of_core ~file)

let to_json choices : Yojson.Safe.t =
  let pair {Simulation.event; actor} : Yojson.Safe.t =
    `List [`Int event; `Int actor]
  in
  `List (Array.to_list (Array.map pair choices))
