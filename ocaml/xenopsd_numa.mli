(** NUMA placement and memory claims for a Xen toolstack.

    A VM runs well when its memory and its vCPUs share a NUMA node. This module
    decides on which nodes a domain lives ({!plan}), reserves that memory in the
    hypervisor before anything else can take it, sets affinity, and can say why
    ({!Claims}).

    {1:usage Usage}

    Planning needs no Xen: a {!Host} is a snapshot of a host at one instant, a
    {!Request} is what a VM asks.

    {[
      let open Xenopsd_numa in
      let host =
        Host.v
          ~distances:[|[|Some 10; Some 21|]; [|Some 21; Some 10|]|]
          ~cpus:
            [|
              Host.cpu ~node:0 ~core:0 ~socket:0
            ; Host.cpu ~node:1 ~core:0 ~socket:1
            |]
          ~nodes:
            [|
              Host.node ~size:(Size.gib 64) ~free:(Size.gib 10) ()
            ; Host.node ~size:(Size.gib 64) ~free:(Size.gib 60) ()
            |]
          ()
      in
      let request = Request.v ~memory:(Size.gib 32) ~vcpus:1 () in
      match (host, request) with
      | Ok host, Ok request ->
          Result.map (Result.map Plan.nodes) (plan host request)
          (* = Ok (Ok [1]) *)
      | Error error, _ | _, Error error ->
          Error error
    ]}

    {1:conventions Conventions}

    Memory is counted in bytes at this interface ({!Size}) and in pages of 4 KiB
    inside: requests, claims and reserves round up, free memory rounds down.
    Nodes, CPUs and domains are numbered as Xen numbers them. Nothing here
    raises: errors are values. Every value may be shared between threads;
    {!Claims.place} releases the runtime lock while it waits. *)

(** {1:values Sizes and errors} *)

(** Amounts of memory. *)
module Size : sig
  type t = private int
  (** Bytes, 0 to {!max_bytes}. *)

  val max_bytes : int
  (** [max_int]: 4 EiB - 1. *)

  val zero : t

  val bytes : int -> (t, string) result
  (** [bytes n] is [n] bytes, or an error if [n] is negative. *)

  val of_int64 : int64 -> (t, string) result
  (** [of_int64 n] is [n] bytes, or an error if [n] is negative or too large. *)

  val kib : int -> t
  (** [kib n] is [n] KiB, clamped to 0 … {!max_bytes}. *)

  val mib : int -> t

  val gib : int -> t

  val tib : int -> t

  val pages : int -> t
  (** [pages n] is [n] pages of 4 KiB, clamped likewise. *)

  val to_pages_up : t -> int
  (** The pages that hold it. *)

  val of_string : string -> (t, string) result
  (** [of_string s] reads an integer and a unit, [B], [KiB], [MiB], [GiB] or
      [TiB]; no unit means [B]. *)

  val to_string : t -> string
  (** The shortest exact form that {!of_string} reads. *)

  val compare : t -> t -> int

  val pp : Format.formatter -> t -> unit
  (** For people: three digits and a unit, such as [12.5 GiB]. *)
end

(** A value that a host, a request or a switch cannot have. *)
type invalid = {
    field: string  (** its path, such as ["distances[1][2]"] *)
  ; found: string
  ; expected: string
}

val pp_invalid : Format.formatter -> invalid -> unit

(** A member of a list that may grow. Compare by [name], which files use too;
    show [about]. *)
type named = private {name: string; about: string}

type error =
  | Invalid of invalid
  | Internal of string  (** a panic in the Rust code, caught; nothing changed *)

val pp_error : Format.formatter -> error -> unit

(** {1:planning Planning} *)

