(* Hosts from xl info -n and from trees like /sys. *)

open Xenopsd_numa
open Xenopsd_numa_formats
open Test_support

let read = Host_suite.read

let ints = Alcotest.(list (option int))

let matrix host = Array.to_list (Array.map Array.to_list (Host.distances host))

let cpus field host = Array.to_list (Array.map field (Host.cpus host))

let frees host =
  let free (node : Host.node) =
    Option.map (fun (size : Size.t) -> (size :> int)) node.free
  in
  Array.to_list (Array.map free (Host.nodes host))

let some = List.map Option.some

let mib = 1048576

let check_ints what expected found = Alcotest.check ints what expected found

let check_left_out what expected host =
  let left_out ({node; why; _} : Host.Left_out.t) = (node, why) in
  Alcotest.(check (list (pair int string)))
    what expected
    (List.map left_out (Host.left_out host))

let check_rows what expected found =
  Alcotest.(check (list ints)) what expected found

let asymmetric () =
  let host = read "../data/xl/asymmetric.txt" in
  Alcotest.(check string) "name" "quad" (Host.name host) ;
  check_rows "distances"
    [
      some [10; 16; 16; 22]
    ; some [16; 10; 255; 16]
    ; some [18; 22; 10; 16]
    ; [Some 22; Some 16; None; Some 10]
    ]
    (matrix host) ;
  check_ints "nodes" (some [0; 0; 1; 1; 2; 2; 3; 3])
    (cpus (fun c -> c.Host.node) host) ;
  check_ints "cores" (some [0; 1; 0; 1; 0; 1; 0; 1])
    (cpus (fun c -> c.Host.core) host) ;
  check_ints "sockets" (some [0; 0; 1; 1; 2; 2; 3; 3])
    (cpus (fun c -> c.Host.socket) host) ;
  check_ints "free"
    (some [26000 * mib; 25000 * mib; 24000 * mib; 29096 * mib])
    (frees host) ;
  Alcotest.(check int)
    "free, claims included" (104096 * mib)
    (Host.host_free host :> int) ;
  Alcotest.(check int)
    "outstanding" (4096 * mib)
    (Host.host_outstanding host :> int)

let offline () =
  let host = read "../data/xl/offline.txt" in
  check_rows "distances"
    [
      [Some 10; None; Some 21]
    ; [None; None; None]
    ; [Some 21; None; Some 10]
    ]
    (matrix host) ;
  check_ints "free"
    [Some (24000 * mib); None; Some (26000 * mib)]
    (frees host) ;
  check_ints "nodes"
    [Some 0; Some 0; None; None; Some 2; None; None; None; None; Some 2]
    (cpus (fun c -> c.Host.node) host)

let older () =
  let host = read "../data/xl/old.txt" in
  Alcotest.(check int) "free" (3000 * mib) (Host.host_free host :> int) ;
  Alcotest.(check int) "claims" 0 (Host.host_outstanding host :> int)

let windows_line_ends () =
  let text = Files.read "../data/xl/asymmetric.txt" in
  let crlf = String.concat "\r\n" (String.split_on_char '\n' text) in
  match
    (Xl_info.of_string ~file:"a" text, Xl_info.of_string ~file:"b" crlf)
  with
  | Ok a, Ok b ->
      Alcotest.(check bool) "same" true (Host_suite.same a b)
  | Error error, _ | _, Error error ->
      Alcotest.failf "%a" Error.pp error

let check_sparse host =
  check_rows "distances"
    [
      [Some 10; None; Some 21]
    ; [None; None; None]
    ; [Some 31; None; Some 10]
    ]
    (matrix host) ;
  check_ints "free"
    [Some (12000000 * 1024); None; Some (4000000 * 1024)]
    (frees host) ;
  check_ints "nodes"
    [Some 0; Some 0; Some 0; Some 2; Some 2; None; Some 0; Some 2]
    (cpus (fun c -> c.Host.node) host) ;
  check_ints "cores"
    [Some 0; Some 0; Some 1; Some 1; Some 2; None; Some (-1); None]
    (cpus (fun c -> c.Host.core) host) ;
  Alcotest.(check int)
    "host" (16000000 * 1024)
    (Host.host_free host :> int)

let sparse_tree () = check_sparse (read "../data/sysfs/sparse")

