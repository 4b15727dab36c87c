open Test_support

type result = {code: int; out: string; err: string}

let executable = "../../ocaml/cli/main.exe"

let environment path =
  let is_path variable =
    String.length variable > 5 && String.sub variable 0 5 = "PATH="
  in
  match path with
  | None ->
      Unix.environment ()
  | Some path ->
      Array.to_list (Unix.environment ())
      |> List.filter (fun variable -> not (is_path variable))
      |> List.cons ("PATH=" ^ path)
      |> Array.of_list

let start ?path ~stdin ~stdout ~stderr arguments =
  Unix.create_process_env executable
    (Array.of_list ("xenopsd-numa" :: arguments))
    (environment path) stdin stdout stderr

let rec wait pid =
  match Unix.waitpid [] pid with
  | _, Unix.WEXITED code ->
      code
  | _, (Unix.WSIGNALED signal | Unix.WSTOPPED signal) ->
      128 + abs signal
  | exception Unix.Unix_error (Unix.EINTR, _, _) ->
      wait pid

let quiet {err; _} =
  List.iter
    (fun trace ->
      if Files.contains err trace then Alcotest.failf "a trace: %s" err
    )
    ["Raised at"; "Raised by"; "Fatal error"; "Called from"; "panicked"]

(* Through files, which never fill up and never have to be drained. *)
let command ?path:programs ?(input = "") arguments =
  Files.with_directory (fun directory ->
      let path name = Filename.concat directory name in
      Files.write (path "in") input ;
      let output name =
        Unix.openfile (path name) Unix.[O_WRONLY; O_CREAT; O_CLOEXEC] 0o600
      in
      let stdin = Unix.openfile (path "in") Unix.[O_RDONLY; O_CLOEXEC] 0 in
      let stdout = output "out" and stderr = output "err" in
      let code = wait (start ?path:programs ~stdin ~stdout ~stderr arguments) in
      List.iter Unix.close [stdin; stdout; stderr] ;
      let result =
        {code; out= Files.read (path "out"); err= Files.read (path "err")}
      in
      quiet result ; result
  )
