(** Scenarios; see {!Xenopsd_numa.Simulation}. *)

include
  Simulation_intf.S
    with type flavour := Raw.flavour_value
     and type strategy := Raw.strategy_value
     and type failure := Raw.failure_value
     and type invalid := Raw.invalid_value
