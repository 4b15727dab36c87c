type t = {
    reason: Raw.named_value
  ; short_by_bytes: int
  ; short_by_cpus: int
  ; short_by_cores: int
  ; nearest: int list
}

let of_raw (value : Raw.refusal_value) =
  {
    reason= value.reason
  ; short_by_bytes= value.short_by_bytes
  ; short_by_cpus= value.short_by_cpus
  ; short_by_cores= value.short_by_cores
  ; nearest= Array.to_list value.nearest
  }

let to_raw t : Raw.refusal_value =
  {
    reason= t.reason
  ; short_by_bytes= t.short_by_bytes
  ; short_by_cpus= t.short_by_cpus
  ; short_by_cores= t.short_by_cores
  ; nearest= Array.of_list t.nearest
  }

let reasons = Array.to_list (fst (Raw.xenopsd_numa_reasons ()))

let of_the_host t = t.reason.name = "host_memory"

let pp ppf t =
  Format.pp_print_string ppf (Raw.xenopsd_numa_refusal_text (to_raw t))
