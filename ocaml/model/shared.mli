(** The types that cross to Rust from the core's library and from this one, as
    the core has them. *)

open Xenopsd_numa
module Size = Size
module Failure = Failure

module Host : sig
  type t = Host.plain
end

module Invalid : sig
  type t = invalid
end

module Named : sig
  type t = named
end

module Strategy : sig
  type t = Request.strategy
end
