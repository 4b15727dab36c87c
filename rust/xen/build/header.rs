//! `xenctrl.h` as the C compiler sees it: for `build.rs`, and for the tests of what that finds.

use std::env;
use std::process::{Command, Output, Stdio};

/// Where the words are that bindgen is given for xenctrl-sys: the same header is looked at.
pub const INCLUDES: &str = "BINDGEN_EXTRA_CLANG_ARGS";

/// The words of [`INCLUDES`].
pub fn includes() -> Vec<String> {
    let given = env::var(INCLUDES).unwrap_or_default();
    given.split_whitespace().map(str::to_string).collect()
}

/// What the compiler `cc`, which may be several words such as `ccache gcc`, says of a file.
fn compile(cc: &str, arguments: &[String], file: &str) -> Result<Output, String> {
    let mut words = cc.split_whitespace();
    Command::new(words.next().unwrap_or("cc"))
        .args(words)
        .arg("-std=gnu11")
        .args(arguments)
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("the C compiler {cc} cannot be run: {error}"))
}

fn with(arguments: &[String], more: &[&str]) -> Vec<String> {
    let given = arguments.iter().map(String::as_str);
    given
        .chain(more.iter().copied())
        .map(str::to_string)
        .collect()
}

/// Whether the compiler takes a file.
pub fn compiles(cc: &str, arguments: &[String], file: &str) -> Result<bool, String> {
    let output = compile(cc, &with(arguments, &["-fsyntax-only"]), file)?;
    Ok(output.status.success())
}

/// What the compiler writes about a file that it must take.
fn compiler_output(cc: &str, arguments: &[String], file: &str) -> Result<String, String> {
    let output = compile(cc, arguments, file)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{cc} cannot compile {file}:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// The files that `file`, which must compile, includes, one by one and through others.
pub fn included(cc: &str, arguments: &[String], file: &str) -> Result<Vec<String>, String> {
    // For a list of files the compiler only looks for them.
    compiler_output(cc, &with(arguments, &["-fsyntax-only"]), file)?;
    let rule = compiler_output(cc, &with(arguments, &["-M"]), file)?;
    let words = rule.split_whitespace().filter(|word| *word != "\\");
    // The first is the rule's target, the second the file itself.
    Ok(words.skip(2).map(str::to_string).collect())
}

/// What `probes/layout.c` says of a header, as conditions in Rust.
pub fn layout(cc: &str, arguments: &[String], file: &str) -> Result<Vec<String>, String> {
    let text = compiler_output(cc, &with(arguments, &["-S", "-o", "-"]), file)?;
    let lines = text.lines().filter_map(|line| line.strip_prefix('@'));
    Ok(lines.map(str::to_string).collect())
}
