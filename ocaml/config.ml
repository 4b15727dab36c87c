type claims = Always | Never

type t = Raw.config_value

let default = Raw.xenopsd_numa_default_config ()

let keys =
  Array.to_list (Raw.xenopsd_numa_switches ())
  |> List.map (fun {Raw.name; about} -> (name, about))

let is_ours key = List.mem_assoc key keys

let set config ~key text =
  match Raw.xenopsd_numa_set_switch config key text with
  | Ok config ->
      Ok config
  | Error {Raw.cause= Raw.Invalid invalid; _} ->
      Error invalid
  | Error {Raw.message; _} ->
      Error {Raw.field= key; found= message; expected= "no error"}

let v ?(like = default) settings =
  List.fold_left
    (fun config (key, text) ->
      Result.bind config (fun config -> set config ~key text)
    )
    (Ok like) settings

let get (config : t) ~key =
  List.assoc_opt key (Array.to_list config.settings)

let claims (config : t) = if config.always_claim then Always else Never

let policy (config : t) = config.config_policy

let strategy (config : t) = config.config_strategy

let limits (config : t) = config.config_limits

let size bytes = Size.clamp (Option.value bytes ~default:0)

let reserve config = size (limits config).reserve_bytes

let node_reserve config = size (limits config).node_reserve_bytes

let plan_budget_steps config =
  Option.value (limits config).budget_steps ~default:0

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

(* A line is taken if it sets a switch of ours; xenopsd.conf has many others. *)
let set_line ~file config {Config_text.line; key; value} =
  match if is_ours key then set config ~key value else Ok config with
  | Ok config ->
      Ok config
  | Error {Raw.field; found; expected} ->
      Error
        (Printf.sprintf "%s: line %d: %s: found %s, expected %s" file line field
           found expected
        )

let of_text ~file text =
  match Config_text.parse text with
  | Error line ->
      Error
        (Printf.sprintf "%s: line %d: found a NUL byte, expected text" file line)
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
