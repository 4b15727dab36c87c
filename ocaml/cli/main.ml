let () = exit (Xenopsd_numa_cli.Command.main ())
