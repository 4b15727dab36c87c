open Xenopsd_numa
module Size = Size
module Failure = Failure

module Host = struct
  type t = Host.plain
end

module Invalid = struct
  type t = invalid
end

module Named = struct
  type t = named
end

module Strategy = struct
  type t = Request.strategy
end
