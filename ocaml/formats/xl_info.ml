open Xenopsd_numa

let ( let* ) = Result.bind

type cpu = {core: int option; socket: int option; node: int option}

type node = {line: int; size: Size.t; free: Size.t; distances: int option list}

module Ids = Map.Make (Int)
module Keys = Map.Make (String)

type section = Keys | Cpus_head | Cpus | Nodes_head | Nodes | Devices | After

type state = {
    section: section
  ; keys: (int * string) Keys.t  (** line and value *)
  ; cpus: cpu Ids.t
  ; nodes: node Ids.t
  ; tables: string list  (** those begun *)
}

(** What is wrong with a line. *)
type fault = {at: int; found: string; expected: string}

let fault at text expected = Error {at; found= Error.excerpt text; expected}

let start =
  {
    section= Keys
  ; keys= Keys.empty
  ; cpus= Ids.empty
  ; nodes= Ids.empty
  ; tables= []
  }

let is_blank = function ' ' | '\t' | '\r' -> true | _ -> false

let words text =
  String.map (fun c -> if is_blank c then ' ' else c) text
  |> String.split_on_char ' '
  |> List.filter (fun word -> word <> "")

let unknown = ["-1"; "4294967295"]

(* Cores, sockets, nodes and distances are 32 bits wide in Xen. *)
let number line text =
  match Id_list.decimal text with
  | _ when List.mem text unknown ->
      Ok None
  | Some value when value < 0xffffffff ->
      Ok (Some value)
  | Some _ | None ->
      fault line text "a number of 32 bits, or -1"

let id line text =
  let digits =
    match String.index_opt text ':' with
    | Some colon when colon = String.length text - 1 ->
        Id_list.decimal (String.sub text 0 colon)
    | Some _ | None ->
        None
  in
  match digits with
  | Some id when id <= Id_list.max_id ->
      Ok id
  | Some _ | None ->
      fault line text
        (Printf.sprintf "a number from 0 to %d and a colon" Id_list.max_id)

let mib line text =
  let largest = Size.max_bytes / 1048576 in
  match Id_list.decimal text with
  | Some mib when mib <= largest ->
      Ok (Size.mib mib)
  | Some _ | None ->
      fault line text (Printf.sprintf "MiB, a number from 0 to %d" largest)

let once line text what id table =
  if Ids.mem id table then
    fault line text (Printf.sprintf "%s %d once" what id)
  else
    Ok ()

let cpu_row line text state =
  match words text with
  | [cpu; core; socket; node] ->
      let* cpu = id line cpu in
      let* core = number line core in
      let* socket = number line socket in
      let* node = number line node in
      let* () = once line text "CPU" cpu state.cpus in
      Ok {state with cpus= Ids.add cpu {core; socket; node} state.cpus}
  | _ ->
      fault line text "a line such as 0: 0 0 0 (CPU, core, socket, node)"

(* Far more than Xen has, and few enough for a matrix of them. *)
let max_nodes = 1024

let distances line text =
  let row = String.split_on_char ',' text in
  if List.compare_length_with row max_nodes > 0 then
    fault line text (Printf.sprintf "at most %d distances" max_nodes)
  else
    Json_field.map_list (fun _ distance -> number line distance) row

let node_row line text state =
  match words text with
  | [node; size; free; row] ->
      let* node = id line node in
      let* size = mib line size in
      let* free = mib line free in
      let* distances = distances line row in
      let* () = once line text "node" node state.nodes in
      let row = {line; size; free; distances} in
      Ok {state with nodes= Ids.add node row state.nodes}
  | _ ->
      fault line text "a line such as 0: 65536 60672 10,21 (node, MiB, MiB)"

let begin_table line key section state =
  if List.mem key state.tables then
    fault line key "the table once"
  else
    Ok {state with section; tables= key :: state.tables}

let known_keys =
  ["host"; "nr_cpus"; "nr_nodes"; "free_memory"; "outstanding_claims"]

