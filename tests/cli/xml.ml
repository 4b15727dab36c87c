exception Wrong of string

let fail format = Printf.ksprintf (fun text -> raise (Wrong text)) format

let is_name = function
  | 'a' .. 'z' | 'A' .. 'Z' | '0' .. '9' | '-' | ':' | '_' ->
      true
  | _ ->
      false

let rec name_end text at =
  if at < String.length text && is_name text.[at] then
    name_end text (at + 1)
  else
    at

let index text at c =
  match String.index_from_opt text at c with
  | Some found ->
      found
  | None ->
      fail "no %c after %d" c at

(* No & but that of a reference, no < within. *)
let rec unescaped text =
  if String.contains text '<' then fail "< in %S" text ;
  match String.index_opt text '&' with
  | None ->
      text
  | Some at ->
      let until = index text at ';' in
      let plain =
        match String.sub text (at + 1) (until - at - 1) with
        | "amp" ->
            "&"
        | "lt" ->
            "<"
        | "gt" ->
            ">"
        | "quot" ->
            "\""
        | other ->
            fail "&%s;" other
      in
      String.sub text 0 at ^ plain
      ^ unescaped (String.sub text (until + 1) (String.length text - until - 1))

let rec attributes text at seen =
  if at < String.length text then
    match text.[at] with
    | ' ' | '/' | '?' ->
        attributes text (at + 1) seen
    | _ ->
        let until = name_end text at in
        let name = String.sub text at (until - at) in
        if name = "" || List.mem name seen then fail "attribute in %S" text ;
        if index text until '"' <> until + 1 || text.[until] <> '=' then
          fail "%s has no value" name ;
        let close = index text (until + 2) '"' in
        ignore (unescaped (String.sub text (until + 2) (close - until - 2))) ;
        attributes text (close + 1) (name :: seen)

let rec elements text at stack texts =
  let until =
    Option.value (String.index_from_opt text at '<')
      ~default:(String.length text)
  in
  let between = unescaped (String.sub text at (until - at)) in
  let texts = if String.trim between = "" then texts else between :: texts in
  if until = String.length text then
    match stack with
    | [] ->
        List.rev texts
    | open_ :: _ ->
        fail "%s is not closed" open_
  else
    let close = index text until '>' in
    let tag = String.sub text (until + 1) (close - until - 1) in
    let stack =
      match (tag.[0], tag.[String.length tag - 1], stack) with
      | '?', '?', [] when until = 0 ->
          attributes tag (name_end tag 1) [] ;
          []
      | '/', _, open_ :: stack ->
          if tag <> "/" ^ open_ then fail "%s ends %s" tag open_ ;
          stack
      | first, last, stack ->
          if not (is_name first) then fail "tag %S" tag ;
          let name = String.sub tag 0 (name_end tag 0) in
          attributes tag (String.length name) [] ;
          if last = '/' then stack else name :: stack
    in
    elements text (close + 1) stack texts

let check text =
  let allowed c = c >= ' ' || c = '\n' in
  match
    if not (Xenopsd_numa_formats.Json_syntax.is_utf8 text) then
      fail "it is not UTF-8" ;
    String.iter (fun c -> if not (allowed c) then fail "character %C" c) text ;
    elements text 0 [] []
  with
  | texts ->
      Ok texts
  | exception Wrong what ->
      Error what
