//! Writes a newc archive, the format in which Linux takes its first file system, from a list of
//! lines on standard input: `dir PATH`, `file PATH MODE SOURCE` (`MODE` in octal).
//!
//! Running the tests needs neither cpio nor root for it.
#![forbid(unsafe_code)]

mod newc;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::process::ExitCode;

use newc::Newc;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("usage: xenopsd-numa-archive OUT < LIST")]
    Usage,
    #[error("line {line}: found {found:?}, expected `dir PATH` or `file PATH MODE SOURCE`")]
    Line { line: usize, found: String },
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
}

fn at(path: &str) -> impl FnOnce(io::Error) -> Error + '_ {
    move |source| Error::Io {
        path: path.to_string(),
        source,
    }
}

fn add(archive: &mut Newc<impl Write>, out: &str, line: usize, text: &str) -> Result<(), Error> {
    let wrong = || Error::Line {
        line,
        found: text.to_string(),
    };
    match *text.split_whitespace().collect::<Vec<_>>() {
        [] => Ok(()),
        ["dir", path] => archive.directory(path).map_err(at(out)),
        ["file", path, mode, source] => {
            let mode = u32::from_str_radix(mode, 8).map_err(|_| wrong())?;
            let content = std::fs::read(source).map_err(at(source))?;
            archive.file(path, mode, &content).map_err(at(out))
        }
        _ => Err(wrong()),
    }
}

fn run() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let (Some(out), None) = (arguments.next(), arguments.next()) else {
        return Err(Error::Usage);
    };
    let mut list = String::new();
    (io::stdin().read_to_string(&mut list)).map_err(at("standard input"))?;
    let file = File::create(&out).map_err(at(&out))?;
    let mut archive = Newc::new(BufWriter::new(file));
    for (line, text) in (1..).zip(list.lines()) {
        add(&mut archive, &out, line, text)?;
    }
    archive.finish().map_err(at(&out))
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xenopsd-numa-archive: {error}");
            ExitCode::from(2)
        }
    }
}
