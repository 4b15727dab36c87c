(* Pipes, signals and full disks. *)

open Test_support

let dev_null flags = Unix.openfile "/dev/null" flags 0

(* A batch that never ends unless it is made to. *)
let endless ~stdout check =
  let input, questions = Unix.pipe ~cloexec:true () in
  let messages, stderr = Unix.pipe ~cloexec:true () in
  let pid =
    Run.start ~stdin:input ~stdout ~stderr ["plan"; "--batch"; "-"]
  in
  List.iter Unix.close [input; stderr] ;
  check ~questions pid ;
  let code = Run.wait pid in
  let buffer = Bytes.create 4096 in
  let err = Bytes.sub_string buffer 0 (Unix.read messages buffer 0 4096) in
  List.iter Unix.close [questions; messages] ;
  (code, err)

let ask questions =
  let text = "{\"host\": \"../hosts/xeon-2n.json\", \"requests\": []}\n" in
  ignore (Unix.write_substring questions text 0 (String.length text))

let reader_gone () =
  let answers, stdout = Unix.pipe ~cloexec:true () in
  Unix.close answers ;
  let code, err =
    endless ~stdout (fun ~questions _ -> Unix.close stdout ; ask questions)
  in
  Alcotest.(check int) "code" 141 code ;
  Alcotest.(check string) "quiet" "" err

let interrupted () =
  let answers, stdout = Unix.pipe ~cloexec:true () in
  let code, err =
    endless ~stdout (fun ~questions pid ->
        Unix.close stdout ;
        ask questions ;
        (* once it has answered, it is up and has its handlers *)
        ignore (Unix.read answers (Bytes.create 100) 0 100) ;
        Unix.kill pid Sys.sigint
    )
  in
  Unix.close answers ;
  Alcotest.(check int) "code" 130 code ;
  Alcotest.(check string) "quiet" "" err

let full_disk () =
  if Sys.file_exists "/dev/full" then
    Files.with_directory (fun root ->
        let path = Filename.concat root "err" in
        let stderr = Unix.openfile path Unix.[O_WRONLY; O_CREAT] 0o600 in
        let stdout = Unix.openfile "/dev/full" [Unix.O_WRONLY] 0 in
        let stdin = dev_null [Unix.O_RDONLY] in
        let code = Run.wait (Run.start ~stdin ~stdout ~stderr ["doctor"]) in
        List.iter Unix.close [stdin; stdout; stderr] ;
        Alcotest.(check int) "code" 2 code ;
        Alcotest.(check string)
          "message"
          "xenopsd-numa: standard output: no space left on device\n"
          (Files.read path)
    )

let closed_input () =
  Files.with_directory (fun root ->
      let err = Filename.concat root "err" in
      let command =
        Printf.sprintf "%s plan --host - --memory 1GiB --vcpus 1 <&- 2>%s"
          Run.executable (Filename.quote err)
      in
      Alcotest.(check int) "code" 2 (Sys.command command) ;
      Alcotest.(check string)
        "message"
        "xenopsd-numa: standard input: found bad file descriptor, expected a \
         readable file\n"
        (Files.read err)
  )

(* The program that the command hands over to, made by [make], and a second
   directory on the path. *)
let with_program ?(more = "") make check =
  Files.with_directory (fun directory ->
      let program = Filename.concat directory "xenopsd-numa-xenctrl" in
      make program ;
      check program (Run.command ~path:(directory ^ more) ["status"])
  )

let check_not_executed why program (result : Run.result) =
  Alcotest.(check int) why 2 result.code ;
  Alcotest.(check string) why "" result.out ;
  Alcotest.(check string)
    why
    (Printf.sprintf "xenopsd-numa: %s: cannot be executed: %s\n" program why)
    result.err

let not_executable () =
  let file text mode program =
    Files.write program text ;
    Unix.chmod program mode
  in
  let check make why = with_program make (check_not_executed why) in
  check (file "#!/bin/sh\n" 0o644) "permission denied" ;
  check (fun program -> Unix.mkdir program 0o755) "permission denied" ;
  check (file "\127ELF, but no program\n" 0o755) "exec format error" ;
  check (file "" 0o755) "exec format error" ;
  check (fun program -> Unix.symlink program program)
    "too many levels of symbolic links" ;
  (* what is farther down the path is tried, as a shell does *)
  Files.with_directory (fun second ->
      file "#!/bin/sh\necho \"got $*\"\n" 0o755
        (Filename.concat second "xenopsd-numa-xenctrl") ;
      with_program ~more:(":" ^ second) (file "" 0o644)
        (fun _ (result : Run.result) ->
          Alcotest.(check int) "the second" 0 result.code ;
          Alcotest.(check string) "the second" "got status\n" result.out
        )
  )

let no_circle () =
  let executable = Filename.concat (Sys.getcwd ()) Run.executable in
  let check make =
    with_program make (fun program (result : Run.result) ->
        Alcotest.(check int) program 2 result.code ;
        Alcotest.(check string)
          program
          "xenopsd-numa: xenopsd-numa-xenctrl: found this program again, \
           expected the one of the package xenopsd-numa-xenctrl\n"
          result.err
    )
  in
  check (Unix.symlink executable) ;
  check (fun program ->
      Files.write program
        (Printf.sprintf "#!/bin/sh\n%s \"$@\"\n" (Filename.quote executable)) ;
      Unix.chmod program 0o755
  )

let ends_are_in_the_manual () =
  List.iter
    (fun command ->
      let help = Run.command (command @ ["--help=plain"]) in
      List.iter
        (fun code ->
          if not (Files.contains help.out ("\n       " ^ code ^ " ")) then
            Alcotest.failf "%s is not in the manual: %s" code help.out
        )
        ["0"; "1"; "2"; "3"; "4"; "130"; "141"]
    )
    [[]; ["plan"]; ["doctor"]; ["simulate"]; ["status"]]

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "process"
  , [
      case "closed standard input" closed_input
    ; case "the reader goes away" reader_gone
    ; case "interrupted" interrupted
    ; case "a full disk" full_disk
    ; case "what cannot be executed" not_executable
    ; case "a link to itself" no_circle
    ; case "the manual has all ends" ends_are_in_the_manual
    ]
  )
