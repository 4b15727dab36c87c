open Test_support

type result = {code: int; out: string; err: string}

let executable = "../../ocaml/cli/main.exe"

let start ~stdin ~stdout ~stderr arguments =
  Unix.create_process executable
    (Array.of_list ("xenopsd-numa" :: arguments))
    stdin stdout stderr

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
let command ?(input = "") arguments =
  Files.with_directory (fun directory ->
      let path name = Filename.concat directory name in
      Files.write (path "in") input ;
      let output name =
        Unix.openfile (path name) Unix.[O_WRONLY; O_CREAT; O_CLOEXEC] 0o600
      in
      let stdin = Unix.openfile (path "in") Unix.[O_RDONLY; O_CLOEXEC] 0 in
      let stdout = output "out" and stderr = output "err" in
      let code = wait (start ~stdin ~stdout ~stderr arguments) in
      List.iter Unix.close [stdin; stdout; stderr] ;
      let result =
        {code; out= Files.read (path "out"); err= Files.read (path "err")}
      in
      quiet result ; result
  )
