external open_ : unit -> (int[@untagged])
  = "xenopsd_numa_xenctrl_open_bytecode" "xenopsd_numa_xenctrl_open"
  [@@noalloc]

external declared_bits : unit -> (int[@untagged])
  = "xenopsd_numa_xenctrl_declared_bytecode" "xenopsd_numa_xenctrl_declared"
  [@@noalloc]

(* In the order of their bits. *)
let declared =
  let bits = declared_bits () in
  List.mapi
    (fun bit call -> (call, (bits lsr bit) land 1 = 1))
    [
      "xc_numa_meminfo"
    ; "xc_domain_numa_get_node_pages"
    ; "xc_domain_claim_memory"
    ]

(* The errnos of Linux that xc_interface_open and its first hypercalls answer;
   EPROTO stands for the EACCES of a hypercall. *)
let describe = function
  | 1 ->
      "not a Xen dom0: Xen refuses its calls (EPERM); use --host FILE"
  | 2 | 6 | 19 ->
      "not a Xen dom0: there is no privcmd device; use --host FILE"
  | 38 ->
      "not a Xen dom0: the kernel passes no calls to Xen (ENOSYS); use --host \
       FILE"
  | 13 ->
      "no access to Xen: its privcmd device may not be opened (EACCES)"
  | 71 ->
      "libxenctrl and this Xen do not belong together: after an upgrade \
       reboot, or build with this Xen's headers"
  | errno ->
      Printf.sprintf "Xen does not answer (errno %d)" errno

let hypervisor () =
  match open_ () with
  | 0 ->
      Error "a fault in xenopsd-numa-xenctrl, while opening Xen"
  | address when address > 0 ->
      Xenopsd_numa.Hypervisor.of_table (Nativeint.of_int address)
  | errno ->
      Error (describe (-errno))
