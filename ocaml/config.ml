type claims = Always | Never

type builder_claims = No_builder | Pv | All

type t = {
    placement: bool
  ; prio_mem_only: bool
  ; claims: claims
  ; strategy: Raw.strategy_value
  ; reserve: Size.t
  ; node_reserve: Size.t
  ; memory_wait_seconds: int
  ; plan_budget_steps: int
  ; builder_claims: builder_claims
}

let default =
  {
    placement= true
  ; prio_mem_only= false
  ; claims= Always
  ; strategy= Raw.Spread
  ; reserve= Size.mib 64
  ; node_reserve= Size.zero
  ; memory_wait_seconds= 600
  ; plan_budget_steps= Raw.xenopsd_numa_default_budget_steps ()
  ; builder_claims= No_builder
  }

let longest_wait_seconds = 86_400

let largest_budget_steps = 1_000_000_000

let v ?(like = default) ?(placement = like.placement)
    ?(prio_mem_only = like.prio_mem_only) ?(claims = like.claims)
    ?(strategy = like.strategy) ?(reserve = like.reserve)
    ?(node_reserve = like.node_reserve)
    ?(memory_wait_seconds = like.memory_wait_seconds)
    ?(plan_budget_steps = like.plan_budget_steps)
    ?(builder_claims = like.builder_claims) () : (t, Raw.invalid_value) result =
  let refused field found largest =
    Error
      {
        Raw.field
      ; found= string_of_int found
      ; expected= Printf.sprintf "0 to %d" largest
      }
  in
  if memory_wait_seconds < 0 || memory_wait_seconds > longest_wait_seconds then
    refused "numa-memory-wait-seconds" memory_wait_seconds longest_wait_seconds
  else if plan_budget_steps < 0 || plan_budget_steps > largest_budget_steps then
    refused "numa-plan-budget-steps" plan_budget_steps largest_budget_steps
  else
    Ok
      {
        placement
      ; prio_mem_only
      ; claims
      ; strategy
      ; reserve
      ; node_reserve
      ; memory_wait_seconds
      ; plan_budget_steps
      ; builder_claims
      }

let default_policy config : Raw.policy_value =
  match (config.placement, config.prio_mem_only) with
  | false, _ ->
      Raw.Any
  | true, true ->
      Raw.Prio_mem_only
  | true, false ->
      Raw.Best_effort

let strategies =
  [("balance", Raw.Balance); ("pack", Raw.Pack); ("spread", Raw.Spread)]

let claims = [("always", Always); ("never", Never)]

let builders = [("none", No_builder); ("pv", Pv); ("all", All)]

let booleans =
  [
    ("true", true)
  ; ("false", false)
  ; ("yes", true)
  ; ("no", false)
  ; ("on", true)
  ; ("off", false)
  ; ("1", true)
  ; ("0", false)
  ]

(** How a switch is read, printed and documented. *)
type switch = {
    key: string
  ; doc: string
  ; read: t -> string -> (t, string) result
        (** the error is what is expected *)
  ; print: t -> string
}

(* [get] names the choice in force, so that values need no comparison. *)
let choice key doc choices get put =
  let names = String.concat ", " (List.map fst choices) in
  let read config text =
    match List.assoc_opt text choices with
    | Some value ->
        Ok (put config value)
    | None ->
        Error ("one of " ^ names)
  in
  {key; doc= Printf.sprintf "%s (%s)" doc names; read; print= get}

let is_digit = function '0' .. '9' -> true | _ -> false

let number key doc ~largest get put =
  let read config text =
    let digits = String.for_all is_digit text in
    match if digits then int_of_string_opt text else None with
    | Some n when n <= largest ->
        Ok (put config n)
    | Some _ | None ->
        Error (Printf.sprintf "a number, 0 to %d" largest)
  in
  {key; doc; read; print= (fun config -> string_of_int (get config))}

let mib = 1 lsl 20

let in_mib size = (size : Size.t :> int) / mib

