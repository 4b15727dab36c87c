(** Toolstacks on a modelled Xen.

    A scenario is data: a host, VMs, and what is done with them. {!run} runs it
    in virtual time on a model of one kind of Xen, with the protocol of one
    toolstack: this project's, or what others do or did. The same arguments give
    the same result, on every machine.

    {[
      let open Xenopsd_numa_model in
      match Simulation.built_in "boot-storm" with
      | None ->
          Ok None
      | Some scenario ->
          Simulation.run ~seed:7 ~flavour:Model.upstream scenario
          |> Result.map (fun (run : Simulation.run) ->
                 Some (List.length run.starts, run.failed_starts)
             )
          (* = Ok (Some (10, 0)) *)
    ]}

    What a scenario's text looks like is in [docs/formats.md]:

    {[
      let open Xenopsd_numa_model in
      let text =
        {|{ "format": "xenopsd-numa-scenario/1", "name": "one",
            "about": "One VM.", "reserve_pages": 0, "jitter": false,
            "host": {
              "nodes": [ { "size_pages": 262144, "free_pages": 262144 } ],
              "cpus_per_node": 4 },
            "vms": [
              { "name": "vm", "vcpus": 1, "memory": { "pages": 65536 } } ],
            "phases": [
              { "name": "start", "at_once": [ { "start": "wm" } ] } ] }|}
      in
      match Simulation.of_json text with
      | Error (Simulation.Wrong {invalid; _}) ->
          Format.asprintf "%a" Xenopsd_numa.pp_invalid invalid
          (* = phases[0].at_once[0].start: found "wm", expected the VM "vm" *)
      | Error (Simulation.Internal _) | Ok _ ->
          ""
    ]} *)

open Xenopsd_numa

(** {1 Scenarios} *)

type scenario
(** A checked scenario. Immutable. *)

val scenarios : (string * string) list
(** The scenarios that come with the library, by name: name, and what each
    shows. *)

val built_in : string -> scenario option
(** The one of that name. *)

val text : string -> string option
(** Its text. *)

(** What is wrong with a text. *)
type fault =
  | Wrong of {
        position: (int * int) option
            (** line and column, from 1; [None] if the value is known by
                [invalid.field] alone *)
      ; invalid: invalid  (** [field] may be empty *)
    }
  | Internal of string  (** a panic in the Rust code, caught *)

val of_json : string -> (scenario, fault) result

val name : scenario -> string

val about : scenario -> string

val has_variants : scenario -> bool
(** Whether {!type-variant} makes a difference: whether the memory of a VM is a
    share of the host. *)

(** {1 How they are run} *)

type toolstack = named
(** What starts VMs. *)

val toolstacks : toolstack list
(** Every one, {!ours} first. *)

