include Raw.Config

let default = Raw.default_config ()

let keys =
  List.map (fun {Raw.Named.name; about} -> (name, about)) (Raw.switches ())

let is_ours key = List.mem_assoc key keys

let set config ~key text =
  match Raw.set_switch config key text with
  | Ok config ->
      Ok config
  | Error (Raw.Error.Invalid invalid) ->
      Error invalid
  | Error (Raw.Error.Internal message) ->
      Error {Raw.Invalid.field= key; found= message; expected= "no error"}

let v ?(like = default) settings =
  List.fold_left
    (fun config (key, text) ->
      Result.bind config (fun config -> set config ~key text)
    )
    (Ok like) settings

let get config ~key = List.assoc_opt key config.settings

let claims config = config.claims

let policy config = config.policy

let strategy config = config.strategy

let reserve config = config.reserve

let node_reserve config = config.node_reserve

let plan_budget_steps config = config.plan_budget_steps

let read_whole path =
  match open_in_bin path with
  | exception Sys_error message ->
      Error message
  | channel -> (
      let rec next text chunk =
        match input channel chunk 0 (Bytes.length chunk) with
        | 0 ->
            Buffer.contents text
        | read ->
            Buffer.add_subbytes text chunk 0 read ;
            next text chunk
      in
      match next (Buffer.create 4096) (Bytes.create 4096) with
      | text ->
          close_in_noerr channel ; Ok text
      | exception Sys_error message ->
          close_in_noerr channel ;
          Error (Printf.sprintf "%s: %s" path message)
    )

(* Other keys are skipped: xenopsd.conf has many. *)
let set_line ~file config {Config_text.line; key; value} =
  match if is_ours key then set config ~key value else Ok config with
  | Ok config ->
      Ok config
  | Error {Raw.Invalid.field; found; expected} ->
      Error
        (Printf.sprintf "%s: line %d: %s: found %s, expected %s" file line field
           found expected
        )

let of_text ~file text =
  match Config_text.parse text with
  | Error line ->
      Error
        (Printf.sprintf "%s: line %d: found a NUL byte, expected text" file
           line
        )
  | Ok settings ->
      List.fold_left
        (fun config setting ->
          Result.bind config (fun config -> set_line ~file config setting)
        )
        (Ok default) settings

let of_file path =
  Result.bind (read_whole path) (fun text -> of_text ~file:path text)

let lines text =
  let ours {Config_text.line; key; value= _} =
    if is_ours key then Some (key, line) else None
  in
  match Config_text.parse text with
  | Ok settings ->
      List.filter_map ours settings
  | Error _ ->
      []

let slips text = Config_text.slips ~keys:(List.map fst keys) text

let options ~report read put =
  let option (key, doc) =
    let spec text =
      match set (read ()) ~key (Config_text.value text) with
      | Ok config ->
          put config
      | Error invalid ->
          report invalid
    in
    let print () = Option.value (get (read ()) ~key) ~default:"" in
    (key, Arg.String spec, print, doc)
  in
  List.map option keys
