open Xenopsd_numa_formats
open Xenopsd_numa_model

let ( let* ) = Result.bind

let names () = String.concat ", " (List.map fst Simulation.scenarios)

let of_fault ~file = function
  | Simulation.Internal message ->
      Error.Internal message
  | Simulation.Wrong {position= None; invalid} ->
      Error.of_core ~file (Invalid invalid)
  | Simulation.Wrong {position= Some (line, column); invalid} ->
      let ({field; found; expected} : Xenopsd_numa.invalid) = invalid in
      Error.fault ~file (Error.At {line; column; field}) ~found ~expected

let of_file path =
  let* text = Source.read path in
  Simulation.of_json text
  |> Result.map_error (of_fault ~file:(Source.name path))

let read source =
  match Simulation.built_in source with
  | Some scenario ->
      Ok scenario
  | None when source = Source.standard_input || Sys.file_exists source ->
      of_file source
  | None ->
      let expected =
        Printf.sprintf "a scenario's file, or one of %s" (names ())
      in
      Error
        (Error.fault ~file:source Error.Whole ~found:"no such file" ~expected)
