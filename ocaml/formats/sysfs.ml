open Xenopsd_numa

let ( let* ) = Result.bind

let ( / ) = Filename.concat

(* Real files here have a few KiB. *)
let max_bytes = 1024 * 1024

(* Linux's largest; far more than Xen has. *)
let max_nodes = 1024

let fault file place ~found ~expected =
  Error (Error.fault ~file place ~found ~expected)

let is_directory path =
  match Sys.is_directory path with
  | is_directory ->
      is_directory
  | exception Sys_error _ ->
      false

let text file =
  let* text = Source.read ~max_bytes file in
  Ok (String.trim text)

(* A file that is not there says that its value is unknown. *)
let optional_text file =
  if Sys.file_exists file then Result.map Option.some (text file) else Ok None

let ids file =
  let* text = text file in
  if text = "" then
    Ok []
  else
    Id_list.of_string text
    |> Result.map_error (fun (found, expected) ->
           Error.fault ~file (Error.Line 1) ~found ~expected
       )

(** [numbered directory prefix] is the N of the directories [prefixN]. *)
let numbered directory prefix =
  let length = String.length prefix in
  let number name =
    if String.length name > length && String.sub name 0 length = prefix then
      Id_list.decimal (String.sub name length (String.length name - length))
    else
      None
  in
  let known id =
    id <= Id_list.max_id
    && is_directory (directory / Printf.sprintf "%s%d" prefix id)
  in
  match Sys.readdir directory with
  | names ->
      Array.to_list names
      |> List.filter_map number
      |> List.filter known
      |> List.sort_uniq Int.compare
      |> Result.ok
  | exception Sys_error message ->
      fault directory Error.Whole ~found:message
        ~expected:"a readable directory"

let words text =
  String.map (fun c -> if c = '\t' then ' ' else c) text
  |> String.split_on_char ' '
  |> List.filter (fun word -> word <> "")

type node = {distances: int list; cpus: int list; size: Size.t; free: Size.t}

let distances file ~online =
  let* text = text file in
  let distance _ word =
    match Id_list.decimal word with
    | Some distance ->
        Ok distance
    | None ->
        fault file (Error.Line 1) ~found:(Error.excerpt word)
          ~expected:"a distance"
  in
  let* row = Json_field.map_list distance (words text) in
  if List.length row = online then
    Ok row
  else
    fault file (Error.Line 1)
      ~found:(Printf.sprintf "%d distances" (List.length row))
      ~expected:(Printf.sprintf "%d, one to each online node" online)

(* A line is "Node 0 MemFree:  16052388 kB". *)
let memory file lines key =
  let rec look number = function
    | [] ->
        fault file (Error.Field key) ~found:"no such line"
          ~expected:"a size in kB"
    | line :: rest -> (
      match words line with
      | ["Node"; _; name; size; "kB"] when name = key ^ ":" -> (
        match Id_list.decimal size with
        | Some kib when kib <= Size.max_bytes lsr 10 ->
            Ok (Size.kib kib)
        | Some _ | None ->
            fault file (Error.Line number) ~found:(Error.excerpt size)
              ~expected:"a size in kB"
      )
      | _ ->
          look (number + 1) rest
    )
  in
  look 1 lines

let node directory ~online id =
  let directory = directory / Printf.sprintf "node%d" id in
  let* distances = distances (directory / "distance") ~online in
  let* cpus = ids (directory / "cpulist") in
  let meminfo = directory / "meminfo" in
  let* text = text meminfo in
  let lines = String.split_on_char '\n' text in
  let* size = memory meminfo lines "MemTotal" in
  let* free = memory meminfo lines "MemFree" in
  Ok {distances; cpus; size; free}

let topology file =
  let* text = optional_text file in
  match text with
  | None ->
      Ok None
  | Some text -> (
    (* -1 is a number like others: some machines have it for all CPUs *)
    match (text, Id_list.decimal text) with
    | "-1", _ ->
        Ok (Some (-1))
    | _, Some id ->
        Ok (Some id)
    | _, None ->
        fault file (Error.Line 1) ~found:(Error.excerpt text)
          ~expected:"a number"
  )

let cpu directory node_of id =
  let directory = directory / Printf.sprintf "cpu%d" id in
  let* online = optional_text (directory / "online") in
  let node = Hashtbl.find_opt node_of id in
  match online with
  | Some "0" ->
      Ok (Host.unknown_cpu ?node ())
  | Some _ | None ->
      let* core = topology (directory / "topology" / "core_id") in
      let* socket = topology (directory / "topology" / "physical_package_id") in
      Ok (Host.unknown_cpu ?node ?core ?socket ())

let online_nodes directory =
  let* present = numbered directory "node" in
  let file = directory / "online" in
  let* online = if Sys.file_exists file then ids file else Ok present in
  match List.find_opt (fun id -> not (List.mem id present)) online with
  | Some id ->
      fault file (Error.Line 1)
        ~found:(Printf.sprintf "node %d" id)
        ~expected:(Printf.sprintf "a directory node%d beside it" id)
  | None -> (
    match List.fold_left max (-1) online with
    | -1 ->
        fault directory Error.Whole ~found:"no online node"
          ~expected:"at least one"
    | last when last >= max_nodes ->
        fault directory Error.Whole
          ~found:(Printf.sprintf "node %d" last)
          ~expected:(Printf.sprintf "at most node %d" (max_nodes - 1))
    | last ->
        Ok (online, last + 1)
  )

let host online count nodes cpus =
  let rows = List.combine online nodes in
  let distances = Array.make_matrix count count None in
  let memory = Array.make count Host.offline_node in
  let fill (id, {distances= row; size; free; _}) =
    List.iter2
      (fun other distance -> distances.(id).(other) <- Some distance)
      online row ;
    memory.(id) <- Host.node ~size ~free ()
  in
  List.iter fill rows ;
  Host.v ~source:"Linux sysfs" ~distances ~cpus:(Array.of_list cpus)
    ~nodes:memory ()

let read_nodes directory =
  let nodes_directory = directory / "node" in
  let cpus_directory = directory / "cpu" in
  let* online, count = online_nodes nodes_directory in
  let* nodes =
    Json_field.map_list
      (fun _ id -> node nodes_directory ~online:(List.length online) id)
      online
  in
  let node_of = Hashtbl.create 64 in
  let record id node =
    List.iter (fun cpu -> Hashtbl.replace node_of cpu id) node.cpus
  in
  List.iter2 record online nodes ;
  let* present = numbered cpus_directory "cpu" in
  let last = Hashtbl.fold (fun cpu _ last -> max cpu last) node_of (-1) in
  let last = List.fold_left max last present in
  let* cpus =
    Json_field.map_list
      (fun _ id -> cpu cpus_directory node_of id)
      (List.init (last + 1) Fun.id)
  in
  host online count nodes cpus
  |> Result.map_error (Error.of_core ~file:nodes_directory)

let read root =
  let system directory = directory / "devices" / "system" in
  let candidates = [system root; system (root / "sys")] in
  let has_nodes directory = is_directory (directory / "node") in
  match List.find_opt has_nodes candidates with
  | Some directory ->
      read_nodes directory
  | None ->
      fault root Error.Whole ~found:"no devices/system/node"
        ~expected:
          "Linux's /sys or a copy of it, of a kernel that has NUMA"
