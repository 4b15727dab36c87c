open Xenopsd_numa

let ( let* ) = Result.bind

let format = "xenopsd-numa-host/1"

let offline_node ~path claimed =
  match claimed with
  | None ->
      Ok Host.offline_node
  | Some claimed when Size.compare claimed Size.zero = 0 ->
      Ok Host.offline_node
  | Some claimed ->
      Json_field.invalid
        ~path:(Json_field.key ~path "claimed_bytes")
        ~found:(string_of_int (claimed :> int))
        ~expected:"0 or null, because the node is offline"

let half_node ~path ~known ~unknown =
  Json_field.invalid
    ~path:(Json_field.key ~path unknown)
    ~found:"null"
    ~expected:(Printf.sprintf "a size, because %s is one" known)

let node =
  let read ~path json =
    let size = Json_field.(nullable size) in
    let* fields = Json_field.fields ~path json in
    let* () =
      Json_field.only ["size_bytes"; "free_bytes"; "claimed_bytes"] fields
    in
    let* size_or_null = Json_field.required fields "size_bytes" size in
    let* free_or_null = Json_field.required fields "free_bytes" size in
    let* claimed = Json_field.required fields "claimed_bytes" size in
    match (size_or_null, free_or_null) with
    | Some size, Some free -> (
      match claimed with
      | Some claimed ->
          Ok (Host.node ~claimed ~size ~free ())
      | None ->
          half_node ~path ~known:"size_bytes" ~unknown:"claimed_bytes"
    )
    | None, None ->
        offline_node ~path claimed
    | Some _, None ->
        half_node ~path ~known:"size_bytes" ~unknown:"free_bytes"
    | None, Some _ ->
        half_node ~path ~known:"free_bytes" ~unknown:"size_bytes"
  in
  Json_field.v ~expected:"an object" read

let same_length path name expected values =
  let found = Array.length values in
  if found = expected then
    Ok values
  else
    Json_field.invalid
      ~path:(Json_field.key ~path name)
      ~found:(Printf.sprintf "%d CPUs" found)
      ~expected:(Printf.sprintf "%d, as many as cpu_to_node has" expected)

let cpus ~path fields =
  let ids decoder name =
    Json_field.(array (nullable decoder)) |> Json_field.required fields name
  in
  let* nodes = ids Json_field.count "cpu_to_node" in
  let* cores = ids Json_field.integer "cpu_to_core" in
  let* sockets = ids Json_field.integer "cpu_to_socket" in
  let count = Array.length nodes in
  let* cores = same_length path "cpu_to_core" count cores in
  let* sockets = same_length path "cpu_to_socket" count sockets in
  let cpu i node =
    Host.unknown_cpu ?node ?core:cores.(i) ?socket:sockets.(i) ()
  in
  Ok (Array.mapi cpu nodes)

let keys =
  [
    "format"
  ; "name"
  ; "source"
  ; "distances"
  ; "cpu_to_node"
  ; "cpu_to_core"
  ; "cpu_to_socket"
  ; "nodes"
  ; "host_free_bytes"
  ; "host_outstanding_bytes"
  ]

(* The format comes first: what is unknown may be known to a later one. *)
let of_json ~path json =
  let open Json_field in
  let* fields = fields ~path json in
  let* () = required fields "format" (one_of [(format, ())]) in
  let* () = only keys fields in
  let* name = optional fields "name" string in
  let* source = optional fields "source" string in
  let* distances =
    required fields "distances" (array (array (nullable count)))
  in
  let* cpus = cpus ~path fields in
  let* nodes = required fields "nodes" (array node) in
  let* host_free = required fields "host_free_bytes" size in
  let* host_outstanding = required fields "host_outstanding_bytes" size in
  Host.v ?name ?source ~host_free ~host_outstanding ~distances ~cpus ~nodes ()
  |> Result.map_error (under path)

let of_string ~file text =
  match Json_syntax.parse text with
  | Error {line; found; expected} ->
      Error (Error.fault ~file (Error.Line line) ~found ~expected)
  | Ok json ->
      of_json ~path:"" json |> Result.map_error (Error.of_core ~file)

let or_null f = Option.fold ~none:`Null ~some:f

let int_or_null = or_null (fun i -> `Int i)

let size (size : Size.t) = `Int (size :> int)

let list f values = `List (Array.to_list (Array.map f values))

let node_to_json Host.{size= span; free; claimed} =
  `Assoc
    [
      ("size_bytes", or_null size span)
    ; ("free_bytes", or_null size free)
    ; ("claimed_bytes", size claimed)
    ]

let members host : (string * Yojson.Safe.t) list =
  let cpus = Host.cpus host in
  [
    ("format", `String format)
  ; ("name", Json_syntax.string (Host.name host))
  ; ("source", Json_syntax.string (Host.source host))
  ; ("distances", list (list int_or_null) (Host.distances host))
  ; ("cpu_to_node", list (fun cpu -> int_or_null cpu.Host.node) cpus)
  ; ("cpu_to_core", list (fun cpu -> int_or_null cpu.Host.core) cpus)
  ; ("cpu_to_socket", list (fun cpu -> int_or_null cpu.Host.socket) cpus)
  ; ("nodes", list node_to_json (Host.nodes host))
  ; ("host_free_bytes", size (Host.host_free host))
  ; ("host_outstanding_bytes", size (Host.host_outstanding host))
  ]

let to_json host = `Assoc (members host)

let nests = function `List _ | `Assoc _ -> true | _ -> false

let value_to_string (json : Yojson.Safe.t) =
  match json with
  | `List rows when List.exists nests rows ->
      let rows = List.map (fun row -> Yojson.Safe.to_string row) rows in
      Printf.sprintf "[\n  %s\n ]" (String.concat ",\n  " rows)
  | json ->
      Yojson.Safe.to_string json

let to_string host =
  let member (key, value) =
    Printf.sprintf " \"%s\": %s" key (value_to_string value)
  in
  Printf.sprintf "{\n%s\n}\n"
    (String.concat ",\n" (List.map member (members host)))