(* xm's tables are others, and some of its versions print no distances. *)
let keys_of_xm = ["node_to_cpu"; "node_to_memory"; "node_to_dma32_mem"]

let is_head_of_xm text =
  match words text with "node:" :: "TotalMemory" :: _ -> true | _ -> false

let other_format line text =
  fault line text "what xl info -n prints; xm info -n has another format"

(** Whether the line is a shell's prompt, with or without a command: people
    paste these too. A sign that a prompt ends in stands before a blank or the
    end, and no key does. *)
let is_prompt text =
  let is_sign = function '#' | '$' | '%' | '>' -> true | _ -> false in
  let ends_word at = at + 1 = String.length text || is_blank text.[at + 1] in
  let rec look at =
    at < String.length text
    && not (text.[at] = ':' && ends_word at)
    && ((is_sign text.[at] && ends_word at) || look (at + 1))
  in
  look 0

(* After the tables another command's output may follow. *)
let prompt state =
  {state with section= (if state.tables = [] then Keys else After)}

let key_line line text state =
  match String.index_opt text ':' with
  | None ->
      fault line text
        "a key and a colon, as xl info -n prints, or a JSON object"
  | Some colon -> (
      let key = String.trim (String.sub text 0 colon) in
      let value =
        String.trim
          (String.sub text (colon + 1) (String.length text - colon - 1))
      in
      match key with
      | key when List.mem key keys_of_xm ->
          other_format line text
      | "cpu_topology" ->
          begin_table line key Cpus_head state
      | "numa_info" ->
          begin_table line key Nodes_head state
      | "device topology" ->
          begin_table line key Devices state
      | key when not (List.mem key known_keys) ->
          Ok {state with section= Keys}
      | key when Keys.mem key state.keys ->
          fault line text (key ^ " once")
      | "host" when not (Json_syntax.is_utf8 value) ->
          fault line value "UTF-8"
      | key ->
          let keys = Keys.add key (line, value) state.keys in
          Ok {state with keys; section= Keys}
    )

let head line text columns section state =
  if words text = columns then
    Ok {state with section}
  else
    fault line text (String.concat " " columns)

let is_letter text =
  match text.[0] with 'a' .. 'z' | 'A' .. 'Z' -> true | _ -> false

(* Rows begin with digits, keys with a letter; all of it may be indented. *)
let read_line line text state =
  match (state.section, String.trim text) with
  | After, _ | _, "" ->
      Ok state
  | _, trimmed when is_prompt trimmed ->
      Ok (prompt state)
  | Cpus_head, _ ->
      head line text ["cpu:"; "core"; "socket"; "node"] Cpus state
  | Nodes_head, trimmed when is_head_of_xm trimmed ->
      other_format line text
  | Nodes_head, _ ->
      head line text ["node:"; "memsize"; "memfree"; "distances"] Nodes state
  | Cpus, trimmed when not (is_letter trimmed) ->
      cpu_row line text state
  | Nodes, trimmed when not (is_letter trimmed) ->
      node_row line text state
  | Devices, trimmed
    when not (is_letter trimmed && String.contains trimmed ':') ->
      Ok state
  | (Keys | Cpus | Nodes | Devices), _ ->
      key_line line text state

(* What xl prints is far shorter; anything else is refused quickly. *)
let max_line_bytes = 65536

let rec read_lines text line at state =
  if at >= String.length text then
    Ok state
  else
    let last =
      Option.value (String.index_from_opt text at '\n')
        ~default:(String.length text)
    in
    let row = String.sub text at (min max_line_bytes (last - at)) in
    if last - at > max_line_bytes then
      fault line row (Printf.sprintf "at most %d bytes" max_line_bytes)
    else
      let* state = read_line line row state in
      read_lines text (line + 1) (last + 1) state

let key_value state key read =
  match Keys.find_opt key state.keys with
  | None ->
      Ok None
  | Some (line, value) ->
      Result.map (fun value -> Some (line, value)) (read line value)

(* A table that was cut off would otherwise read as a smaller host. *)
let complete state =
  let at_least key rows what =
    let* count = key_value state key number in
    match count with
    | Some (line, Some count) when Ids.cardinal rows < count ->
        Error
          {
            at= line
          ; found= Printf.sprintf "%s %d" key count
          ; expected=
              Printf.sprintf "%d, as many %s as have a line"
                (Ids.cardinal rows) what
          }
    | Some _ | None ->
        Ok ()
  in
  let* () = at_least "nr_cpus" state.cpus "CPUs" in
  at_least "nr_nodes" state.nodes "nodes"

let check_row width (id, row) =
  if List.length row.distances <> width then
    Error
      {
        at= row.line
      ; found= Printf.sprintf "%d distances" (List.length row.distances)
      ; expected= Printf.sprintf "%d, as in the first row" width
      }
  else if id >= width then
    Error
      {
        at= row.line
      ; found= Printf.sprintf "node %d" id
      ; expected= Printf.sprintf "0 to %d, as there are distances" (width - 1)
      }
  else
    Ok ()

(* What xl prints as the distance to a node that has no line is meaningless. *)
let matrix width nodes =
  let row a =
    match Ids.find_opt a nodes with
    | None ->
        Array.make width None
    | Some row ->
        let only_online b distance =
          if Ids.mem b nodes then distance else None
        in
        Array.of_list (List.mapi only_online row.distances)
  in
  Array.init width row

let cpu_of {core; socket; node} = Host.unknown_cpu ?node ?core ?socket ()

let host state width free outstanding =
  let cpu_count =
    Option.fold ~none:0
      ~some:(fun (last, _) -> last + 1)
      (Ids.max_binding_opt state.cpus)
  in
  let cpu i =
    Option.fold (Ids.find_opt i state.cpus)
      ~none:(Host.unknown_cpu ()) ~some:cpu_of
  in
  let node i =
    match Ids.find_opt i state.nodes with
    | Some {size; free; _} ->
        Host.node ~size ~free ()
    | None ->
        Host.offline_node
  in
  let mib (size : Size.t) = (size :> int) / 1048576 in
  let host_outstanding = Option.value outstanding ~default:Size.zero in
  let host_free =
    Option.map (fun free -> Size.mib (mib free + mib host_outstanding)) free
  in
  let name = Option.map snd (Keys.find_opt "host" state.keys) in
  Host.v ?name ~source:"xl info -n" ?host_free ~host_outstanding
    ~distances:(matrix width state.nodes)
    ~cpus:(Array.init cpu_count cpu)
    ~nodes:(Array.init width node)
    ()

let of_string ~file text =
  let at_line {at; found; expected} =
    Error.fault ~file (Error.Line at) ~found ~expected
  in
  let lift result = Result.map_error at_line result in
  let* state = lift (read_lines text 1 0 start) in
  let missing table =
    let found, expected =
      if List.mem table state.tables then
        ("no line in the table " ^ table, "at least one")
      else
        ("no table " ^ table, "what xl info -n prints, or a JSON object")
    in
    Error (Error.fault ~file Error.Whole ~found ~expected)
  in
  match Ids.min_binding_opt state.nodes with
  | None ->
      missing "numa_info"
  | Some _ when not (List.mem "cpu_topology" state.tables) ->
      missing "cpu_topology"
  | Some (_, first) ->
      let width = List.length first.distances in
      let* () =
        Ids.bindings state.nodes
        |> Json_field.map_list (fun _ row -> check_row width row)
        |> Result.map ignore |> lift
      in
      let* () = lift (complete state) in
      let value key = Result.map (Option.map snd) (key_value state key mib) in
      let* free = lift (value "free_memory") in
      let* outstanding = lift (value "outstanding_claims") in
      host state width free outstanding
      |> Result.map_error (Error.of_core ~file)