(** Hosts at one instant. *)
module Host : sig
  type t
  (** A checked snapshot. Immutable. *)

  type cpu = private {node: int option; core: int option; socket: int option}
  (** A field is [None] where the CPU is offline or the field is unknown; such a
      CPU does not count. Core and socket numbers are opaque. *)

  type node = private {
      size: Size.t option
    ; free: Size.t option
    ; claimed: Size.t
  }
  (** [size] is the span of the node, holes included. An offline node has [None]
      for both. *)

  val cpu : node:int -> core:int -> socket:int -> cpu

  val unknown_cpu : ?node:int -> ?core:int -> ?socket:int -> unit -> cpu

  val node : ?claimed:Size.t -> size:Size.t -> free:Size.t -> unit -> node

  val offline_node : node

  val v :
       ?name:string
    -> ?source:string
    -> ?host_free:Size.t
    -> ?host_outstanding:Size.t
    -> distances:int option array array
    -> cpus:cpu array
    -> nodes:node array
    -> unit
    -> (t, error) result
  (** [v ~distances ~cpus ~nodes ()] is a host.
      - [distances.(a).(b)] is the ACPI distance from [a] to [b]: 10 on the
        diagonal, at least 10 elsewhere; [None], or 255 and more: unreachable.
        An offline node has [None] to all nodes, itself included; a node with
        memory and [None] to all nodes is {!left_out}. On a host of one node its
        distance to itself does not matter.
      - [host_free] is the free memory of the host, claimed memory included; by
        default the sum over the nodes.
      - [host_outstanding] is what claims of any kind hold; by default the sum
        of the nodes' claims. *)

  val name : t -> string

  val source : t -> string
  (** Where the snapshot came from, as its author put it. *)

  val distances : t -> int option array array

  val cpus : t -> cpu array

  val nodes : t -> node array

  val host_free : t -> Size.t

  val host_outstanding : t -> Size.t

  (** Nodes of the host that no plan uses. *)
  module Left_out : sig
    type t = private {
        node: int
      ; why: string
            (** ["no_distances"]: the node has memory and no distances (the
                firmware's SLIT is smaller than its SRAT, or the node came while
                the host ran); only policy [Any] uses its memory.
                ["no_memory"]: the node's memory is not known. *)
      ; sentence: string  (** the same for people *)
    }
  end

  val left_out : t -> Left_out.t list
  (** Ascending; on most hosts empty. VMs are placed on the other nodes. *)

  type plain
  (** A host as plain data, for a library that has Rust code of its own. *)

  val plain : t -> plain
end

(** What a VM asks for. *)
module Request : sig
  (** How strictly a VM is placed. *)
  type policy =
    | Any  (** anywhere: no affinity, memory of all nodes *)
    | Best_effort
        (** close to its memory: soft affinity to the plan's CPUs; asks for a
            core for each vCPU *)
    | Best_effort_hard  (** as [Best_effort], bound to its CPUs *)
    | Prio_mem_only  (** as [Best_effort], without asking for cores *)
    | Strict  (** one node, or refused; bound to its CPUs *)

  (** Which of the sets of nodes at the same distance is taken. *)
  type strategy =
    | Pack  (** the set that the VM fills best, so that large holes stay *)
    | Spread
        (** the set that is least used, as a share of its memory, with the VM
            there. The default: the other strategies weigh memory only, and so
            put VMs on one socket while another is idle *)
    | Balance
        (** the set that ends the fewest large holes. There are four sizes of
            hole: the span of the largest node with CPUs that the VM may use
            (which counts twice), half, a quarter and an eighth of it, each less
            1/32. A VM ends a hole of a node when the node could serve that size
            before and cannot afterwards. Of single nodes that end equally many
            holes, the one with the least available memory is taken. Of sets of
            several nodes, the one with the emptiest node is taken, then the one
            with the least available memory *)

  type t
  (** A checked request. *)

  val v :
       ?name:string
    -> ?overhead:Size.t
    -> ?cores:int
    -> ?policy:policy
    -> ?strategy:strategy
    -> ?allowed_cpus:int list
    -> ?allowed_nodes:int list
    -> memory:Size.t
    -> vcpus:int
    -> unit
    -> (t, error) result
  (** [v ~memory ~vcpus ()] asks for [memory] (what the builder will populate)
      and as many CPUs as [vcpus].
      - [overhead] is what the domain needs in addition (pool, vCPUs,
        structures); none by default. See {!Claims.overhead}.
      - [cores] is [vcpus] by default, or 0 for [Prio_mem_only] and [Any].
      - [policy] and [strategy] are by default those of the {!Config} in force
        for {!Claims.place}, and those of {!Config.default} for {!plan}.
      - [allowed_cpus] and [allowed_nodes] are by default all; an empty list is
        an error. {!plan} checks whether the host has them. *)

  val name : t -> string

  val memory : t -> Size.t

  val overhead : t -> Size.t

  val vcpus : t -> int

  val cores : t -> int option

  val policy : t -> policy option

  val strategy : t -> strategy option

  val policies : (string * policy) list
  (** The policies and their names in files, on the command line and in
      switches. *)

  val strategies : (string * strategy) list
end

(** Where a VM goes. *)
module Plan : sig
  type t
  (** A plan. *)

  val nodes : t -> int list
  (** The nodes, ascending. *)

  val pages_per_node : t -> (int * int) list
  (** What each node of {!nodes} is expected to give, in pages of 4 KiB; their
      sum is the memory asked for. *)

  val cpus : t -> string
  (** The CPUs of the nodes that the request allows, as Xen's tools print them:
      ["0-7,16"]. *)

  val max_distance : t -> int option
  (** The largest distance between two of the nodes; [None] for policy [Any]. *)

  val average_distance : t -> float option
  (** The average over ordered pairs, each node with itself included. *)

  val optimal : t -> bool
  (** Whether it is proven that no set of nodes has a lower distance. Always
      true on hosts of up to 16 nodes. *)

  val gap : t -> float option
  (** The average distance is at most this fraction above the lowest possible
      with this maximum distance; [None] if the maximum is not proven. *)

  val pp : Format.formatter -> t -> unit
end

(** Why a VM does not fit. *)
module Refusal : sig
  type t = private {
      reason: named  (** one of {!reasons} *)
    ; short_by_bytes: int
          (** what the closest set of nodes is short of. Closest is the set that
              lacks the fewest bytes, then CPUs, then cores *)
    ; short_by_cpus: int
    ; short_by_cores: int
    ; nearest: int list  (** the closest set *)
  }

  val reasons : named list
  (** [memory], [cpus], [cores]: the closest set of nodes is short of it, and
      the host as a whole is not; [reachability]: all nodes together have
      enough, but some cannot reach each other; [mask]: the host has enough, the
      allowed CPUs and nodes have not; [single_node]: the policy is [Strict],
      and only several nodes together have enough; [host_memory]: the host as a
      whole is short of memory. *)

  val of_the_host : t -> bool
  (** Whether the host as a whole is short of memory, so that no set of nodes
      and no policy would help. *)

  val pp : Format.formatter -> t -> unit
end

type answer = (Plan.t, Refusal.t) result

(** The reasons of an answer, as data, and in words on request. *)
module Explanation : sig
  (** A kind of set of nodes that would have had a lower distance or fewer
      nodes, and is short of something. *)
  type rejected = private {
      max_distance: int  (** sets within this distance … *)
    ; size: int option
          (** … of at most this many nodes; [None]: of any number *)
    ; bound: Refusal.t  (** what the closest of them is short of *)
  }

  (** What strategies compare in the nodes of a plan. *)
  type weighed = private {
      room_bytes: int  (** the memory available on the nodes for the VM *)
    ; emptiest_bytes: int
          (** the same of the node that has most of it *)
    ; used_share: float
          (** used part of the nodes' memory with the VM there, 0 to 1 *)
    ; ended_holes: int option
          (** how many of the large holes that {!Request.strategy} [Balance]
              counts end on the node; [None] for several nodes *)
  }

  (** One node by itself, other than the plan's. *)
  type alone = private {
      node: int
    ; verdict: (named, Refusal.t) result
          (** [Ok] if the node has enough: why it was not taken, one of
              {!behinds}. [Error]: what it is short of *)
  }

  (** The next best plan; [behind] is one of {!behinds}. *)
  type runner_up = private {plan: Plan.t; behind: named; weighed: weighed}

  type words
  (** The sentences that {!lines} prints; they are made on request. *)

  type t = private {
      answer: answer  (** what is explained *)
    ; rejected: rejected list
          (** every kind of set that is short of something, by distance, then by
              size; there may be hundreds. Empty for a refusal with reason
              [host_memory], which no kind could meet. On hosts of more than 16
              nodes, the closest set of each kind is the closest that a bounded
              walk met *)
    ; alone: alone list
          (** every node that the request may use, by itself, lowest distance
              first; without the node of a plan on one node. Empty for policy
              [Any], and for a refusal with reason [host_memory] *)
    ; compared: int
          (** how many sets with the plan's distance were compared, the plan's
              included. The search skips sets that the strategy would not take,
              so there may be more. 0 for a refusal *)
    ; steps: int
          (** how many of [budget_steps] the search used once the maximum
              distance was known; 0 where one node suffices *)
    ; strategy: Request.strategy  (** which chose between the sets compared *)
    ; weighed: weighed option
          (** the plan's nodes; [None] for a refusal and for policy [Any] *)
    ; runner_up: runner_up option
          (** the plan that would be made without this one. [None] for a
              refusal, for policy [Any], and if every other set of nodes that
              has enough contains this plan's nodes *)
    ; words: words
  }

  val behinds : named list
  (** Why a plan was not taken: the first of these that applies.
      - [without_cpus]: it has nodes without CPUs, which are a last resort;
      - [maximum], [average]: its largest, its average distance is larger;
      - [strategy]: its distance is the same, and the strategy prefers the plan
        that was made;
      - [numbers]: it is as good, and its node numbers are higher;
      - [budget]: it is better, and the search did not meet it, because
        [budget_steps] ended the search or because only some of the sets at the
        same distance are compared. Never on hosts of up to 16 nodes. *)

  val lines : t -> string list
  (** For a terminal, at most nineteen lines: what each node is short of by
      itself, what else was rejected, then {!choice_lines}. Of the kinds of sets
      that are short of the same, only the widest has a line; of many lines, the
      first and the last are kept. *)

  val alone_lines : t -> (alone * string) list
  (** A line for each of [alone]. *)

  val wider_lines : t -> (rejected * string) list
  (** What was rejected other than single nodes, which {!alone_lines} has. *)

  val choice_lines : t -> string list
  (** What chose the plan, and how far behind the runner-up is. *)

  val log_line : t -> string
  (** All of it in one line of less than 512 bytes. *)
end

val plan :
     ?reserve:Size.t
  -> ?node_reserve:Size.t
  -> ?budget_steps:int
  -> Host.t
  -> Request.t
  -> (answer, error) result
(** [plan host request] is the best place for [request] on [host]. It considers
    the sets of nodes that reach each other and have the memory, CPUs and cores,
    and of which no node can be spared. It takes, in this order:
    - sets whose nodes all have CPUs, if there is one;
    - of these, the sets with the smallest maximum distance, then with the
      smallest average distance;
    - of equal ones, the set that the request's strategy prefers, then the one
      with the lowest node numbers.

    The plan leaves [reserve] free on the host and [node_reserve] on each node;
    both are nothing by default. The error is an allowed CPU or node that the
    host does not have. On hosts of up to 16 nodes the plan is exact. On larger
    ones [budget_steps] bounds the search, {!Plan.optimal} says whether the plan
    is proven to have the lowest distance, and only some of the sets at the same
    distance are compared. *)

val explain :
     ?reserve:Size.t
  -> ?node_reserve:Size.t
  -> ?budget_steps:int
  -> Host.t
  -> Request.t
  -> (answer * Explanation.t, error) result
(** As {!plan}, with the reasons. It costs more than a plan: one walk for each
    kind of set that is short of something, and a search for the runner-up.

    {[
      let open Xenopsd_numa in
      (* 80 GiB on two nodes with 64 GiB each. *)
      match Request.v ~memory:(Size.gib 80) ~vcpus:1 () with
      | Ok request ->
          let lines (_, explanation) = Explanation.lines explanation in
          Result.map lines (explain host request)
          (* = Ok
                 [
                   "nodes 0,1 alone: short by 16.0 GiB each"
                 ; "no other nodes would do"
                 ] *)
      | Error error ->
          Error error
    ]} *)

val plan_all :
     ?reserve:Size.t
  -> ?node_reserve:Size.t
  -> ?budget_steps:int
  -> ?independent:bool
  -> Host.t
  -> Request.t list
  -> (answer list, int * error) result
(** [plan_all host requests] plans in order. Each request sees the memory and
    overhead that earlier ones took, unless [independent]. The error names the
    request by its position, from 0. *)

(** Requests placed together. *)
module Batch : sig
  (** How good an order of requests is. The better of two leaves out fewer
      requests; then less memory; then has the smaller average distance; then
      fewer requests on several nodes. *)
  type score = private {
      left_out: int  (** requests that are refused *)
    ; left_out_bytes: int  (** the memory that they ask for *)
    ; average_distance: float option
          (** the mean over all memory placed: each VM weighs as much as its
              memory. [None] if no VM has a distance, as with policy [Any] *)
    ; on_several_nodes: int  (** requests placed on several nodes *)
  }

  type t = private {
      answers: answer list
          (** in the order of the requests. A plan holds once all requests
              before it in [order] are placed; a refusal, once all that can be
              are *)
    ; order: int list
          (** the positions of the requests, from 0, in the order in which to
              place them; those that are left out come last *)
    ; score: score
    ; one_by_one: score  (** of the requests in the order given *)
    ; orders_tried: int
    ; optimal: bool  (** whether it is proven that no order is better *)
    ; complete: bool
          (** whether the search came to its end; if not, [budget_plans] ended
              it *)
  }
end

val plan_batch :
     ?reserve:Size.t
  -> ?node_reserve:Size.t
  -> ?budget_steps:int
  -> ?budget_plans:int
  -> Host.t
  -> Request.t list
  -> (Batch.t, int * error) result
(** [plan_batch host requests] plans the requests of a boot storm or an
    evacuation in the order, of those it finds, that serves them best together.
    It is never worse than {!plan_all}, and keeps that order where no other
    gains anything. It places as many requests as possible, so that it may leave
    out a large one for two small ones.

    Each request is planned as {!plan} plans it on what the requests before it
    leave; only their order is chosen. The plans hold if the VMs are then placed
    in [order].

    [budget_plans] bounds the plans made in search of a better order: by default
    3,000, or 300 on hosts of more than 16 nodes, and 4 for each request.
    Releases the runtime lock. The error is that of {!plan_all}.

    {[
      let open Xenopsd_numa in
      (* On two nodes with 64 GiB each: one by one, 20 GiB join the first 30, 40
         take the other node, and the last 30 are split over what is left. *)
      let strategy = Request.Balance in
      let vm gib = Request.v ~strategy ~memory:(Size.gib gib) ~vcpus:1 () in
      let vms = List.map vm [30; 20; 40; 30] in
      let vms = List.filter_map Result.to_option vms in
      match plan_batch host vms with
      | Ok batch ->
          let answer i = List.nth batch.Batch.answers i in
          let start i = (i, Result.map Plan.nodes (answer i)) in
          Ok (List.map start batch.Batch.order)
          (* = Ok [(2, Ok [0]); (0, Ok [1]); (3, Ok [1]); (1, Ok [0])] *)
      | Error (_, error) ->
          Error error
    ]} *)

(** {1:switches Switches} *)

(** What an administrator can switch, per host. *)
module Config : sig
  type claims =
    | Always  (** for every domain, whatever its policy or affinity *)
    | Never  (** for none *)

  type t
  (** The text of every switch, checked. Compare them with [=]. *)

  val default : t

  val v : ?like:t -> (string * string) list -> (t, invalid) result
  (** [v ~like settings] is [like], by default {!default}, with these keys set
      to these texts, as by {!set}:
      [v [("numa-claims", "never"); ("numa-reserve-mib", "256")]]. *)

  val claims : t -> claims
  (** [numa-claims] *)

  val policy : t -> Request.policy
  (** The policy of requests that name none: [Any] without [numa-placement],
      else [Prio_mem_only] or [Best_effort], as [numa-best-effort-prio-mem-only]
      says. *)

  val strategy : t -> Request.strategy
  (** [numa-strategy] *)

  val reserve : t -> Size.t
  (** [numa-reserve-mib] *)

  val node_reserve : t -> Size.t
  (** [numa-node-reserve-mib] *)

  val plan_budget_steps : t -> int
  (** [numa-plan-budget-steps] *)

  val set : t -> key:string -> string -> (t, invalid) result
  (** [set config ~key value] is [config] with one switch read from its text, in
      O(switches). An unknown key or value is an error that names what is
      accepted. Booleans are [true], [false], [yes], [no], [on], [off], [1] and
      [0]. *)

  val of_file : string -> (t, string) result
  (** [of_file path] reads [key = value] lines, [#] comments and blank lines, as
      xenopsd.conf has them; a value may be quoted. Keys that are not in {!keys}
      belong to others and are skipped. The error names file and line. *)

  val of_text : file:string -> string -> (t, string) result
  (** As {!of_file}, of a text that the caller has read from [file]. *)

  val lines : string -> (string * int) list
  (** The switches that a text sets, and the line of each. If several lines set
      the same switch, the last one counts. *)

  val slips : string -> (int * string) list
  (** The lines of a text that look like a switch and set none, by number, and
      what is wrong with each: [NUMA-CLAIMS = never], [numa-claims: never]. *)

  val keys : (string * string) list
  (** The keys and their documentation. *)

  val get : t -> key:string -> string option
  (** The text of a switch, as {!set} reads it. *)

  val options :
       report:(invalid -> unit)
    -> (unit -> t)
    -> (t -> unit)
    -> (string * Arg.spec * (unit -> string) * string) list
  (** [options ~report get set] is what xenopsd's option list takes: key,
      specification, printer, documentation. A bad value raises nothing, as that
      would end the daemon: [report] gets it, to write to a log, and the old
      value stays. Values may be quoted. *)
end

(** {1:protocol Placing domains on a hypervisor} *)

(** Hypervisors that the protocol can talk to. *)
module Hypervisor : sig
  type t

  val of_table : nativeint -> (t, string) result
  (** [of_table address] is the hypervisor whose calls are in the C structure
      [struct xenopsd_numa_hypervisor] at [address]; see
      [xenopsd_numa_hypervisor.h]. The structure must stay at its address. The
      library [xenopsd-numa-xenctrl] has such a table for the running Xen. The
      error says what is wrong with the table. *)
end

(** A failure of the protocol. *)
module Failure : sig
  type host_full = private {
      domid: int
    ; needed: Size.t  (** memory and overhead *)
    ; available: Size.t  (** free, unclaimed and unreserved *)
    ; waited_seconds: float
  }

  type refused = private {domid: int; refusal: Refusal.t}

  type call = {
      call: string  (** as in libxenctrl *)
    ; errno: string  (** such as ["EINVAL"] *)
    ; domid: int option
    ; doing: string  (** what was attempted, with its figures *)
  }

  type too_late = private {domid: int; asked: Size.t; outstanding: Size.t}

  type busy = private {domid: int; builds: int list; waiters: int list}

  (** What failed, to match on. *)
  type cause =
    | Invalid of invalid
    | Conflict of int
        (** this domain is not in the state that the call needs: it is gone, is
            being built, or is claimed by another process; or the value belongs
            to an attempt that is over. Nothing was changed *)
    | Host_full of host_full
        (** the host has insufficient memory, and none is being given back *)
    | Refused of refused
        (** the policy is [Strict], and no single node has enough *)
    | Call of call  (** the hypervisor refused the call *)
    | Must_destroy of int
        (** this domain has, or has had, a claim that cannot be undone; destroy
            it *)
    | Cancelled of int
        (** {!Claims.abandon} was called while this domain was being placed;
            nothing is claimed for it *)
    | Too_late of too_late
        (** the domain had taken pages before it was placed, so that its claim
            was smaller than what was asked; the claim is cancelled *)
    | Busy of busy
        (** the wait for these builds to end, and for these domains that were
            queued before, took too long *)
    | Internal  (** a panic in the Rust code, caught *)

  type t = private {message: string; cause: cause}
  (** [message] is a sentence that names the call, the domain, the figures, and
      what to do. *)

  val v : message:string -> cause -> t

  val of_error : error -> t

  val pp : Format.formatter -> t -> unit
  (** The message. *)
end

(** The claim protocol: three calls for each domain, each of which returns the
    value that the next one needs.

    {v
    set max memory  Claims.place  pool, vCPUs  Claims.pin  build  Claims.finish
    v}

    Either every domain of a host goes through it, or none: hard-pinned,
    migrated and resumed ones and those of policy [Any] too. *)
module Claims : sig
  type t
  (** A host on which domains are placed. *)

  type placed
  (** A domain with its memory reserved. *)

  type pinned
  (** A domain with its pool filled and its vCPUs' affinity set. *)

  type outcome = private {
      kind: named  (** how the memory is reserved: one of {!kinds} *)
    ; node: int option
          (** the node of a claim on one node, for exactly which the builder
              must ask *)
    ; unplaced_because: string option  (** why no plan could be kept *)
    ; plan: Plan.t option  (** what the affinity was set to *)
    ; claimed_pages: int
    ; replans: int  (** how often another plan had to be made *)
    ; waited_seconds: float  (** for memory that was being given back *)
    ; queued_seconds: float  (** for builds that had to end first *)
  }

  val kinds : named list
  (** - [node]: all memory is claimed on one node, guaranteed;
      - [set]: it is claimed on the planned nodes, on each as much as the plan
        says, guaranteed: the builder may ask for exactly these pages or leave
        it to node affinity;
      - [host]: it is claimed on the host, and node affinity makes Xen take it
        from the planned nodes as long as they have some;
      - [any]: it is claimed on the host, for policy [Any];
      - [unplaced]: it is claimed on the host, because no plan could be kept;
      - [builder]: the domain's builder claims it, as [builder-claims] says;
      - [none]: it is not claimed: [numa-claims] is [never], or Xen has no
        claims. *)

  (** How a build ended. *)
  type report = private {
      unused_pages: int  (** claimed and never taken, now cancelled *)
    ; pages_by_node: int array option
          (** the domain's memory on each node, where Xen reports it *)
    ; elsewhere_pages: int option
          (** how many of these are on nodes outside the plan; [None] also
              without a plan *)
  }

  (** Who builds the domain. *)
  type builder = Pv_builder | Hvm_builder

  val open_ : ?config:Config.t -> Hypervisor.t -> (t, Failure.t) result
  (** Reads the host's nodes, CPUs and domains. To be called once, when the
      toolstack starts: see [Must_destroy] of {!place}. A host whose nodes Xen
      does not report is opened all the same, and {!status} says so. *)

  val overhead : vcpus:int -> memory:Size.t -> Size.t
  (** The pool: what a domain needs in addition to what its builder claims, as
      xenopsd counts it (1 MiB a vCPU and 1/128 of memory, in whole MiB).
      [memory] is the static maximum. vCPUs and other structures are not part of
      it: on the host they come out of [numa-reserve-mib], and nodes that have
      the memory for them too are preferred. *)

  val least_reserve : vcpus:int -> Size.t
  (** What {!place} leaves free on the host where the configured reserve is
      less: what the domain's structures were measured to take, 190 pages a vCPU
      and 2 MiB. 64 MiB are enough for 83 vCPUs. *)

  val planned_overhead :
       ?reserve:Size.t
    -> ?node_reserve:Size.t
    -> ?budget_steps:int
    -> Host.t
    -> Request.t
    -> (Size.t, error) result
  (** The overhead with which {!place} would plan the request: the request's own
      and, if a plan exists with it, what vCPUs and structures take. *)

  val enforces : claims:Config.claims -> policy:Request.policy -> bool
  (** Whether {!place} keeps to reserves and overhead: always, except for policy
      [Any] with claims [Never]. *)

  val starts_unplaced :
    ?claims:Config.claims -> policy:Request.policy -> Refusal.t -> bool
  (** Whether {!place} starts a domain without a place, with memory from any
      node, when its plan is refused so. It does not if the host has
      insufficient memory, nor for policy [Strict]; it always does for policy
      [Any] with claims [Never]. [claims] is [Always] by default. *)

  val place :
       ?builder:builder
    -> ?hard_pinned:bool
    -> t
    -> domid:int
    -> Request.t
    -> (placed, Failure.t) result
  (** [place t ~domid request] plans, sets the domain's node affinity and claims
      its memory. To be called right after the domain's maximum memory is set:
      before its pool, its vCPUs and its first page. [request]'s memory is
      exactly what the builder will populate.

      [hard_pinned] says that the toolstack itself binds the vCPUs to the
      request's [allowed_cpus]: {!place} then does not count those CPUs, and
      {!pin} leaves vCPU affinity alone.

      Waits while memory is being given back, for at most the configured time,
      and while earlier builds must end first; releases the runtime lock.

      [Conflict], and nothing is claimed, if the domain is gone or is destroyed
      while it waits, if it is placed already, or if it has a claim that this
      process did not make: {!abandon} releases that one. [Cancelled], and
      nothing is claimed, if {!abandon} is called for the domain before it is
      placed.

      [Must_destroy] if the claim is gone when it is checked, because the domain
      was destroyed or another process cancelled the claim. Also, where Xen has
      claims on single nodes, for a domain that existed when [t] was opened, and
      for one that another process has claimed for: a second claim of the same
      domain can crash the first Xen that has such claims. So open [t] when the
      toolstack starts, before it creates domains. *)

  val outcome : placed -> outcome

  val pin : t -> placed -> (pinned, Failure.t) result
  (** To be called when the pool is filled and the vCPUs exist, before the
      builder starts. Checks that the claim is whole, and sets the vCPUs' soft
      or hard affinity to the plan's CPUs.

      [Conflict] for a value of another [t], for a domain that was abandoned or
      placed again since, and for a build that has ended. [Must_destroy] if the
      claim is not whole any more. Both change nothing. *)

  val finish : t -> pinned -> (report, Failure.t) result
  (** To be called at the end of every build, good or bad. Cancels what is left
      of the claim and returns node affinity to Xen. Idempotent. [Conflict], and
      nothing is changed, for a value of another [t], and for a domain that was
      abandoned or placed again since. *)

  val abandon : t -> domid:int -> (unit, Failure.t) result
  (** To be called whenever a domain does not get as far as {!finish}, at any
      point, also after a restart of this process. Cancels what is left of the
      claim and returns node affinity to Xen. A {!place} of the domain that is
      waiting ends with [Cancelled]. Idempotent. Where Xen has claims on single
      nodes, a domain whose claim another process made cannot be placed again
      afterwards. *)

  val configure : t -> Config.t -> (unit, Failure.t) result
  (** Policy, strategy, reserves and waits apply from the next {!place} on; a
      change of [claims] applies when the builds in flight have ended. *)

  (** What is in force. *)
  type status = private {
      config: Config.t
    ; pending: Config.claims option  (** applies when [builds] have ended *)
    ; builds: int list  (** domains being built *)
    ; host_claims: bool option
          (** whether Xen has claims on the host; [None]: not known yet *)
    ; node_claims: bool option
          (** claims on single nodes; not asked where there are claim sets *)
    ; claim_sets: bool option  (** claims on several nodes at once *)
    ; late_accounting: bool
          (** whether pages leave a claim later than the free memory *)
    ; degraded: string list
          (** what Xen does not report about its nodes, a sentence each; domains
              are placed with what is known *)
    ; panics: int  (** caught so far *)
  }

  val status : t -> (status, Failure.t) result

  (** Which kinds of claims Xen has; [None]: it gave no clear answer. *)
  type probed = private {
      on_host: bool option
    ; on_single_nodes: bool option
    ; on_several_nodes: bool option
  }

  val probe : t -> (probed, Failure.t) result
  (** Asks Xen by releasing claims of the control domain, which has none;
      changes nothing. *)

  (** Memory that a domain has claimed and not taken. *)
  type claim = private {
      domid: int
    ; outstanding_pages: int
    ; nodes: int list
          (** of its node affinity, on which the claim is committed *)
    ; being_built: bool
          (** by this process. If not, either another process builds it or none
              does; in the second case {!abandon} releases the claim *)
  }

  val claims : t -> (claim list, Failure.t) result
  (** Every domain that has memory claimed, by any process. *)

  (** Where a domain's memory is, and where Xen prefers to take it from. *)
  type audit = private {
      domid: int
    ; nodes: int list  (** of its node affinity *)
    ; tot_pages: int
    ; outstanding_pages: int  (** what is left of its claim *)
    ; pages_by_node: int array option
          (** its memory on each node, where Xen reports it (XenServer 9) *)
    ; elsewhere_pages: int option  (** how many of these are outside [nodes] *)
    ; being_built: bool  (** by this process *)
  }

  val audit : t -> (audit list, Failure.t) result
  (** Every domain that is alive, the control domain included. *)

  val host : ?name:string -> t -> (Host.t, Failure.t) result
  (** The host at this instant, as the next {!place} would see it: what domains
      have claimed counts as claimed on the nodes of their affinity. *)
end

(** What is linked. *)
module Build : sig
  val info : (string * string) list
  (** Version and parts of the Rust core. *)
end
