//! The newc archive format: a header of hexadecimal numbers, the name, the content, each padded to
//! four bytes.

use std::io::{self, Write};

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;

/// The name that ends an archive.
const END: &str = "TRAILER!!!";

/// An archive being written.
pub struct Newc<W> {
    out: W,
    entries: u32,
}

impl<W: Write> Newc<W> {
    pub fn new(out: W) -> Self {
        Newc { out, entries: 0 }
    }

    /// A directory; its parents must have come before.
    pub fn directory(&mut self, path: &str) -> io::Result<()> {
        self.entry(path, DIRECTORY | 0o755, 2, &[])
    }

    /// A file with the permissions `mode`.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.entry(path, REGULAR | mode & 0o7777, 1, content)
    }

    /// Ends the archive. Without its last entry a kernel takes it for cut off.
    pub fn finish(mut self) -> io::Result<()> {
        self.entry(END, 0, 1, &[])?;
        self.out.flush()
    }

    fn entry(&mut self, path: &str, mode: u32, links: u32, content: &[u8]) -> io::Result<()> {
        let length = u32::try_from(content.len())
            .map_err(|_| io::Error::other("a file of 4 GiB or more"))?;
        self.entries += 1;
        // Inode, mode, owner, group, links, time, size, four device numbers, name, checksum.
        let name = path.len() as u32 + 1;
        let numbers = [
            self.entries,
            mode,
            0,
            0,
            links,
            0,
            length,
            0,
            0,
            0,
            0,
            name,
            0,
        ];
        self.out.write_all(b"070701")?;
        for number in numbers {
            write!(self.out, "{number:08x}")?;
        }
        self.out.write_all(path.as_bytes())?;
        // The name's end, and the padding after a header of 110 bytes.
        let padding = 1 + (4 - (110 + path.len() + 1) % 4) % 4;
        self.out.write_all(&[0; 4][..padding])?;
        self.out.write_all(content)?;
        self.out.write_all(&[0; 4][..(4 - content.len() % 4) % 4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path, mode and content of each entry, read as a kernel does.
    fn read(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut entries = Vec::new();
        let mut at = 0;
        loop {
            let number = |field: usize| {
                let digits = &archive[at + 6 + 8 * field..][..8];
                u32::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
            };
            assert_eq!(&archive[at..][..6], b"070701");
            let (mode, size, name) = (number(1), number(6) as usize, number(11) as usize);
            let path = &archive[at + 110..][..name];
            assert_eq!(path.last(), Some(&0));
            let path = String::from_utf8(path[..name - 1].to_vec()).unwrap();
            at = (at + 110 + name).next_multiple_of(4);
            if path == END {
                return entries;
            }
            entries.push((path, mode, archive[at..][..size].to_vec()));
            at = (at + size).next_multiple_of(4);
        }
    }

    #[test]
    fn what_went_in_comes_out() {
        let mut bytes = Vec::new();
        let mut archive = Newc::new(&mut bytes);
        archive.directory("d").unwrap();
        let mut expected = vec![("d".to_string(), 0o040_755, Vec::new())];
        for length in 0..9 {
            let path = format!("d/{}", "x".repeat(length + 1));
            let content: Vec<u8> = (0..length as u8).collect();
            archive.file(&path, 0o755, &content).unwrap();
            expected.push((path, 0o100_755, content));
        }
        archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(read(&bytes), expected);
    }
}
