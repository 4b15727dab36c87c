open Xenopsd_numa

let ( let* ) = Result.bind

type t = (string, (Host.t, Error.t) result) Hashtbl.t

let create () = Hashtbl.create 16

type outcome = Answered | Bad_line | Failed

(* Bounds memory on a batch that names a new file in each line. *)
let max_hosts = 1024

let read_host (t : t) path =
  match Hashtbl.find_opt t path with
  | Some host ->
      host
  | None ->
      if Hashtbl.length t >= max_hosts then Hashtbl.reset t ;
      let host = Host_file.read_regular path in
      Hashtbl.replace t path host ;
      host

(* Standard input is where the lines come from. *)
let host_of_path t ~path file =
  if file = "" || file = Source.standard_input then
    Json_field.invalid ~path ~found:(Error.excerpt file)
      ~expected:"the path of a file"
  else
    match read_host t file with
    | Ok host ->
        Ok host
    | Error (Error.Internal message) ->
        Error (Internal message)
    | Error (Error.Fault {file; place; found; expected}) ->
        let where =
          match place with
          | Error.Whole ->
              file
          | Error.Line line ->
              Printf.sprintf "%s: line %d" file line
          | Error.Field field ->
              Printf.sprintf "%s: %s" file field
          | Error.At {line; column; field} ->
              Printf.sprintf "%s: line %d, column %d: %s" file line column field
        in
        Json_field.invalid ~path ~found:(where ^ ": " ^ found) ~expected

let host t =
  Json_field.v ~expected:"a host, or the path of one" (fun ~path json ->
      match json with
      | `String file ->
          host_of_path t ~path file
      | `Assoc _ ->
          Host_json.of_json ~path json
      | json ->
          Json_field.(invalid ~path ~found:(found json))
            ~expected:"a host, or the path of one"
  )

let request =
  Json_field.v ~expected:"a request" (fun ~path json ->
      Request_json.of_json ~path json
  )

let max_requests = 65536

(* Counted before they are read: a line has room for millions. *)
let requests =
  let requests = Json_field.list request in
  Json_field.v ~expected:"a list" (fun ~path json ->
      match json with
      | `List list when List.compare_length_with list max_requests > 0 ->
          Json_field.invalid ~path
            ~found:(Printf.sprintf "%d requests" (List.length list))
            ~expected:(Printf.sprintf "at most %d" max_requests)
      | json ->
          Json_field.read requests ~path json
  )

let keys =
  [
    "host"
  ; "requests"
  ; "independent"
  ; "together"
  ; "reserve_bytes"
  ; "node_reserve_bytes"
  ]

(** How the requests of a line see each other. *)
type mode = In_order | Independent | Together

let mode ~independent ~together =
  match (independent, together) with
  | Some true, Some true ->
      Json_field.invalid ~path:"together" ~found:"true"
        ~expected:"false, or no such key, where independent is true"
  | Some true, (Some false | None) ->
      Ok Independent
  | (Some false | None), Some true ->
      Ok Together
  | (Some false | None), (Some false | None) ->
      Ok In_order

(** The answers to the requests, and what is said beside them. *)
let planned mode ?reserve ?node_reserve host requests =
  let all ~independent =
    plan_all ?reserve ?node_reserve ~independent host requests
    |> Result.map (fun answers -> (answers, []))
  in
  match mode with
  | In_order ->
      all ~independent:false
  | Independent ->
      all ~independent:true
  | Together ->
      plan_batch ?reserve ?node_reserve host requests
      |> Result.map (fun (batch : Xenopsd_numa.Batch.t) ->
             (batch.answers, Plan_json.together batch)
         )

let plan_line t json =
  let open Json_field in
  let* fields = fields ~path:"" json in
  let* () = only keys fields in
  let* independent = optional fields "independent" boolean in
  let* together = optional fields "together" boolean in
  let* mode = mode ~independent ~together in
  let* reserve = optional fields "reserve_bytes" size in
  let* node_reserve = optional fields "node_reserve_bytes" size in
  let* host = required fields "host" (host t) in
  let* requests = required fields "requests" requests in
  let* answers, beside =
    planned mode ?reserve ?node_reserve host requests
    |> Result.map_error (fun (i, error) ->
           under (Printf.sprintf "requests[%d]" i) error
       )
  in
  let plan request answer = Plan_json.v ~name:(Request.name request) answer in
  let plans = List.rev (List.rev_map2 plan requests answers) in
  let beside = beside @ Plan_json.left_out host in
  Ok (`Assoc (("answers", `List plans) :: beside))

let error ~line ?field message : Yojson.Safe.t =
  let field = Option.fold ~none:`Null ~some:Json_syntax.string field in
  `Assoc
    [
      ( "error"
      , `Assoc
          [
            ("line", `Int line)
          ; ("field", field)
          ; ("message", Json_syntax.string message)
          ]
      )
    ]

let mismatch found expected =
  Printf.sprintf "found %s, expected %s" found expected

let answer_json t ~line text =
  match Json_syntax.parse text with
  | Error {found; expected; line= _} ->
      (error ~line (mismatch found expected), Bad_line)
  | Ok json -> (
    match plan_line t json with
    | Ok answer ->
        (answer, Answered)
    | Error (Invalid {field= ""; found; expected}) ->
        (error ~line (mismatch found expected), Bad_line)
    | Error (Invalid {field; found; expected}) ->
        (error ~line ~field (mismatch found expected), Bad_line)
    | Error (Internal _ as internal) ->
        (error ~line (Fmt.str "%a" pp_error internal), Failed)
  )

let answer t ~line text =
  if String.trim text = "" then None else Some (answer_json t ~line text)

let worse a b =
  match (a, b) with
  | Failed, _ | _, Failed ->
      Failed
  | Bad_line, _ | _, Bad_line ->
      Bad_line
  | Answered, Answered ->
      Answered

let too_long line =
  let found = Printf.sprintf "more than %d bytes" Source.max_bytes in
  (error ~line (mismatch found "a shorter line"), Bad_line)

let run ~input ~write ~flush =
  let t = create () in
  let lines = Lines.of_fd input in
  let put worst (json, outcome) =
    write (Yojson.Safe.to_string ~std:true json ^ "\n") ;
    worse worst outcome
  in
  let rec go line worst =
    match Lines.next ~before_waiting:flush lines with
    | Lines.End ->
        Ok worst
    | Lines.Unreadable message ->
        Error message
    | Lines.Too_long ->
        go (line + 1) (put worst (too_long line))
    | Lines.Line text ->
        Option.fold (answer t ~line text) ~none:worst ~some:(put worst)
        |> go (line + 1)
  in
  let result = go 1 Answered in
  flush () ; result
