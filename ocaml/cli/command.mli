(** The command [xenopsd-numa].

    A library, so that a program with a live host linked is the same command:
    {[
      let () = exit (Command.main ~live:connect ())
    ]} *)

open Xenopsd_numa

val main :
     ?argv:string array
  -> ?live:(unit -> (Hypervisor.t, string) result)
  -> ?declared:(string * bool) list
  -> unit
  -> int
(** [main ()] runs the command line [argv], the process's own unless given, and
    is its exit code: see {!Status.t}. [live] connects to the Xen at hand;
    [declared] is what [doctor] says of the library by which it does.

    Takes over the process: sets the reporter of [Logs], ignores [SIGPIPE], and
    ends at once, with 130, on [SIGINT]. Never raises. *)