let inside_a_root () =
  Files.with_directory (fun root ->
      let target = Filename.concat (Sys.getcwd ()) "../data/sysfs/sparse" in
      Unix.symlink target (Filename.concat root "sys") ;
      check_sparse (read root)
  )

let good_tree () =
  Files.with_directory (fun root ->
      Tree.make root ;
      let host = read root in
      check_rows "distances" [some [10; 21]; some [21; 10]] (matrix host) ;
      check_ints "nodes" (some [0; 1; 0; 1]) (cpus (fun c -> c.Host.node) host)
  )

let node_without_memory_or_cpus () =
  Files.with_directory (fun root ->
      Tree.make root
        ~instead:
          [
            ("node/node1/cpulist", "\n")
          ; ( "node/node1/meminfo"
            , "Node 1 MemTotal: 0 kB\nNode 1 MemFree: 0 kB\n"
            )
          ] ;
      let host = read root in
      check_ints "free" [Some (12000000 * 1024); Some 0] (frees host)
  )

let tree_of name = read ("../data/sysfs/" ^ name)

let check_nodes = check_ints "nodes of CPUs"

let nodes_of host = cpus (fun c -> c.Host.node) host

let quirks_of_kernels () =
  let one_node name =
    let host = tree_of name in
    check_nodes (some [0]) (nodes_of host) ;
    check_ints name (some [4194304 * 1024]) (frees host) ;
    check_left_out name [] host
  in
  List.iter one_node
    ["nul-in-online"; "nul-in-cpulist"; "cpumap-only"; "distance-0"]

let mask_of_cpus () =
  Files.with_directory (fun root ->
      Tree.make root
        ~without:["node/node0/cpulist"; "node/node1/cpulist"]
        ~instead:
          [
            ("node/node0/cpumap", "00000000,00000005\n")
          ; ("node/node1/cpumap", "00000002,0000000A\n")
          ] ;
      check_nodes
        (some [0; 1; 0; 1] @ List.init 29 (fun _ -> None) @ [Some 1])
        (nodes_of (read root))
  )

let own_node_of_a_cpu () =
  let host = tree_of "cpus-in-two-nodes-linked" in
  check_nodes (some [0; 1]) (nodes_of host)

let message path =
  match Host_file.read path with
  | Ok _ ->
      Alcotest.failf "%s was read" path
  | Error error ->
      Fmt.str "%a" Error.pp error

let cpu_of_no_node () =
  let tree = "../data/sysfs/cpus-in-two-nodes/devices/system/" in
  Alcotest.(check string)
    "message"
    (Printf.sprintf
       "%snode/node1/cpulist: line 1: found CPU 0, which is in \
        %snode/node0/cpulist too, expected it in one of them, or a link to its \
        node in %scpu/cpu0"
       tree tree tree
    )
    (message "../data/sysfs/cpus-in-two-nodes")

let cores_of_clusters () =
  check_ints "cores" (some [0; 1; 2; 3])
    (cpus (fun c -> c.Host.core) (tree_of "cores-by-cluster")) ;
  (* Siblings of some CPUs only are no numbering. *)
  Files.with_directory (fun root ->
      let siblings = "cpu/cpu1/topology/thread_siblings_list" in
      Tree.make root ~instead:[(siblings, "1\n")] ;
      check_ints "cores" (some [0; 0; 1; 1])
        (cpus (fun c -> c.Host.core) (read root))
  )

let slit_smaller_than_srat () =
  let host = read "../data/xl/slit-smaller-than-srat.txt" in
  check_left_out "xl" [(1, "no_distances")] host ;
  check_ints "memory of both" (some [12288 * mib; 15360 * mib]) (frees host) ;
  Alcotest.(check bool)
    "there and back" true
    (Host_suite.there_and_back host) ;
  List.iter
    (fun (without, instead) ->
      Files.with_directory (fun root ->
          Tree.make root ~without ~instead ;
          let host = read root in
          check_left_out "sysfs" [(1, "no_distances")] host ;
          check_rows "distances" [[Some 10; None]; [None; None]] (matrix host)
      )
    )
    [
      (["node/node1/distance"], [])
    ; ([], [("node/node1/distance", "\n")])
    ]

