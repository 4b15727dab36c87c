(** Lists of CPUs or nodes as Linux and Xen's tools print them: [0-7,16]. *)

val max_id : int
(** What no CPU or node number exceeds, 65,535: so that no list is long. *)

val of_string : string -> (int list, string * string) result
(** [of_string text] is the numbers in [text], ascending, each once. The error
    is what was found and what was expected. The empty string is an error. *)

val of_mask : string -> (int list, string * string) result
(** [of_mask text] is the positions of the bits in [text], ascending: words of
    up to 8 hexadecimal digits, the highest first, with commas between them. *)

val decimal : string -> int option
(** [decimal text] is the number that [text] is, if it is nothing but 1 to 18
    decimal digits. *)
