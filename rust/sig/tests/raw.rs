//! What OCaml has of what is marked in Rust, and what is refused.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use xenopsd_numa_sig::{expand, raw_ml};

/// `raw.ml` of one file, a line a blank, without its first line.
fn raw(opened: Option<&str>, source: &str) -> Result<String, String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let scratch = std::env::temp_dir().join(format!("sig-{}-{number}", std::process::id()));
    let sources = scratch.join("sources");
    fs::create_dir_all(&sources).unwrap();
    fs::write(sources.join("abi.rs"), source).unwrap();
    let text = raw_ml(opened, &[sources], &scratch.join("scratch"));
    fs::remove_dir_all(&scratch).unwrap();
    let text = text.map_err(|error| error.to_string())?;
    let (_, text) = text.split_once('\n').unwrap();
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn refused(source: &str) -> String {
    let item = source.replace("#[sig]", "");
    let expanded = expand(Default::default(), item.parse().unwrap()).to_string();
    assert!(expanded.contains("compile_error"), "{expanded}");
    raw(None, source).unwrap_err()
}

#[test]
fn functions() {
    let source = "#[sig] fn f(a: AHandle, b: i64, c: Size) -> Result<Array<Option<i64>>, BValue> {}
                  #[sig(held)] fn g() -> Vec<f64> {}
                  #[sig] fn h(a: (i64, String)) {}
                  fn not_marked() {}";
    assert_eq!(
        raw(Some("Shared"), source).unwrap(),
        "open Shared \
         external f : A_handle.t -> int -> Size.t -> (int option array, B.t) result \
         = \"xenopsd_numa_f\" \
         external g : unit -> float list = \"xenopsd_numa_g\" \
         external h : (int * string) -> unit = \"xenopsd_numa_h\""
    );
}

#[test]
fn records_and_handles() {
    let source = "#[sig] pub struct SValue { a_bytes: i64, b: Vec<Option<String>>, c: (bool, f64) }
                  #[sig] pub struct FooBarHandle(Arc<u8>);";
    assert_eq!(
        raw(None, source).unwrap(),
        "module S = struct \
         type t = { a_bytes : int ; b : string option list ; c : (bool * float) } end \
         module Foo_bar_handle = struct type t end"
    );
}

#[test]
fn variants() {
    let source =
        "#[sig(of = x::E)] enum E { Any, BestEffort, Node(i64), Because(String, NodeValue) }
                  #[sig] struct NodeValue { node: i64 }";
    assert_eq!(
        raw(None, source).unwrap(),
        "module Node = struct type t = { node : int } end \
         module E = struct \
         type t = Any | Best_effort | Node of int | Because of string * Node.t end"
    );
}

#[test]
fn what_cannot_cross() {
    for source in [
        "#[sig] struct S { a: u32 }",
        "#[sig] struct S { a: &'static str }",
        "#[sig] struct S(i64);",
        // A record of floats only, and an array of floats, have another layout in OCaml.
        "#[sig] struct S { a: f64 }",
        "#[sig] struct S { a: Array<f64> }",
        "#[sig] fn f(a: HashMap<i64, i64>) {}",
        "#[sig] fn f(self) {}",
    ] {
        let error = refused(source);
        assert!(error.contains("abi.rs: "), "{source}: {error}");
    }
}

#[test]
fn too_many_arguments() {
    let error = refused("#[sig] fn f(a: i64, b: i64, c: i64, d: i64, e: i64) {}");
    assert!(error.contains("at most 4"), "{error}");
}

#[test]
fn arguments_of_other_items_are_refused() {
    let check = |arguments: &str, item: &str, expected: &str| {
        let expanded = expand(arguments.parse().unwrap(), item.parse().unwrap()).to_string();
        assert_eq!(expanded.contains("compile_error"), !expected.is_empty());
        assert!(expanded.contains(expected), "{expanded}");
    };
    check("held", "fn f() {}", "");
    check("module = M", "fn f() {}", "expected held");
    check("module = M", "struct A { b: i64 }", "");
    check("held", "struct A { b: i64 }", "expected module");
    check("of = other::A", "struct AHandle(B);", "expected module");
    check("of = other::A, module = M", "enum A { B }", "");
    check("held = true", "enum A { B }", "expected of or module");
}

#[test]
fn circles_are_refused() {
    let source = "#[sig] struct AValue { b: Option<BValue> } #[sig] struct BValue { a: AValue }";
    let error = raw(None, source).unwrap_err();
    assert!(error.contains("in a circle"), "{error}");
}
