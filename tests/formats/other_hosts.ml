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
    ; case "lists of CPUs" lists
    ]
  )
