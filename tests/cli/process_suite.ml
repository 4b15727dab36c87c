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
        Alcotest.(check int) "code" 4 code ;
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

let case name f = Alcotest.test_case name `Quick f

let suite =
  ( "process"
  , [
      case "closed standard input" closed_input
    ; case "the reader goes away" reader_gone
    ; case "interrupted" interrupted
    ; case "a full disk" full_disk
    ]
  )