let as_people_paste_it () =
  let plain =
    let lines = Files.lines "../data/xl/with-prompt.txt" in
    List.filter (fun line -> line.[0] <> '[') lines |> String.concat "\n"
  in
  let same name text =
    match
      (Xl_info.of_string ~file:"plain" plain, Xl_info.of_string ~file:name text)
    with
    | Ok plain, Ok host ->
        Alcotest.(check int) name 4 (Array.length (Host.nodes host)) ;
        Alcotest.(check bool) name true (Host_suite.same plain host)
    | Error error, _ | _, Error error ->
        Alcotest.failf "%a" Error.pp error
  in
  same "indented" (Files.read "../data/xl/indented.txt") ;
  same "between prompts" (Files.read "../data/xl/with-prompt.txt") ;
  let between before after =
    same before (String.concat "\n" [before; plain; after])
  in
  between "$ xl info -n" "$" ;
  between "~ # xl info -n" "~ # xl list\nName   ID   Mem VCPUs\nDomain-0 0" ;
  between "root@host:~# xl info -n" "root@host:~# exit" ;
  between "host% sudo xl info -n" "host% "

let format_of_xm () =
  let check line text =
    Files.with_file text (fun path ->
        let tail = "what xl info -n prints; xm info -n has another format" in
        Alcotest.(check string)
          text
          (Printf.sprintf "%s: line %d: found %s, expected %s" path line
             (Error.excerpt (List.nth (String.split_on_char '\n' text) (line - 1)))
             tail
          )
          (message path)
    )
  in
  check 2 "nr_nodes               : 1\nnode_to_cpu            : node0:0-3\n" ;
  check 3
    "nr_nodes : 1\nnuma_info              :\n\
     node: TotalMemory FreeMemory dma32Memory NodeDist:   0\n"

let pipes_are_not_opened () =
  List.iter
    (fun file ->
      Files.with_directory (fun root ->
          Tree.make root ~without:[file] ;
          let path = root ^ "/devices/system/" ^ file in
          Unix.mkfifo path 0o600 ;
          Alcotest.(check string)
            file
            (path ^ ": found a pipe, expected a file")
            (message root)
      )
    )
    [
      "node/online"
    ; "node/node1/distance"
    ; "node/node0/cpulist"
    ; "node/node0/meminfo"
    ; "cpu/cpu1/topology/core_id"
    ]

let lists () =
  let check text expected =
    Alcotest.(check (result (list int) (pair string string)))
      text expected (Id_list.of_string text)
  in
  check "0-3,16" (Ok [0; 1; 2; 3; 16]) ;
  check " 5 , 1-2,2" (Ok [1; 2; 5]) ;
  check "" (Error ("\"\"", "a list such as 0-7,16")) ;
  check "5-2" (Error ("\"5-2\"", "2-5")) ;
  check "1,,2" (Error ("\"\"", "a number from 0 to 65535")) ;
  check "0x10" (Error ("\"0x10\"", "a number from 0 to 65535")) ;
  check "65536" (Error ("\"65536\"", "a number from 0 to 65535")) ;
  check "1-2-3" (Error ("\"1-2-3\"", "a number from 0 to 65535"))

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "other hosts"
  , [
      case "xl: distances by direction" asymmetric
    ; case "xl: offline nodes and CPUs" offline
    ; case "xl: an older one" older
    ; case "xl: line ends" windows_line_ends
    ; case "sysfs: sparse nodes" sparse_tree
    ; case "sysfs: below sys" inside_a_root
    ; case "sysfs: two nodes" good_tree
    ; case "sysfs: nothing on a node" node_without_memory_or_cpus
    ; case "sysfs: quirks of kernels" quirks_of_kernels
    ; case "sysfs: masks of CPUs" mask_of_cpus
    ; case "sysfs: a CPU's own node" own_node_of_a_cpu
    ; case "sysfs: a CPU in two nodes" cpu_of_no_node
    ; case "sysfs: cores of clusters" cores_of_clusters
    ; case "sysfs: no pipe is opened" pipes_are_not_opened
    ; case "a node without distances" slit_smaller_than_srat
    ; case "xl: as people paste it" as_people_paste_it
    ; case "xl: not xm" format_of_xm
    ; case "lists of CPUs" lists
    ]
  )
