open Xenopsd_numa

type nonrec error = error

type 'a t = {
    expected: string
  ; read: path:string -> Yojson.Safe.t -> ('a, error) result
}

let ( let* ) = Result.bind

let v ~expected read = {expected; read}

let read decoder ~path json = decoder.read ~path json

let invalid ~path ~found ~expected =
  Error (Invalid {field= path; found; expected})

(* No type named: yojson has tuples and variants up to its second version
   only. *)
let found = function
  | `Null ->
      "null"
  | `Bool value ->
      string_of_bool value
  | `Int value ->
      string_of_int value
  | `Intlit literal ->
      literal
  | `Float number ->
      Yojson.Safe.to_string (`Float number)
  | `String text ->
      Error.excerpt text
  | `List _ | `Tuple _ ->
      "a list"
  | `Assoc _ | `Variant _ ->
      "an object"

let mismatch ~path expected json = invalid ~path ~found:(found json) ~expected

let scalar expected choose =
  v ~expected (fun ~path json ->
      match choose json with
      | Some value ->
          Ok value
      | None ->
          mismatch ~path expected json
  )

let integer =
  scalar "an integer of 63 bits" (function
    | `Int value -> Some value
    | _ -> None
    )

let count =
  scalar "an integer, 0 or more" (function
    | `Int value when value >= 0 -> Some value
    | _ -> None
    )

let size =
  scalar
    (Printf.sprintf "bytes, an integer from 0 to %d" Size.max_bytes)
    (function
      | `Int value -> Result.to_option (Size.bytes value)
      | _ -> None
      )

let string = scalar "a string" (function `String s -> Some s | _ -> None)

let boolean = scalar "true or false" (function `Bool b -> Some b | _ -> None)

let nullable {expected; read} =
  let expected = expected ^ ", or null" in
  v ~expected (fun ~path json ->
      match json with
      | `Null ->
          Ok None
      | json -> (
        match read ~path json with
        | Ok value ->
            Ok (Some value)
        | Error (Invalid invalid) when invalid.field = path ->
            Error (Invalid {invalid with expected})
        | Error error ->
            Error error
      )
  )

let list_of f list = List.rev (List.rev_map f list)

let map_list f list =
  let rec go i mapped = function
    | [] ->
        Ok (List.rev mapped)
    | x :: rest ->
        let* y = f i x in
        go (i + 1) (y :: mapped) rest
  in
  go 0 [] list

let list {read; _} =
  let expected = "a list" in
  v ~expected (fun ~path json ->
      match json with
      | `List values ->
          map_list
            (fun i json -> read ~path:(Printf.sprintf "%s[%d]" path i) json)
            values
      | json ->
          mismatch ~path expected json
  )

let array decoder =
  let list = list decoder in
  v ~expected:list.expected (fun ~path json ->
      Result.map Array.of_list (list.read ~path json)
  )

let one_of names =
  let expected = String.concat ", " (List.map fst names) in
  scalar expected (function
    | `String name ->
        List.assoc_opt name names
    | _ ->
        None
    )

module Strings = Map.Make (String)

type fields = {path: string; values: Yojson.Safe.t Strings.t}

let is_plain = function
  | 'a' .. 'z' | 'A' .. 'Z' | '0' .. '9' | '_' | '-' ->
      true
  | _ ->
      false

(* A key that is no plain word is quoted, so that it cannot break a message. *)
let key ~path name =
  let plain =
    name <> ""
    && String.length name <= 64
    && String.for_all is_plain name
  in
  match (plain, path) with
  | true, "" ->
      name
  | true, path ->
      path ^ "." ^ name
  | false, path ->
      Printf.sprintf "%s[%s]" path (Error.excerpt name)

let under path = function
  | Invalid invalid when path <> "" ->
      Invalid {invalid with field= path ^ "." ^ invalid.field}
  | (Invalid _ | Internal _) as error ->
      error

let fields ~path json =
  let rec add values = function
    | [] ->
        Ok {path; values}
    | (name, _) :: _ when Strings.mem name values ->
        invalid ~path:(key ~path name) ~found:"the key twice" ~expected:"once"
    | (name, value) :: rest ->
        add (Strings.add name value values) rest
  in
  match json with
  | `Assoc members ->
      add Strings.empty members
  | json ->
      mismatch ~path "an object" json

let only keys {path; values} =
  let unknown name _ = not (List.mem name keys) in
  match Strings.min_binding_opt (Strings.filter unknown values) with
  | None ->
      Ok ()
  | Some (name, _) ->
      let expected = "one of " ^ String.concat ", " keys in
      invalid ~path:(key ~path name) ~found:"an unknown key" ~expected

let optional {path; values} name {read; _} =
  match Strings.find_opt name values with
  | None ->
      Ok None
  | Some json ->
      Result.map Option.some (read ~path:(key ~path name) json)

let required fields name decoder =
  let* value = optional fields name decoder in
  match value with
  | Some value ->
      Ok value
  | None ->
      invalid
        ~path:(key ~path:fields.path name)
        ~found:"nothing" ~expected:decoder.expected
