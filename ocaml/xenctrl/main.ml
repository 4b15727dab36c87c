let () =
  exit
    (Xenopsd_numa_cli.Command.main ~live:Xenopsd_numa_xenctrl.hypervisor
       ~declared:Xenopsd_numa_xenctrl.declared ()
    )
