open Xenopsd_numa

let ( let* ) = Result.bind

let ( / ) = Filename.concat

(* Linux's largest; far more than Xen has. *)
let max_nodes = 1024

let fault file place ~found ~expected =
  Error (Error.fault ~file place ~found ~expected)

type node = {
    id: int
  ; distances: int list option
  ; cpus_file: string
  ; cpus: int list
  ; size: Size.t
  ; free: Size.t
}

let node_directory nodes id = nodes / Printf.sprintf "node%d" id

let distances file ~online =
  let* row = Sysfs_file.row file in
  match row with
  | Some row when List.length row <> online ->
      fault file (Error.Line 1)
        ~found:(Printf.sprintf "%d distances" (List.length row))
        ~expected:(Printf.sprintf "%d, one to each online node" online)
  | Some _ | None ->
      Ok row

(* Linux before 2.6.26, and the copies that lscpu's authors keep, have the mask
   only. *)
let node_cpus directory =
  let list = directory / "cpulist" and mask = directory / "cpumap" in
  if Sys.file_exists mask && not (Sys.file_exists list) then
    Result.map (fun cpus -> (mask, cpus)) (Sysfs_file.bits mask)
  else
    Result.map (fun cpus -> (list, cpus)) (Sysfs_file.ids list)

let node nodes ~online id =
  let directory = node_directory nodes id in
  let* distances = distances (directory / "distance") ~online in
  let* cpus_file, cpus = node_cpus directory in
  let meminfo = directory / "meminfo" in
  let* text = Sysfs_file.text meminfo in
  let lines = String.split_on_char '\n' text in
  let* size = Sysfs_file.memory meminfo lines "MemTotal" in
  let* free = Sysfs_file.memory meminfo lines "MemFree" in
  Ok {id; distances; cpus_file; cpus; size; free}

(** [node_of directory cpu nodes] is the node of [cpu], which [nodes] list.
    Where several do ([numa=fake]), the CPU has a link to its own. *)
let node_of directory cpu = function
  | [] ->
      Ok None
  | [node] ->
      Ok (Some node.id)
  | first :: second :: _ as nodes -> (
      let* linked =
        if Sysfs_file.is_directory directory then
          Sysfs_file.numbered directory "node"
        else
          Ok []
      in
      match linked with
      | [id] when List.exists (fun node -> node.id = id) nodes ->
          Ok (Some id)
      | [] | [_] | _ :: _ :: _ ->
          fault second.cpus_file (Error.Line 1)
            ~found:
              (Printf.sprintf "CPU %d, which is in %s too" cpu first.cpus_file)
            ~expected:
              (Printf.sprintf "it in one of them, or a link to its node in %s"
                 directory
              )
    )

type cpu = {
    node: int option
  ; core: int option
  ; socket: int option
  ; first_sibling: int option  (** the lowest CPU of its core *)
}

let offline node = {node; core= None; socket= None; first_sibling= None}

let first_sibling file cpu =
  if Sys.file_exists file then
    let* siblings = Sysfs_file.ids file in
    match siblings with
    | first :: _ when List.mem cpu siblings ->
        Ok (Some first)
    | [] | _ :: _ ->
        Ok None
  else
    Ok None

let cpu directory listed id =
  let directory = directory / Printf.sprintf "cpu%d" id in
  let nodes = List.rev (Hashtbl.find_all listed id) in
  let* node = node_of directory id nodes in
  let* online = Sysfs_file.optional_text (directory / "online") in
  match online with
  | Some "0" ->
      Ok (offline node)
  | Some _ | None ->
      let file name = directory / "topology" / name in
      let* core = Sysfs_file.number (file "core_id") in
      let* socket = Sysfs_file.number (file "physical_package_id") in
      let* first_sibling = first_sibling (file "thread_siblings_list") id in
      Ok {node; core; socket; first_sibling}

(* core_id counts anew in each cluster of some machines. *)
let host_cpus cpus =
  let is_grouped cpu = cpu.core = None || cpu.first_sibling <> None in
  let by_siblings = List.for_all is_grouped cpus in
  let cpu {node; core; socket; first_sibling} =
    let core = if by_siblings then first_sibling else core in
    Host.unknown_cpu ?node ?core ?socket ()
  in
  Array.map cpu (Array.of_list cpus)

let online_nodes directory =
  let* present = Sysfs_file.numbered directory "node" in
  let file = directory / "online" in
  let* online =
    if Sys.file_exists file then Sysfs_file.ids file else Ok present
  in
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
  let distances = Array.make_matrix count count None in
  let memory = Array.make count Host.offline_node in
  let known = List.filter (fun node -> node.distances <> None) nodes in
  let is_known id = List.exists (fun node -> node.id = id) known in
  let fill {id; distances= row; size; free; _} =
    let put other distance =
      if is_known other then distances.(id).(other) <- Some distance
    in
    Option.iter (List.iter2 put online) row ;
    memory.(id) <- Host.node ~size ~free ()
  in
  List.iter fill nodes ;
  Host.v ~source:"Linux sysfs" ~distances ~cpus:(host_cpus cpus)
    ~nodes:memory ()

(* distances[1][0] is in node1/distance. *)
let of_core nodes error =
  let row field =
    match String.split_on_char '[' field with
    | ["distances"; row; _] when String.length row > 0 ->
        Id_list.decimal (String.sub row 0 (String.length row - 1))
    | _ ->
        None
  in
  match error with
  | Invalid {field; found; expected} -> (
    match row field with
    | Some id ->
        Error.fault
          ~file:(node_directory nodes id / "distance")
          (Error.Line 1) ~found ~expected
    | None ->
        Error.of_core ~file:nodes error
  )
  | Internal _ ->
      Error.of_core ~file:nodes error

let read_nodes directory =
  let nodes_directory = directory / "node" in
  let cpus_directory = directory / "cpu" in
  let* online, count = online_nodes nodes_directory in
  let* nodes =
    Json_field.map_list
      (fun _ id -> node nodes_directory ~online:(List.length online) id)
      online
  in
  let listed = Hashtbl.create 64 in
  let record node =
    List.iter (fun cpu -> Hashtbl.add listed cpu node) node.cpus
  in
  List.iter record nodes ;
  let* present = Sysfs_file.numbered cpus_directory "cpu" in
  let last = Hashtbl.fold (fun cpu _ last -> max cpu last) listed (-1) in
  let last = List.fold_left max last present in
  let* cpus =
    Json_field.map_list
      (fun _ id -> cpu cpus_directory listed id)
      (List.init (last + 1) Fun.id)
  in
  host online count nodes cpus
  |> Result.map_error (of_core nodes_directory)

let read root =
  let system directory = directory / "devices" / "system" in
  let candidates = [system root; system (root / "sys")] in
  let has_nodes directory = Sysfs_file.is_directory (directory / "node") in
  match List.find_opt has_nodes candidates with
  | Some directory ->
      read_nodes directory
  | None ->
      fault root Error.Whole ~found:"no devices/system/node"
        ~expected:
          "Linux's /sys or a copy of it, of a kernel that has NUMA"
