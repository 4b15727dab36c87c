(** Strict decoders of JSON values that know the path of what they read. *)

type error = Xenopsd_numa.error

type 'a t
(** A reader of one value. *)

val read : 'a t -> path:string -> Yojson.Safe.t -> ('a, error) result

val v :
     expected:string
  -> (path:string -> Yojson.Safe.t -> ('a, error) result)
  -> 'a t
(** [v ~expected read] is a reader; [expected] is what is said to be missing. *)

val invalid :
  path:string -> found:string -> expected:string -> ('a, error) result

val found : Yojson.Safe.t -> string
(** What a message calls a value: scalars as they stand, [a list]. *)

val integer : int t
(** Of 63 bits. *)

val count : int t
(** An integer, 0 or more. *)

val size : Xenopsd_numa.Size.t t

val string : string t

val boolean : bool t

val nullable : 'a t -> 'a option t

val array : 'a t -> 'a array t

val list : 'a t -> 'a list t

val one_of : (string * 'a) list -> 'a t
(** A string from a list of names. *)

(** {1 Objects} *)

type fields
(** The keys and values of an object, each key once. *)

val fields : path:string -> Yojson.Safe.t -> (fields, error) result
(** The error is a value that is no object, or a duplicate key. *)

val only : string list -> fields -> (unit, error) result
(** [only keys fields] is an error if there is a key that is not in [keys]. *)

val required : fields -> string -> 'a t -> ('a, error) result

val optional : fields -> string -> 'a t -> ('a option, error) result
(** [None] if the key is not there. *)

val under : string -> error -> error
(** [under path error] is [error], whose field is in the object at [path]. *)

val key : path:string -> string -> string
(** [key ~path name] is the path of a key: [path.name]. *)

val list_of : ('a -> 'b) -> 'a list -> 'b list
(** [List.map], safe on long lists. *)

val map_list :
  (int -> 'a -> ('b, 'e) result) -> 'a list -> ('b list, 'e) result
(** [map_list f l] is [f] of each element and its position, in order, up to the
    first error. Safe on long lists. *)
