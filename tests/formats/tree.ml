let ( / ) = Filename.concat

let meminfo node =
  Printf.sprintf
    "Node %d MemTotal:       16384000 kB\nNode %d MemFree:        12000000 kB\n"
    node node

let files =
  let cpu id =
    let directory = Printf.sprintf "cpu/cpu%d/topology" id in
    [
      (directory / "core_id", string_of_int (id lsr 1) ^ "\n")
    ; (directory / "physical_package_id", string_of_int (id mod 2) ^ "\n")
    ]
  in
  [
    ("node/online", "0-1\n")
  ; ("node/node0/distance", "10 21\n")
  ; ("node/node0/cpulist", "0,2\n")
  ; ("node/node0/meminfo", meminfo 0)
  ; ("node/node1/distance", "21 10\n")
  ; ("node/node1/cpulist", "1,3\n")
  ; ("node/node1/meminfo", meminfo 1)
  ]
  @ List.concat_map cpu [0; 1; 2; 3]

let make ?(without = []) ?(instead = []) root =
  let write (file, text) =
    if not (List.mem file without) then
      Files.write (root / "devices/system" / file) text
  in
  let kept (file, _) = not (List.mem_assoc file instead) in
  List.iter write (List.filter kept files @ instead)

type fault = {
    name: string
  ; without: string list
  ; instead: (string * string) list
  ; message: string
}

let instead name file text message =
  {name; without= []; instead= [(file, text)]; message}

let without name file message =
  {name; without= [file]; instead= []; message}

let distances = "/devices/system/node/node1/distance: "

let free_of_node_1 text =
  "Node 1 MemTotal: 1 kB\nNode 1 MemFree: " ^ text ^ "\n"

let faults =
  [
    without "no CPU list" "node/node1/cpulist"
      "/devices/system/node/node1/cpulist: found no such file or directory, \
       expected a readable file"
  ; without "no memory" "node/node1/meminfo"
      "/devices/system/node/node1/meminfo: found no such file or directory, \
       expected a readable file"
  ; instead "truncated distances" "node/node1/distance" "21\n"
      (distances
      ^ "line 1: found 1 distances, expected 2, one to each online node"
      )
  ; instead "not square" "node/node1/distance" "21 10 21\n"
      (distances
      ^ "line 1: found 3 distances, expected 2, one to each online node"
      )
  ; instead "distance of text" "node/node1/distance" "far 10\n"
      (distances ^ "line 1: found \"far\", expected a distance")
  ; instead "negative distance" "node/node1/distance" "-21 10\n"
      (distances ^ "line 1: found \"-21\", expected a distance")
  ; instead "distance of 2^63" "node/node1/distance" "9223372036854775808 10\n"
      (distances
      ^ "line 1: found \"9223372036854775808\", expected a distance"
      )
  ; instead "diagonal not 10" "node/node1/distance" "21 11\n"
      (distances
      ^ "line 1: found 11, expected 10 (a node to itself), or null if offline"
      )
  ; instead "distance below 10" "node/node1/distance" "9 10\n"
      (distances
      ^ "line 1: found 9, expected at least 10, or null if unreachable"
      )
  ; instead "CPU list reversed" "node/node1/cpulist" "3-1\n"
      "/devices/system/node/node1/cpulist: line 1: found \"3-1\", expected 1-3"
  ; instead "CPU of 2^63" "node/node1/cpulist" "9223372036854775808\n"
      "/devices/system/node/node1/cpulist: line 1: found \
       \"9223372036854775808\", expected a number from 0 to 65535"
  ; instead "memory of text" "node/node1/meminfo" (free_of_node_1 "much kB")
      "/devices/system/node/node1/meminfo: line 2: found \"much\", expected a \
       size in kB"
  ; instead "negative memory" "node/node1/meminfo" (free_of_node_1 "-5 kB")
      "/devices/system/node/node1/meminfo: line 2: found \"-5\", expected a \
       size in kB"
  ; instead "memory of 2^62" "node/node1/meminfo"
      (free_of_node_1 "4503599627370496 kB")
      "/devices/system/node/node1/meminfo: line 2: found \
       \"4503599627370496\", expected a size in kB"
  ; instead "memory in MB" "node/node1/meminfo" (free_of_node_1 "5 MB")
      "/devices/system/node/node1/meminfo: MemFree: found no such line, \
       expected a size in kB"
  ; instead "online node without directory" "node/online" "0-2\n"
      "/devices/system/node/online: line 1: found node 2, expected a directory \
       node2 beside it"
  ; instead "no online node" "node/online" "\n"
      "/devices/system/node: found no online node, expected at least one"
  ; instead "core of text" "cpu/cpu2/topology/core_id" "two\n"
      "/devices/system/cpu/cpu2/topology/core_id: line 1: found \"two\", \
       expected a number"
  ; instead "huge file" "node/node0/cpulist" (String.make 2_000_000 ' ')
      "/devices/system/node/node0/cpulist: found 2000000 bytes, expected at \
       most 1048576"
  ; instead "64 nodes more" "node/online" "0-1,66\n"
      "/devices/system/node/online: line 1: found node 66, expected a \
       directory node66 beside it"
  ]