let switches =
  [
    choice "numa-placement"
      "Place VMs near their memory where the host has no policy of its own"
      booleans
      (fun c -> string_of_bool c.placement)
      (fun c placement -> {c with placement})
  ; choice "numa-best-effort-prio-mem-only"
      "Ask for memory only, not for a core for each vCPU" booleans
      (fun c -> string_of_bool c.prio_mem_only)
      (fun c prio_mem_only -> {c with prio_mem_only})
  ; choice "numa-claims" "Claim memory in Xen, for every VM or for none" claims
      (fun c -> match c.claims with Always -> "always" | Never -> "never")
      (fun c claims -> {c with claims})
  ; choice "numa-strategy" "Which of equally near nodes are taken" strategies
      (fun c ->
        match c.strategy with
        | Raw.Balance ->
            "balance"
        | Raw.Pack ->
            "pack"
        | Raw.Spread ->
            "spread"
      )
      (fun c strategy -> {c with strategy})
  ; number "numa-reserve-mib" ~largest:(1 lsl 40)
      "MiB of the host that VMs must leave alone"
      (fun c -> in_mib c.reserve)
      (fun c n -> {c with reserve= Size.mib n})
  ; number "numa-node-reserve-mib" ~largest:(1 lsl 40)
      "MiB of each node that VMs must leave alone"
      (fun c -> in_mib c.node_reserve)
      (fun c n -> {c with node_reserve= Size.mib n})
  ; number "numa-memory-wait-seconds" ~largest:longest_wait_seconds
      "Seconds that a VM start waits for memory that is being given back, or \
       for builds that must end first"
      (fun c -> c.memory_wait_seconds)
      (fun c memory_wait_seconds -> {c with memory_wait_seconds})
  ; number "numa-plan-budget-steps" ~largest:largest_budget_steps
      "Steps that a plan may take on a host of more than 16 nodes"
      (fun c -> c.plan_budget_steps)
      (fun c plan_budget_steps -> {c with plan_budget_steps})
  ; choice "builder-claims" "Which domain builders claim memory themselves"
      builders
      (fun c ->
        match c.builder_claims with
        | No_builder ->
            "none"
        | Pv ->
            "pv"
        | All ->
            "all"
      )
      (fun c builder_claims -> {c with builder_claims})
  ]

let keys = List.map (fun switch -> (switch.key, switch.doc)) switches

let find key =
  List.find_opt (fun switch -> String.equal switch.key key) switches

let set config ~key text : (t, Raw.invalid_value) result =
  match find key with
  | None ->
      Error
        {
          field= key
        ; found= "an unknown key"
        ; expected= "one of " ^ String.concat ", " (List.map fst keys)
        }
  | Some switch -> (
    match switch.read config text with
    | Ok config ->
        Ok config
    | Error expected ->
        Error {field= key; found= Printf.sprintf "%S" text; expected}
  )

let get config ~key =
  Option.map (fun switch -> switch.print config) (find key)

let read_whole path =
  match open_in_bin path with
  | exception Sys_error message ->
      Error message
  | channel -> (
      let rec next text chunk =
        match input channel chunk 0 (Bytes.length chunk) with
        | 0 ->
            Buffer.contents text
        | read ->
            Buffer.add_subbytes text chunk 0 read ;
            next text chunk
      in
      match next (Buffer.create 4096) (Bytes.create 4096) with
      | text ->
          close_in_noerr channel ; Ok text
      | exception Sys_error message ->
          close_in_noerr channel ;
          Error (Printf.sprintf "%s: %s" path message)
    )

(* A line is taken if it sets a switch of ours; xenopsd.conf has many others. *)
let set_line ~file config {Config_text.line; key; value} =
  match (find key, set config ~key value) with
  | None, _ ->
      Ok config
  | Some _, Ok config ->
      Ok config
  | Some _, Error {Raw.field; found; expected} ->
      Error
        (Printf.sprintf "%s: line %d: %s: found %s, expected %s" file line field
           found expected
        )

let of_text ~file text =
  match Config_text.parse text with
  | Error line ->
      Error
        (Printf.sprintf "%s: line %d: found a NUL byte, expected text" file
           line
        )
  | Ok settings ->
      List.fold_left
        (fun config setting ->
          Result.bind config (fun config -> set_line ~file config setting)
        )
        (Ok default) settings

let of_file path =
  Result.bind (read_whole path) (fun text -> of_text ~file:path text)

let lines text =
  let ours {Config_text.line; key; value= _} =
    Option.map (fun _ -> (key, line)) (find key)
  in
  match Config_text.parse text with
  | Ok settings ->
      List.filter_map ours settings
  | Error _ ->
      []

let slips text = Config_text.slips ~keys:(List.map fst keys) text

let options ~report get put =
  let option switch =
    let spec text =
      match set (get ()) ~key:switch.key (Config_text.value text) with
      | Ok config ->
          put config
      | Error invalid ->
          report invalid
    in
    ( switch.key
    , Arg.String spec
    , (fun () -> switch.print (get ()))
    , switch.doc
    )
  in
  List.map option switches

let to_raw config : Raw.config_value =
  {
    always_claim= (match config.claims with Always -> true | Never -> false)
  ; builder_claims=
      ( match config.builder_claims with
      | No_builder ->
          Raw.No_builder
      | Pv ->
          Raw.Pv_builder
      | All ->
          Raw.All_builders
      )
  ; config_policy= default_policy config
  ; config_strategy= config.strategy
  ; config_limits=
      {
        reserve_bytes= (config.reserve :> int)
      ; node_reserve_bytes= (config.node_reserve :> int)
      ; budget_steps= config.plan_budget_steps
      }
  ; memory_wait_seconds= config.memory_wait_seconds
  }
