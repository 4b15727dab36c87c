include Raw.Refusal

let reasons = Raw.reasons ()

let of_the_host t = t.reason.name = "host_memory"

let pp ppf t = Format.pp_print_string ppf (Raw.refusal_text t)
