(** An executable model of Xen's page accounting, in virtual time. A
    {!Xenopsd_numa.Hypervisor} to test against.

    {[
      let open Xenopsd_numa in
      let ( let* ) = Result.bind in
      let* xen = Xenopsd_numa_model.Model.create host in
      let* claims = Claims.open_ (Xenopsd_numa_model.Model.hypervisor xen) in
      let memory = Size.gib 4 in
      let* domid =
        Xenopsd_numa_model.Model.create_domain xen ~vcpus:2 ~max:memory
      in
      let* placed = Claims.place claims ~domid (request memory) in
      Ok (Claims.outcome placed).kind.name
    ]} *)

open Xenopsd_numa

type t

type flavour = named
(** How a Xen accounts claims: a name such as ["4.17"], and which Xen it is. *)

val flavours : flavour list
(** Every one. *)

val upstream : flavour

val flavour_of_string : string -> (flavour, string) result
(** The flavour of that name. The error has the names there are. *)

val create : ?flavour:flavour -> Host.t -> (t, Failure.t) result
(** A Xen, {!upstream} unless said otherwise, that has the host's nodes, CPUs
    and free memory; nothing claimed. Its clock starts at 0 and moves only when
    it is made to. It is there until the process ends. *)

val hypervisor : t -> Hypervisor.t

val create_domain : t -> vcpus:int -> max:Size.t -> (int, Failure.t) result
(** A new domain, its maximum memory set; its number. *)

val set_pool : t -> domid:int -> Size.t -> (unit, Failure.t) result
(** Fills the domain's pool, from memory that no claim covers, and creates its
    vCPUs. *)

val populate :
  ?exact_node:int -> t -> domid:int -> Size.t -> (int, Failure.t) result
(** Populates memory as a domain builder does, by 1 GiB, 2 MiB and 4 KiB
    extents: from the nodes of the domain's affinity as long as they have some,
    or from [exact_node] only. The pages that could be had. *)

val destroy : t -> domid:int -> (unit, Failure.t) result
(** Starts to take the domain's memory back, which takes time. *)

val advance : t -> seconds:float -> (unit, Failure.t) result
(** Lets virtual time pass. *)

val free_pages : t -> (int, Failure.t) result
(** Free pages of the host, claimed ones included. *)

val outstanding_pages : t -> (int, Failure.t) result
(** Pages that claims hold. *)

val domain_pages : t -> domid:int -> ((int * int) list, Failure.t) result
(** A domain's pages by node. *)
