open Xenopsd_numa

let invalid ({field; found; expected} : Raw.invalid_value) : invalid =
  {field; found; expected}

let of_raw : Raw.failure_value -> Failure.t = function
  | Invalid value ->
      Invalid (invalid value)
  | Call {call; errno; call_domid= domid; doing} ->
      Call {call; errno; domid; doing}
  | Internal message ->
      Internal message

let protocol result = Result.map_error of_raw result