val ours : toolstack
(** This project's protocol, {!Xenopsd_numa.Claims}. *)

(** Whether memory that is a share of the host is a multiple of 2 MiB. *)
type variant = Unaligned | Aligned

val variants : (string * variant) list

type choice = {
    event: int  (** which event of the run, from 0 *)
  ; actor: int  (** who was chosen: first the VMs, from 0, then others *)
}
(** A choice of another actor than the one that is due first. *)

(** Who goes next. *)
type schedule =
  | Timed  (** the actor that is due first *)
  | Round_robin
      (** each actor in turn; the clock moves on to when it is due *)
  | Random of int
      (** the actor that is due first, but one time in so many any other: the
          others are late then, as threads are that were not scheduled *)
  | Trace of choice array  (** the actor that is due first, but for these *)

(** {1 What comes of it} *)

(** One start of a VM. *)
type start = private {
    vm: string
  ; variant: variant
  ; phase: string
  ; nodes: int array  (** the nodes of its affinity; all if it has none *)
  ; requested_pages: int  (** that its builder populates *)
  ; claimed_pages: int
  ; claim: string
        (** its kind: [node], [set], [host], [any], [unplaced], [builder],
            [none] *)
  ; pages_on: (int * int) array  (** where its memory is, by node *)
  ; remote_pages: int
        (** how many of these are away from its vCPUs, on average over the
            nodes of its affinity *)
  ; started: bool
  ; reason: string  (** why it was placed so, or failed *)
  ; queued_seconds: float  (** for earlier builds to end *)
  ; waited_seconds: float  (** for memory to be given back *)
  ; build_seconds: float
  ; began_seconds: float  (** when, of virtual time *)
  ; ended_seconds: float
}

val on_one_node : start -> bool
(** Whether it runs, its memory and its affinity on one node. *)

(** What a hypervisor gets wrong. *)
type finding = named

val findings : finding list
(** Every one that is known. *)

(** What the host is at the end, with a sentence about it. *)
type ending =
  | As_before  (** as it was at the start: all pages free, none claimed *)
  | Left of string  (** pages that are claimed by nobody, or not free again *)
  | Crashed of string  (** one of Xen's assertions failed *)
  | Violated of string  (** the model contradicts itself: a bug *)
  | Stuck of string  (** it does not end: which VM makes no progress, and why *)

val pp_ending : Format.formatter -> ending -> unit

(** What a VM's toolstack came to, or else. *)
type happening =
  | Phase  (** a phase began *)
  | Restart  (** the toolstack died and came back *)
  | Destroy
  | Create
  | Set_maximum
  | Look_for_memory
  | Place
  | Fill_pool
  | Create_vcpus
  | Plan_and_claim
  | Pin
  | Build
  | End_of_build
  | Start_devices
  | Runs
  | Fails
  | Gone
      (** destroyed, as its toolstack sees it: memory may be still on its way
          back *)

type event = private {
    at_seconds: float
  ; what: string  (** a VM, a phase, [toolstack] *)
  ; happened: happening
}

type sample = private {
    at_seconds: float
  ; free_pages: int array  (** of each node, claimed ones included *)
  ; claimed_pages: int array  (** on each node *)
  ; outstanding_pages: int  (** of the host, those on nodes included *)
}

(** How memory went: not more than some thousands of each, in order of time. *)
type timeline = private {
    node_pages: int array
  ; samples: sample list
  ; events: event list
}

type run = private {
    scenario: string
  ; seed: int
  ; flavour: Model.flavour
  ; toolstack: toolstack
  ; variant: variant
  ; strategy: Request.strategy  (** with which it was run *)
  ; starts: start list  (** in the order in which they ended *)
  ; failed_starts: int
  ; starts_on_one_node: int
  ; remote_pages: int  (** of all starts *)
  ; overclaimed_page_seconds: int
        (** claimed beyond what their domains could still take, over time *)
  ; seconds_to_all_running: float
        (** the longest from the beginning of a phase to its last start *)
  ; found: (finding * int) list  (** how often, if at all *)
  ; ending: ending
  ; choices: choice array  (** with [Trace], they give the same run *)
  ; timeline: timeline option
  }

val run :
     ?seed:int
  -> ?flavour:Model.flavour
  -> ?toolstack:toolstack
  -> ?variant:variant
  -> ?strategy:Request.strategy
  -> ?schedule:schedule
  -> ?timeline:bool
  -> scenario
  -> (run, Failure.t) result
(** [run scenario] runs it: unless given with seed 1, on {!Model.upstream}, with
    {!ours}, [Unaligned], the scenario's strategy, [Timed], and without a
    timeline. [seed] decides sizes, durations and what comes of chance. Releases
    the runtime lock. *)

val minimal_trace : run -> scenario -> (choice array, Failure.t) result
(** [minimal_trace run scenario] is the fewest of [run]'s choices with which it
    still fails as it did, as far as leaving out parts of them finds these:
    that a start fails, or how it ended. All of them if it did not fail. Runs
    the scenario many times. *)
