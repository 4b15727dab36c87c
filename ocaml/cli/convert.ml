open Xenopsd_numa
open Xenopsd_numa_formats
open Cmdliner

let conv ~docv parse print =
  let parse text = Result.map_error (fun error -> `Msg error) (parse text) in
  Arg.conv ~docv (parse, print)

let mismatch found expected =
  Error (Printf.sprintf "found %s, expected %s" found expected)

let text ~docv =
  let parse = function
    | "" ->
        mismatch "\"\"" "some text"
    | text ->
        Ok text
  in
  conv ~docv parse Format.pp_print_string

let print_size ppf size = Format.pp_print_string ppf (Size.to_string size)

let size = conv ~docv:"SIZE" Size.of_string print_size

let memory =
  let at_least_one size =
    if Size.compare size Size.zero > 0 then
      Ok size
    else
      mismatch (Size.to_string size) "at least 1 byte"
  in
  conv ~docv:"SIZE"
    (fun text -> Result.bind (Size.of_string text) at_least_one)
    print_size

let number ~least =
  let parse text =
    match Id_list.decimal text with
    | Some number when number >= least ->
        Ok number
    | Some _ | None ->
        mismatch (Error.excerpt text)
          (Printf.sprintf "a number of at least %d" least)
  in
  conv ~docv:"N" parse Format.pp_print_int

let ids =
  let parse text =
    Result.map_error
      (fun (found, expected) ->
        Printf.sprintf "found %s, expected %s" found expected
      )
      (Id_list.of_string text)
  in
  conv ~docv:"LIST" parse Fmt.(list ~sep:comma int)

let verbose =
  let set verbose =
    Logs.set_level (Some (if verbose then Logs.Debug else Logs.Warning))
  in
  let doc = "Say on standard error what is done." in
  Term.(const set $ Arg.(value & flag & info ["v"; "verbose"] ~doc))
